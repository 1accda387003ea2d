"""WorkoutCreated, WorkoutUpdated, WorkoutUndeleted, WorkoutDeleted: what the workout contributes from now on."""

from collections.abc import Sequence
from datetime import UTC
from typing import Any

from fitnesshub.analytics.v1.analytics_pb2 import TrainingTotals
from fitnesshub.event.v1.event_pb2 import Event
from fitnesshub.workout.v1.events_pb2 import WorkoutDeleted
from google.protobuf.descriptor_pool import Default
from google.protobuf.message_factory import GetMessageClass

from chassis.db import WriteSession
from chassis.events.consumer import Received
from services.analytics.domain.contributions import shares, totals
from services.analytics.events.newest import newest
from services.analytics.store import workouts

DELETED = WorkoutDeleted.DESCRIPTOR.full_name
TYPES = (
    "fitnesshub.workout.v1.WorkoutCreated",
    "fitnesshub.workout.v1.WorkoutUpdated",
    "fitnesshub.workout.v1.WorkoutUndeleted",
    DELETED,
)
"""All of them hold the whole workout."""


async def on_workout_changed(tx: WriteSession, events: Sequence[Received]) -> None:
    """Replaces what older versions contributed."""
    await workouts.keep(tx, [contribution(each.event, each.data) for each in newest(events)])


def contribution(event: Event, data: Any) -> workouts.Contribution:
    """What the version of the workout in the event contributes. data: one of the messages in TYPES."""
    workout = data.workout
    if event.type == DELETED:
        return workouts.Contribution(
            event.aggregate_id, workout.user_id, event.aggregate_version, None, TrainingTotals(), {}
        )
    by_exercise = shares(workout)
    return workouts.Contribution(
        event.aggregate_id,
        workout.user_id,
        event.aggregate_version,
        workout.start_time.ToDatetime(UTC),
        totals(workout, by_exercise.values()),
        by_exercise,
    )


def contribution_of(event: Event) -> workouts.Contribution:
    """The same of an event of one of TYPES as it was published."""
    data = GetMessageClass(Default().FindMessageTypeByName(event.type)).FromString(event.data.value)
    return contribution(event, data)
