"""The SQL of sagas, for any service's schema."""

from dataclasses import dataclass
from functools import cache

from sqlalchemy import ColumnElement, MetaData, Table, bindparam, literal_column, null, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from chassis import tables
from chassis.sagas.model import Status
from chassis.statements import Statement


@dataclass(frozen=True)
class SagaStatements:
    """What starts and runs sagas."""

    start: Statement
    """Starts a saga unless there is one of this kind and key; returns its id if it started."""
    claim: Statement
    """Takes the saga that is due longest, for this runner alone until `lease_until`."""
    extend: Statement
    """Keeps the saga for this runner until `lease_until`."""
    record: Statement
    """Stores how a step ended; nothing when another runner has taken the saga meanwhile."""


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
    due = (
        select(c.id)
        .where(open_ones, c.due_at <= bindparam("now"), or_(c.lease_until.is_(None), c.lease_until < bindparam("now")))
        .order_by(c.due_at)
        .limit(literal_column("1"))
        .with_for_update(skip_locked=True)
        .scalar_subquery()
    )
    return SagaStatements(
        start=Statement(insert(sagas).on_conflict_do_nothing(index_elements=[c.kind, c.key]).returning(c.id)),
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
    )
