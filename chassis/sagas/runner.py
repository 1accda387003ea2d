"""Starts sagas in the transaction of what they are about, and runs them step by step, one state at a time.

The attempt is counted before it is made and its end is stored after it, so that whoever takes a saga over
from a dead runner does the same step again and no other. Steps run outside of any transaction.
"""

import asyncio
import logging
import random
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from chassis.clock import Ids
from chassis.db import Database, Record, WriteSession
from chassis.errors import (
    AlreadyExists,
    FailedPrecondition,
    Failure,
    InvalidArgument,
    NotFound,
    PermissionDenied,
    Unauthenticated,
    Unavailable,
)
from chassis.sagas.model import Context, Saga, Status, Step
from chassis.sagas.statements import SagaStatements, saga_statements
from chassis.status import REASONS_OF_STRANGERS
from chassis.telemetry import metrics

log = logging.getLogger(__name__)

POLL = 0.2
"""Seconds between looks for something that is due, of one runner at a time: five a second however many there are."""
RUNNERS = 4
"""Sagas a process runs at a time; they mostly wait for other services."""
MEASURE = 5.0
"""Seconds between counts for the metrics."""
LEASE = timedelta(seconds=15)
"""How long a dead runner keeps a saga: an attempt of 10 s, and the time to store how it ended. A longer attempt takes
a longer lease."""
LEASE_MARGIN = timedelta(seconds=5)
PAUSE = (0.5, 60.0)
"""Seconds before the second attempt, doubled each time, and the longest; each is spread by half."""
DOUBLINGS = 30
"""Of the first pause at most: far past the longest, and few enough for a float however often a step is tried."""
UNKNOWN_PAUSE = 30.0
"""Seconds until a saga is looked at again whose kind or step only another version knows; spread by half."""
STUCK_ATTEMPTS = 20
"""Attempts to undo a step after which an operator is called for; it goes on being tried."""
RETRY = 0.5
"""Seconds after the database failed."""
FINAL = (
    InvalidArgument,
    NotFound,
    AlreadyExists,
    PermissionDenied,
    FailedPrecondition,
    Unauthenticated,
)
"""Failures that trying again doesn't mend. Unimplemented isn't one: while versions are exchanged, a callee may be the
older one."""


async def start(
    tx: WriteSession,
    service: str,
    saga: Saga,
    saga_id: str,
    key: str,
    data: Mapping[str, Any],
    *,
    now: datetime,
    user_id: str = "",
) -> bool:
    """Starts a saga when the session commits, unless there is one of this kind and key. Returns whether it starts.

    data: what the steps need to know, as JSON. user_id: whose it is.
    """
    found = await tx.value(
        saga_statements(service).start,
        id=saga_id,
        kind=saga.kind,
        key=key,
        subject_user_id=user_id,
        status=Status.RUNNING,
        step=0,
        data=dict(data),
        attempts=0,
        round=0,
        problem="",
        due_at=now,
        deadline_at=now + saga.timeout,
        lease_until=None,
        lease_holder=None,
        created_at=now,
        updated_at=now,
    )
    return found is not None


class SagaRunner:
    """Runs a service's sagas; `run` is a worker, and any number may run."""

    def __init__(self, db: Database, ids: Ids, sagas: Sequence[Saga]) -> None:
        self._db = db
        self._ids = ids
        self._sagas = {saga.kind: saga for saga in sagas}
        self._sql: SagaStatements = saga_statements(db.service)
        self._looking = asyncio.Lock()
        self._failing = False
        self._left: set[str] = set()
        """Sagas that this version doesn't know how to run, of which it has been told."""
        self.open = 0
        """Sagas that haven't ended, as of the last look."""
        self.oldest_seconds = 0.0
        """How long the one that is due longest has been due."""
        self.undone = 0
        """Sagas that were undone and are kept: each is something for an operator to look at."""
        for name, text, read in (
            ("sagas_open", "Sagas that haven't ended", lambda: self.open),
            ("sagas_oldest_due_seconds", "How long the saga that is due longest waits", lambda: self.oldest_seconds),
            ("sagas_undone", "Sagas that were undone, to be looked at", lambda: self.undone),
        ):
            metrics.watch(name, text, read, service=db.service)

    async def run(self) -> None:
        """Runs sagas until it is cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._keep_measuring())
            for _ in range(RUNNERS):
                group.create_task(self._run_one_by_one())

    async def _run_one_by_one(self) -> None:
        while True:
            try:
                # One looks, the others wait for it to find something: what is idle asks five times a second in all.
                async with self._looking:
                    row = await self._claim()
                    while row is None:
                        await asyncio.sleep(POLL)
                        if await self._db.value(self._sql.is_due, now=self._db.clock.now()) is not None:
                            row = await self._claim()
                await self._attempt(row)
                self._failing = False
            except Unavailable as error:
                self._warn_once(error)
                await asyncio.sleep(RETRY)

    async def _keep_measuring(self) -> None:
        while True:
            try:
                await self.measure()
            except Unavailable as error:
                self._warn_once(error)
            await asyncio.sleep(MEASURE)

    async def measure(self) -> None:
        """Counts for the metrics."""
        row = await self._db.row(self._sql.measure)
        if row is not None:
            self.open, self.undone = row["open"], row["undone"]
            waited = self._db.clock.now() - row["oldest"] if row["oldest"] else timedelta()
            self.oldest_seconds = max(0.0, waited.total_seconds())

    def _warn_once(self, error: Unavailable) -> None:
        if not self._failing:
            log.warning("the sagas of %s have to wait: %s", self._db.service, error)
        self._failing = True

    async def step(self) -> bool:
        """Makes one attempt of one step of the saga that is due longest; False when none is."""
        row = await self._claim()
        if row is None:
            return False
        await self._attempt(row)
        return True

    async def _claim(self) -> Record | None:
        """The saga that is due longest, for this call alone until its lease ends."""
        now = self._db.clock.now()
        async with self._db.write() as tx:
            return await tx.row(self._sql.claim, now=now, lease_until=now + LEASE, holder=self._ids.new())

    async def _attempt(self, row: Record) -> None:
        """Makes one attempt of the step that a claimed saga is at."""
        now = self._db.clock.now()
        holder = row["lease_holder"]
        saga = self._sagas.get(row["kind"])
        if saga is None or row["step"] >= len(saga.steps):
            await self._leave(row, holder)
            return
        if not await self._extend(row, holder, saga, now):
            return
        try:
            if row["status"] == Status.COMPENSATING:
                await self._undo(row, holder, saga)
            else:
                await self._do(row, holder, saga, now)
        except Unavailable:
            raise
        except Exception as error:  # noqa: BLE001 - as a result that can't be stored; the other sagas go on
            problem = f"the attempt can't be recorded: {_said(error)}"
            log.error("saga %s (%s): %s", row["id"], row["kind"], problem)  # noqa: TRY400 - the words may hold the data
            await self._record(row, holder, attempts=row["attempts"], problem=problem, due_in=_pause(row["attempts"]))

    async def _leave(self, row: Record, holder: str) -> None:
        """For a version that knows the kind and the step; the attempt that wasn't made doesn't count."""
        if row["id"] not in self._left:
            self._left.add(row["id"])
            log.error(
                "this version doesn't know step %s of saga %s (%s), and leaves it to one that does",
                row["step"],
                row["id"],
                row["kind"],
            )
        due_in = timedelta(seconds=_spread(UNKNOWN_PAUSE))
        problem = "this version doesn't know the step"
        await self._record(row, holder, attempts=row["attempts"] - 1, problem=problem, due_in=due_in)

    async def _extend(self, row: Record, holder: str, saga: Saga, now: datetime) -> bool:
        """Whether the saga is still this runner's, for as long as an attempt of the step takes."""
        needed = saga.steps[row["step"]].timeout + LEASE_MARGIN
        if needed <= LEASE:
            return True
        async with self._db.write() as tx:
            extended = await tx.execute(self._sql.extend, saga_id=row["id"], holder=holder, lease_until=now + needed)
        return extended > 0

    async def _do(self, row: Record, holder: str, saga: Saga, now: datetime) -> None:
        step = saga.steps[row["step"]]
        if now >= row["deadline_at"]:
            await self._give_up(row, holder, f"{step.name}: the time for the saga ran out")
            return
        try:
            async with asyncio.timeout(step.timeout.total_seconds()):
                result = await step.do(_context(row))
        except Exception as error:  # noqa: BLE001 - a step may fail in any way; it is stored and tried again, or undone
            self._log_words(row, step, error)
            problem = f"{step.name}: {_said(error)}"
            if isinstance(error, FINAL) or row["attempts"] >= step.attempts:
                await self._give_up(row, holder, problem)
            else:
                await self._record(
                    row, holder, attempts=row["attempts"], problem=problem, due_in=_pause(row["attempts"])
                )
            return
        following = row["step"] + 1
        is_done = following == len(saga.steps)
        await self._record(
            row,
            holder,
            status=Status.DONE if is_done else Status.RUNNING,
            step=following,
            data={**row["data"], **(result or {})},
            due_in=timedelta() if is_done else saga.steps[following].delay,
        )

    async def _give_up(self, row: Record, holder: str, problem: str) -> None:
        log.warning("saga %s (%s, %s) is given up: %s", row["id"], row["kind"], row["key"], problem)
        await self._record(row, holder, status=Status.COMPENSATING, problem=problem)

    async def _undo(self, row: Record, holder: str, saga: Saga) -> None:
        """The step that failed is undone as well: nobody knows whether it had its effect."""
        step = saga.steps[row["step"]]
        result: Mapping[str, Any] | None = None
        if step.undo is not None:
            try:
                async with asyncio.timeout(step.timeout.total_seconds()):
                    result = await step.undo(_context(row))
            except Exception as error:
                if row["attempts"] % STUCK_ATTEMPTS == 0:
                    log.exception("saga %s (%s) is stuck undoing %s", row["id"], row["kind"], step.name)
                else:
                    self._log_words(row, step, error)
                problem = f"undoing {step.name}: {_said(error)}"
                await self._record(
                    row, holder, attempts=row["attempts"], problem=problem, due_in=_pause(row["attempts"])
                )
                return
        last = row["step"] == 0
        await self._record(
            row,
            holder,
            status=Status.COMPENSATED if last else Status.COMPENSATING,
            step=max(0, row["step"] - 1),
            data={**row["data"], **(result or {})},
        )
        if last:
            log.warning("saga %s (%s, %s) has been undone: %s", row["id"], row["kind"], row["key"], row["problem"])

    def _log_words(self, row: Record, step: Step, error: Exception) -> None:
        """Words that aren't stored are told here, at first and now and then."""
        if str(error) == _said(error) or row["attempts"] % STUCK_ATTEMPTS not in (0, 1):
            return
        traced = None if isinstance(error, Failure) else error
        log.warning("%s of saga %s (%s) fails: %s", step.name, row["id"], row["kind"], error, exc_info=traced)

    async def _record(
        self,
        row: Record,
        holder: str,
        *,
        status: Status | None = None,
        step: int | None = None,
        data: Mapping[str, Any] | None = None,
        attempts: int = 0,
        problem: str | None = None,
        due_in: timedelta = timedelta(),
    ) -> None:
        """Stores how an attempt ended; what isn't given stays, the attempts begin anew."""
        now = self._db.clock.now()
        async with self._db.write() as tx:
            await tx.execute(
                self._sql.record,
                saga_id=row["id"],
                holder=holder,
                new_status=row["status"] if status is None else status,
                new_step=row["step"] if step is None else step,
                new_data=dict(row["data"] if data is None else data),
                new_attempts=attempts,
                new_problem=row["problem"] if problem is None else problem,
                new_due_at=now + due_in,
                now=now,
            )


def _context(row: Record) -> Context:
    way = "undo" if row["status"] == Status.COMPENSATING else "do"
    return Context(
        saga_id=str(row["id"]),
        key=row["key"],
        subject_user_id=row["subject_user_id"],
        data=row["data"],
        step_key=f"{row['id']}/{row['round']}/{row['step']}/{way}",
    )


def _said(error: Exception) -> str:
    """What an operator is told: without words that may name addresses, files or data, which the log has."""
    if not isinstance(error, Failure):
        return type(error).__name__
    return error.reason if error.reason in REASONS_OF_STRANGERS else str(error)


def _pause(attempts: int) -> timedelta:
    first, longest = PAUSE
    return timedelta(seconds=_spread(min(first * 2 ** min(attempts - 1, DOUBLINGS), longest)))


def _spread(seconds: float) -> float:
    return seconds * random.uniform(0.5, 1.5)  # noqa: S311 - spreads load, keeps no secret
