"""What an operator can set about the event store."""

from pathlib import Path

from pydantic import Field

from chassis.settings import ServiceSettings


class AuditSettings(ServiceSettings):
    """Read from FITNESSHUB_AUDIT_<FIELD>."""

    checkpoints: Path | None = None
    """Folder of the signed checkpoints; better on another machine than the database. Not given: `checkpoints` beside
    the secrets folder."""
    checkpoint_seconds: float = Field(default=60.0, ge=0.1, le=3600)
    """Pause between checkpoints. Records younger than that aren't protected against the owner of the database."""
