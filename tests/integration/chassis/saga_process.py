"""A process that runs the sagas of the depot until it is killed: `python -m tests.integration.chassis.saga_process`.

Its steps write to a file of the test, in a way that doing them twice is doing them once.
"""

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

from chassis.clock import SystemIds
from chassis.db import Database
from chassis.errors import FailedPrecondition
from chassis.sagas.model import Context, Saga, Step
from chassis.sagas.runner import SagaRunner

STEPS = 4


def errand(folder: Path) -> Saga:
    """A saga whose effects are files; one whose key begins with `no` fails at the end and is undone."""

    def step(number: int) -> Step:
        async def do(context: Context) -> dict[str, Any]:
            if number == STEPS - 1 and context.key.startswith("no"):
                raise FailedPrecondition("SIGN_UP_DISABLED", "no")
            (folder / f"{context.key}-{number}").touch()
            await asyncio.sleep(0.01)  # the kill shall find it between effect and record
            return {f"did{number}": os.getpid()}

        async def undo(context: Context) -> None:
            (folder / f"{context.key}-{number}").unlink(missing_ok=True)
            await asyncio.sleep(0.01)

        return Step(f"step{number}", do, undo)

    return Saga("errand", tuple(step(number) for number in range(STEPS)))


async def main() -> None:
    """Runs until the end of time."""
    server, password, folder = sys.argv[1:]
    db = Database(server, password, service="depot")
    await SagaRunner(db, SystemIds(), [errand(Path(folder))]).run()


if __name__ == "__main__":
    asyncio.run(main())
