"""StatsService: totals of a person's training, kept beside the person."""

from dataclasses import dataclass

from fitnesshub.user.v1 import stats_service_pb2 as pb

from chassis.call import Call, Wire
from chassis.clock import Clock
from chassis.db import Database, ForeignKeyViolation
from chassis.errors import NotFound
from services.user.domain.stats import NOTHING, contribution
from services.user.store import stats as store


@dataclass(frozen=True)
class StatsApi:
    """Answers the RPCs of StatsService."""

    db: Database
    clock: Clock

    async def update_stats(self, request: pb.UpdateStatsRequest, call: Call) -> pb.UpdateStatsResponse:
        """Replaces what the workout adds, if this is the newest that was heard of it."""
        new = contribution(request.contribution) if request.HasField("contribution") else NOTHING
        try:
            async with self.db.write(call) as tx:
                changed = await store.put_contribution(
                    tx, request.user_id, request.workout_id, request.version, new, self.clock.now()
                )
        except ForeignKeyViolation:
            raise NotFound("USER_NOT_FOUND", f"there is no user {request.user_id}", userId=request.user_id) from None
        return pb.UpdateStatsResponse(changed=changed)

    async def get_stats(self, _request: pb.GetStatsRequest, call: Call) -> pb.Stats | Wire:
        """The stored bytes, untouched; nothing but the user's id while there is nothing to sum."""
        wire = await store.get_stats(self.db, call.user_id)
        return pb.Stats(user_id=call.user_id) if wire is None else Wire(wire)
