"""Erasing a person: what every service with a database does when it hears that somebody was erased.

Hearing it makes the person unknown to the service's consumers and begins a saga, which deletes what is there,
and looks again later: calls and events that were under way may have left something after the first time.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta

from fitnesshub.audit.v1.events_pb2 import SubjectErased
from sqlalchemy import MetaData, Text, bindparam, delete, func, literal_column, select
from sqlalchemy.dialects.postgresql import insert

from chassis import tables
from chassis.clock import Ids
from chassis.db import Database, WriteSession
from chassis.events.bus import Bus
from chassis.events.consumer import Received, Subscription
from chassis.sagas.model import Context, Saga, Step
from chassis.sagas.runner import start
from chassis.statements import Statement

Erase = Callable[[str], Awaitable[None]]
"""Deletes what a service holds of the person with this id, outside of any transaction; called several times."""

SOURCE = "audit"
"""The service that says who was erased."""
KIND = "subject_erasure"
PASSES = (timedelta(), timedelta(minutes=2), timedelta(hours=25))
"""When it is done, each counted from the end of the one before. At once; when the longest call that was under way is
over (60 s) and nobody accepts the person's tokens any more (5 s); when the last of these has expired (24 h at most)."""
SETTLE = timedelta(seconds=5)
"""Before the files of the bus are written anew: time for the other services to hear of it, and to delete their part."""
PATIENCE = 1_000_000
"""Attempts of a step: an erasure isn't given up because a server is down."""
TIME = timedelta(days=90)
STEP_TIME = timedelta(minutes=5)
PART = timedelta(minutes=10)
"""Of the answers, which are kept for a day: read by one statement."""


class Erasure:
    """The part of one service."""

    def __init__(self, db: Database, bus: Bus, ids: Ids, erase: Erase | None) -> None:
        """erase: deletes the service's own data; None when it has none about persons."""
        self._db = db
        self._bus = bus
        self._ids = ids
        self._erase = erase
        metadata = MetaData(schema=db.service)
        erased = tables.erased_subjects(metadata)
        outbox, records = tables.outbox(metadata), tables.idempotency_records(metadata)
        sagas = tables.sagas(metadata)
        user_id = bindparam("user_id", type_=Text())
        as_bytes = func.convert_to(user_id, literal_column("'UTF8'"))
        self._remember = Statement(insert(erased).on_conflict_do_nothing())
        self._delete = (
            # The second condition is the index's.
            Statement(
                delete(outbox).where(outbox.c.subject_user_id == user_id, literal_column("subject_user_id <> ''"))
            ),
            Statement(delete(records).where(records.c.scope == user_id)),
            Statement(delete(sagas).where(sagas.c.subject_user_id == user_id)),
        )
        made = records.c.created_at
        self._answers = Statement(select(func.min(made).label("oldest"), func.max(made).label("newest")))
        self._delete_answers = Statement(
            delete(records).where(
                made >= bindparam("since"),
                made < bindparam("until"),
                func.position(as_bytes.op("IN")(records.c.response)) > literal_column("0"),
            )
        )
        self.saga = Saga(KIND, tuple(self._steps()), timeout=TIME)
        self.subscription = Subscription(
            f"{db.service}-erasure", (SOURCE,), {SubjectErased.DESCRIPTOR.full_name: self._hear}
        )

    def _steps(self) -> Sequence[Step]:
        steps = []
        for delay in PASSES:
            steps += [
                Step("delete own data", self._delete_own, timeout=STEP_TIME, attempts=PATIENCE, delay=delay),
                Step("delete events and answers", self._delete_events, timeout=STEP_TIME, attempts=PATIENCE),
            ]
            if self._db.service == SOURCE:  # one is enough
                steps.append(Step("write files anew", self._rewrite, attempts=PATIENCE, delay=SETTLE))
        return steps

    async def _hear(self, tx: WriteSession, events: Sequence[Received]) -> None:
        now = self._db.clock.now()
        for received in events:
            if not isinstance(received.data, SubjectErased):
                raise TypeError(f"{received.event.type} isn't handled here")
            user_id = received.data.user_id
            await tx.execute(self._remember, user_id=user_id, erased_at=now)
            # By event: who is erased once more, because something was left, is erased once more.
            await start(
                tx, self._db.service, self.saga, self._ids.new(), received.event.id, {"userId": user_id}, now=now
            )

    async def _delete_own(self, context: Context) -> None:
        if self._erase is not None:
            await self._erase(context.data["userId"])

    async def _delete_events(self, context: Context) -> None:
        user_id: str = context.data["userId"]
        for statement in self._delete:
            async with self._db.write() as tx:
                await tx.execute(statement, user_id=user_id)
        await self._delete_answers_of_others(user_id)
        await self._bus.purge_subject(self._db.service, user_id)

    async def _delete_answers_of_others(self, user_id: str) -> None:
        """Those about the person that administrators got, as only the answers can tell.

        All are read, in parts: no statement runs for long however many there are.
        """
        span = await self._db.row(self._answers)
        since = span["oldest"] if span else None
        while span and since and since <= span["newest"]:
            async with self._db.write() as tx:
                await tx.execute(self._delete_answers, user_id=user_id, since=since, until=since + PART)
            since += PART

    async def _rewrite(self, _context: Context) -> None:
        await self._bus.rewrite_files()
