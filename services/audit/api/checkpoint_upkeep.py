"""Background work of the audit service: a signed checkpoint whenever the chain has grown."""

import asyncio
import logging

from chassis.clock import Clock
from chassis.db import Database
from chassis.errors import Unavailable
from services.audit.clients.checkpoints import Checkpoints
from services.audit.domain.chain import Checkpoint
from services.audit.store import records

log = logging.getLogger(__name__)


class CheckpointUpkeep:
    """A worker; two at once make checkpoints twice, which harms nobody."""

    def __init__(self, db: Database, clock: Clock, checkpoints: Checkpoints, seconds: float) -> None:
        self._db = db
        self._clock = clock
        self._checkpoints = checkpoints
        self._seconds = seconds
        self._last = 0

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            try:
                await self.checkpoint()
            except (Unavailable, OSError):
                log.exception("no checkpoint of the chain could be made; records since the last one aren't protected")
            await asyncio.sleep(self._seconds)

    async def checkpoint(self) -> None:
        """Once, if there is something new. Raises Unavailable and OSError."""
        head = await records.get_head(self._db)
        if head.position > self._last:
            checkpoint = Checkpoint(head.position, head.hash, self._clock.now())
            await asyncio.to_thread(self._checkpoints.add, checkpoint)
            self._last = head.position
