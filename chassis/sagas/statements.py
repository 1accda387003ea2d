"""The SQL of sagas, for any service's schema."""

from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Integer,
    MetaData,
    Table,
    Text,
    bindparam,
    case,
    delete,
    func,
    literal_column,
    null,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from chassis import tables
from chassis.sagas.model import Status
from chassis.statements import Statement


@dataclass(frozen=True)
class SagaStatements:
    """What starts and runs sagas."""

    start: Statement
    """Starts a saga unless there is one of this kind and key; returns its id if it started."""
    is_due: Statement
    """Whether there is anything to claim: a third of the cost of finding out by claiming."""
    claim: Statement
    """Takes the saga that is due longest, for this runner alone until `lease_until`."""
    extend: Statement
    """Keeps the saga for this runner until `lease_until`."""
    record: Statement
    """Stores how a step ended; nothing when another runner has taken the saga meanwhile."""
    list: Statement
    """At most `most` sagas with ids below `before`, newest first; a filter that is null is off."""
    retry: Statement
    """Makes an open saga due, and lets one that was undone begin anew; returns it, unless it is done or isn't there."""
    exists: Statement
    measure: Statement
    """How many are open, how long the one that is due longest has been, how many were undone."""
    purge: Statement
    """Deletes at most `most` sagas that ended long ago: done ones with ids below `done_before`, undone ones with
    ids below `undone_before`."""


@cache
def saga_table(schema: str) -> Table:
    """The sagas of the service with this schema."""
    return tables.sagas(MetaData(schema=schema))


@cache
def saga_statements(schema: str) -> SagaStatements:
    """The statements for the service with this schema."""
    sagas = saga_table(schema)
    c = sagas.c
    open_ones: ColumnElement[bool] = literal_column(f"status IN ({Status.RUNNING:d}, {Status.COMPENSATING:d})")
    free = or_(c.lease_until.is_(None), c.lease_until < bindparam("now"))
    first_due = (
        select(c.id).where(open_ones, c.due_at <= bindparam("now"), free).order_by(c.due_at).limit(literal_column("1"))
    )
    due = first_due.with_for_update(skip_locked=True).scalar_subquery()
    # The first condition is what the index is read up to.
    old = (c.id < bindparam("done_before")) & or_(
        _is(Status.DONE), _is(Status.COMPENSATED) & (c.id < bindparam("undone_before"))
    )
    undone = _is(Status.COMPENSATED)
    return SagaStatements(
        start=Statement(insert(sagas).on_conflict_do_nothing(index_elements=[c.kind, c.key]).returning(c.id)),
        is_due=Statement(first_due),
        claim=Statement(
            update(sagas)
            .where(c.id == due)
            .values(
                lease_until=bindparam("lease_until"),
                lease_holder=bindparam("holder"),
                attempts=c.attempts + literal_column("1"),
            )
            .returning(*c)
        ),
        extend=Statement(
            update(sagas)
            .where(c.id == bindparam("saga_id"), c.lease_holder == bindparam("holder"))
            .values(lease_until=bindparam("lease_until"))
        ),
        record=Statement(
            update(sagas)
            .where(c.id == bindparam("saga_id"), c.lease_holder == bindparam("holder"))
            .values(
                status=bindparam("new_status"),
                step=bindparam("new_step"),
                data=bindparam("new_data"),
                attempts=bindparam("new_attempts"),
                problem=bindparam("new_problem"),
                due_at=bindparam("new_due_at"),
                updated_at=bindparam("now"),
                lease_until=null(),
                lease_holder=null(),
            )
        ),
        list=Statement(
            select(*c)
            .where(
                c.id < bindparam("before"),
                _wanted(c.kind, "kind", Text()),
                _wanted(c.key, "key", Text()),
                _wanted(c.subject_user_id, "subject", Text()),
                _wanted(c.status, "status", Integer()),
            )
            .order_by(c.id.desc())
            .limit(bindparam("most"))
        ),
        retry=Statement(
            update(sagas)
            .where(c.id == bindparam("saga_id"), literal_column(f"status <> {Status.DONE:d}"))
            .values(
                status=case((undone, literal_column(f"{Status.RUNNING:d}")), else_=c.status),
                step=case((undone, literal_column("0")), else_=c.step),
                round=case((undone, c.round + literal_column("1")), else_=c.round),
                attempts=literal_column("0"),
                deadline_at=case((undone, bindparam("deadline_at")), else_=c.deadline_at),
                due_at=bindparam("now"),
                updated_at=bindparam("now"),
            )
            .returning(*c)
        ),
        exists=Statement(select(c.id).where(c.id == bindparam("saga_id"))),
        measure=Statement(
            select(
                func.count().filter(open_ones).label("open"),
                func.min(c.due_at).filter(open_ones).label("oldest"),
                func.count().filter(undone).label("undone"),
            ).where(literal_column(f"status <> {Status.DONE:d}"))
        ),
        purge=Statement(delete(sagas).where(c.id.in_(select(c.id).where(old).order_by(c.id).limit(bindparam("most"))))),
    )


def _is(status: Status) -> ColumnElement[bool]:
    return literal_column(f"status = {status:d}")


def _wanted(column: Any, name: str, kind: Text | Integer) -> ColumnElement[bool]:
    """Whether a row has the wanted value; all have it when the parameter is null."""
    value: Any = bindparam(name, type_=kind)
    return or_(value.is_(None), column == value)
