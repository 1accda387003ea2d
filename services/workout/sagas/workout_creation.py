"""What follows a change of a workout in other services. The workout itself is never taken back.

The owner's totals are the only step yet: a post about the workout and recommendations join when their
services are there.
"""

import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from fitnesshub.user.v1.stats_service_pb2 import UpdateStatsRequest
from google.protobuf.json_format import ParseDict

from chassis.sagas.model import Context, Saga, Step

if TYPE_CHECKING:
    from fitnesshub.user.v1.stats_service_pb2_grpc import StatsServiceAsyncStub

log = logging.getLogger(__name__)

KIND = "workout_creation"
TIME = timedelta(days=7)
"""How long the user service may be away without leaving anything to be repaired by hand."""
PATIENCE = 20_000
"""Attempts: more than there is time for. Only an answer that won't change ends them before."""
UPDATED, PENDING = "updated", "pending"


def workout_creation(stats: "StatsServiceAsyncStub") -> Saga:
    """The saga. `data.stats` is what the user service is told; `data.statsState` what became of it."""

    async def update_stats(context: Context) -> dict[str, Any]:
        await stats.UpdateStats(ParseDict(context.data["stats"], UpdateStatsRequest()))
        return {"statsState": UPDATED}

    async def mark_pending(context: Context) -> dict[str, Any]:
        log.error(
            "the totals of user %s lack the workout %s: mend the cause and retry saga %s",
            context.subject_user_id,
            context.key,
            context.saga_id,
        )
        return {"statsState": PENDING}

    step = Step("update stats", update_stats, mark_pending, attempts=PATIENCE)
    return Saga(KIND, (step,), timeout=TIME)
