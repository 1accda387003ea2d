"""What an operator can set about registration and sessions."""

from pydantic import Field

from chassis.settings import ServiceSettings


class UserSettings(ServiceSettings):
    """Read from FITNESSHUB_USER_<FIELD>."""

    sign_up_enabled: bool = True
    """False refuses new registrations; who is registered can sign in."""
    access_token_seconds: int = Field(default=3600, ge=60, le=86_400)
    """Life of an access token. Refusal of an ended session doesn't wait for it."""
    local_tokens: bool | None = None
    """Whether `fitnesshub token` may issue sessions. Not given: only where the environment is `local`."""
    hash_threads: int = Field(default=2, ge=1, le=32)
    """Passwords hashed at once. Each takes a core for some 25 ms and 19 MiB of memory."""
