"""Writes events into an outbox at a steady rate, in a process of its own as a service does.

`python -m bench.emitter SERVER PASSWORD_FILE EVENTS_A_SECOND SECONDS`
"""

import asyncio
import sys
import time
from pathlib import Path

import uvloop
from google.protobuf.wrappers_pb2 import BytesValue

from chassis.clock import SystemIds
from chassis.db import Database

TOGETHER = 20
"""Events a transaction: one each would measure how fast this process commits."""
DATA = BytesValue(value=bytes(400))
"""As large as a workout of five sets."""


async def emit(db: Database, count: int) -> None:
    """Commits this many events, each of an aggregate of its own."""
    ids = SystemIds()
    async with db.write() as tx:
        for _ in range(count):
            tx.emit("item", ids.new(), 1, DATA)


async def _run(server: str, password: str, rate: float, seconds: float) -> None:
    db = Database(server, password, service="depot")
    started = time.perf_counter()
    for number in range(round(rate * seconds / TOGETHER)):
        await asyncio.sleep(max(0.0, started + number * TOGETHER / rate - time.perf_counter()))
        await emit(db, TOGETHER)
    await db.close()


if __name__ == "__main__":
    _, address, secret, wanted, duration = sys.argv
    uvloop.run(_run(address, Path(secret).read_text().strip(), float(wanted), float(duration)))
