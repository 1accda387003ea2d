"""What an operator can set about the training log and the exercise library."""

from pydantic import Field

from chassis.settings import ServiceSettings


class WorkoutSettings(ServiceSettings):
    """Read from FITNESSHUB_WORKOUT_<FIELD>."""

    undo_hours: int = Field(default=24, ge=1, le=720)
    """How long a deleted workout can be brought back; then what it was is forgotten."""
    own_exercises: int = Field(default=500, ge=0, le=10_000)
    """Exercises of their own that one person may have."""
    own_exercises_an_hour: int = Field(default=100, ge=1, le=10_000)
    """Exercises of their own that one person may make within an hour; an import makes many at once."""
