"""ExerciseImported, ExerciseCreated, ExerciseUpdated, ExerciseDeleted: names and muscles of the exercise."""

from collections.abc import Sequence
from typing import Any

from chassis.db import WriteSession
from chassis.events.consumer import Received
from services.analytics.events.newest import newest
from services.analytics.store import exercises

TYPES = (
    "fitnesshub.workout.v1.ExerciseImported",
    "fitnesshub.workout.v1.ExerciseCreated",
    "fitnesshub.workout.v1.ExerciseUpdated",
    "fitnesshub.workout.v1.ExerciseDeleted",
)
"""All of them hold the whole exercise. A deleted one keeps its name here: workouts of the past name it."""


async def on_exercise_changed(tx: WriteSession, events: Sequence[Received]) -> None:
    """Replaces older versions."""
    sent = []
    for received in newest(events):
        event = received.event
        data: Any = received.data
        sent.append((data.exercise, event.aggregate_version, event.subject_user_id))
    await exercises.keep(tx, sent)
