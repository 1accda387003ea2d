"""The SQL of relay and consumers, for any service's schema."""

from dataclasses import dataclass
from functools import cache

from sqlalchemy import (
    ARRAY,
    MetaData,
    Text,
    Uuid,
    any_,
    bindparam,
    delete,
    exists,
    func,
    literal_column,
    null,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from chassis import tables
from chassis.statements import Statement


@dataclass(frozen=True)
class RelayStatements:
    """What the relay of a schema runs."""

    claim: Statement
    """The oldest `most` events that aren't published."""
    mark: Statement
    unmark: Statement
    """Makes what was published at `since` or later unpublished."""
    last_published: Statement
    """When an event was last published."""
    measure: Statement
    """How many of the oldest `most` events wait, and since when."""
    read_state: Statement
    write_state: Statement
    purge_outbox: Statement
    purge_inbox: Statement


@cache
def relay_statements(schema: str) -> RelayStatements:
    """The statements for the service with this schema."""
    metadata = MetaData(schema=schema)
    outbox, state, inbox = tables.outbox(metadata), tables.relay_state(metadata), tables.inbox(metadata)
    waiting = outbox.c.published_at.is_(None)
    ids = any_(bindparam("ids", type_=ARRAY(Uuid)))
    save = insert(state).values(
        singleton=literal_column("true"), epoch=bindparam("epoch"), incarnation=bindparam("incarnation")
    )
    some = select(outbox.c.created_at).where(waiting).order_by(outbox.c.id).limit(bindparam("most")).subquery()
    old_outbox = select(outbox.c.id).where(outbox.c.published_at < bindparam("before")).limit(bindparam("most"))
    old_inbox = (
        select(inbox.c.consumer_group, inbox.c.event_id)
        .where(inbox.c.handled_at < bindparam("before"))
        .limit(bindparam("most"))
    )
    return RelayStatements(
        claim=Statement(
            select(outbox.c.id, outbox.c.event).where(waiting).order_by(outbox.c.id).limit(bindparam("most"))
        ),
        mark=Statement(update(outbox).where(outbox.c.id == ids).values(published_at=bindparam("now"))),
        unmark=Statement(update(outbox).where(outbox.c.published_at >= bindparam("since")).values(published_at=null())),
        last_published=Statement(select(func.max(outbox.c.published_at))),
        measure=Statement(select(func.count().label("backlog"), func.min(some.c.created_at).label("oldest"))),
        read_state=Statement(select(state.c.epoch, state.c.incarnation)),
        write_state=Statement(
            save.on_conflict_do_update(
                index_elements=[state.c.singleton],
                set_={"epoch": save.excluded.epoch, "incarnation": save.excluded.incarnation},
            )
        ),
        purge_outbox=Statement(delete(outbox).where(outbox.c.id.in_(old_outbox))),
        purge_inbox=Statement(delete(inbox).where(tuple_(inbox.c.consumer_group, inbox.c.event_id).in_(old_inbox))),
    )


@cache
def receive(schema: str) -> Statement:
    """Enters events into the inbox of a group; returns the ids that weren't there."""
    inbox = tables.inbox(MetaData(schema=schema))
    sent = func.unnest(bindparam("event_ids", type_=ARRAY(Uuid)))
    rows = select(
        bindparam("group", type_=inbox.c.consumer_group.type), sent, bindparam("now", type_=inbox.c.handled_at.type)
    )
    return Statement(
        insert(inbox)
        .from_select(["consumer_group", "event_id", "handled_at"], rows)
        .on_conflict_do_nothing()
        .returning(inbox.c.event_id)
    )


@cache
def handled(schema: str) -> Statement:
    """Whether an event took effect for a group."""
    inbox = tables.inbox(MetaData(schema=schema))
    is_it = (inbox.c.consumer_group == bindparam("group")) & (inbox.c.event_id == bindparam("event_id"))
    return Statement(select(exists().where(is_it)))


@cache
def erased(schema: str) -> Statement:
    """Which of some persons were erased."""
    subjects = tables.erased_subjects(MetaData(schema=schema))
    return Statement(
        select(subjects.c.user_id).where(subjects.c.user_id == any_(bindparam("user_ids", type_=ARRAY(Text))))
    )
