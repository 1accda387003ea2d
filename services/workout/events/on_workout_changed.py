"""Every change of a workout begins a saga of its own: after the commit, so that the caller has the answer already."""

from collections.abc import Sequence

from fitnesshub.user.v1.stats_service_pb2 import UpdateStatsRequest
from fitnesshub.workout.v1.events_pb2 import WorkoutCreated, WorkoutDeleted, WorkoutUndeleted, WorkoutUpdated
from google.protobuf.json_format import MessageToDict

from chassis.clock import Clock, Ids
from chassis.db import WriteSession
from chassis.events.consumer import Received, Subscription
from chassis.sagas.model import Saga
from chassis.sagas.runner import start
from services.workout.domain.contributions import contribution

SOURCE = "workout"
PRESENT = (WorkoutCreated, WorkoutUpdated, WorkoutUndeleted)
"""Events after which the workout is there, as they tell of it."""
GONE = (WorkoutDeleted,)


class SagaStarter:
    """Begins the saga of a workout's version. A version whose saga is there already begins none."""

    def __init__(self, saga: Saga, clock: Clock, ids: Ids) -> None:
        self._saga = saga
        self._clock = clock
        self._ids = ids

    def subscription(self) -> Subscription:
        """What the workout service hears of itself."""
        names = (kind.DESCRIPTOR.full_name for kind in (*PRESENT, *GONE))
        return Subscription("workout-saga", (SOURCE,), dict.fromkeys(names, self._begin))

    async def _begin(self, tx: WriteSession, events: Sequence[Received]) -> None:
        now = self._clock.now()
        for received in events:
            event, data = received.event, received.data
            if not isinstance(data, (*PRESENT, *GONE)):
                raise TypeError(f"{event.type} isn't handled here")
            request = UpdateStatsRequest(
                user_id=data.workout.user_id,
                workout_id=event.aggregate_id,
                version=event.aggregate_version,
                contribution=contribution(data.workout) if isinstance(data, PRESENT) else None,
            )
            await start(
                tx,
                SOURCE,
                self._saga,
                self._ids.new(),
                f"{event.aggregate_id}/{event.aggregate_version}",
                {"stats": MessageToDict(request)},
                now=now,
                user_id=event.subject_user_id,
            )
