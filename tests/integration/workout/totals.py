"""The user service's StatsService as its contract says, as far as the workout service can tell."""

from dataclasses import dataclass, field

from fitnesshub.user.v1.stats_service_pb2 import (
    GetStatsRequest,
    Stats,
    UpdateStatsRequest,
    UpdateStatsResponse,
    WorkoutContribution,
)

from chassis.call import Call


@dataclass
class Totals:
    """Contributions by workout, each of the newest version that was heard of."""

    known: dict[str, tuple[int, str, WorkoutContribution | None]] = field(default_factory=dict)
    """By workout: version, owner, contribution."""
    fail: list[Exception] = field(default_factory=list)
    """What the next calls run into, one each."""
    calls: int = 0

    async def update_stats(self, request: UpdateStatsRequest, _call: Call) -> UpdateStatsResponse:
        self.calls += 1
        if self.fail:
            raise self.fail.pop(0)
        version, *_ = self.known.get(request.workout_id, (0,))
        if version >= request.version:
            return UpdateStatsResponse()
        contribution = request.contribution if request.HasField("contribution") else None
        self.known[request.workout_id] = (request.version, request.user_id, contribution)
        return UpdateStatsResponse(changed=True)

    async def get_stats(self, _request: GetStatsRequest, call: Call) -> Stats:
        return self.of(call.user_id)

    def of(self, user_id: str) -> Stats:
        """The sums of one person."""
        mine = [each for _, owner, each in self.known.values() if owner == user_id and each is not None]
        return Stats(
            user_id=user_id,
            workouts=len(mine),
            duration_seconds=sum(each.duration_seconds for each in mine),
            sets=sum(each.sets for each in mine),
            reps=sum(each.reps for each in mine),
            volume_kg=sum(each.volume_kg for each in mine),
        )
