"""Secrets and schemas: what must be there before a service starts, made by the chassis, told in our words."""

from collections.abc import Callable

from embedded.home import Home
from embedded.problems import EmbeddedError
from embedded.topology import service_names


def make_secrets(home: Home) -> None:
    """Makes the secrets that are missing."""
    from chassis import tokens

    tokens.make_secrets(home.secrets, service_names())


async def migrate(owner_url: str, home: Home, say: Callable[[str], None]) -> None:
    """Brings the schemas of all services up to date. Raises EmbeddedError."""
    from chassis import migrate

    try:
        await migrate.run(owner_url, service_names(), home.secrets, say)
    except migrate.MigrationError as error:
        raise EmbeddedError(str(error)) from error


def preload() -> None:
    """Imports what `migrate` needs, in a thread while the servers start, so that nobody waits for it."""
    import chassis.migrate  # noqa: F401 - imported for the time it takes
