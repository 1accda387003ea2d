"""Appends every event to the store, in the order in which it is heard: one appender at a time."""

import os
from collections.abc import Sequence
from datetime import UTC, timedelta

from chassis.clock import Clock
from chassis.db import WriteSession
from chassis.events.consumer import Received
from services.audit.domain.chain import Link, link_hash
from services.audit.domain.sealing import NONCE_BYTES, seal
from services.audit.store import records
from services.audit.store.keys import SubjectKeys

AHEAD = timedelta(days=5)
"""How long before a month begins its partition is made."""


class Appender:
    """The handler of every event."""

    def __init__(self, clock: Clock, keys: SubjectKeys) -> None:
        self._clock = clock
        self._keys = keys

    async def append(self, tx: WriteSession, events: Sequence[Received]) -> None:
        """Seals what is about persons, chains it, stores it; what is recorded already is left out.

        Raises Unavailable while the master key is the wrong one: events wait then.
        """
        now = self._clock.now()
        head = await records.lock_head(tx)
        # The inbox forgets after a week; what is handed over again then has its record.
        known = await records.known_events(tx, {each.event.id for each in events})
        new = [each for each in {each.event.id: each for each in events}.values() if each.event.id not in known]
        if not new:
            return
        # Each time, at 0.1 ms a batch: what was made in a transaction that failed isn't there.
        await records.make_partitions(tx, {each.date().replace(day=1) for each in (now, now + AHEAD)})
        subject_keys = await self._keys.take(tx, {each.event.subject_user_id for each in new} - {""}, now)
        position, before = head.position, head.hash
        links: list[tuple[Link, bytes]] = []
        for received in new:
            event = received.event
            position += 1
            payload = event.data.SerializeToString()
            if event.subject_user_id:
                key = subject_keys[event.subject_user_id]
                # Of a person who was erased nothing is kept but that there was something.
                payload = seal(key, os.urandom(NONCE_BYTES), event.id, payload) if key else b""
            link = Link(
                position=position,
                event_id=event.id,
                source=event.source,
                type=event.type,
                event_time=event.time.ToDatetime(UTC),
                record_time=now,
                aggregate_type=event.aggregate_type,
                aggregate_id=event.aggregate_id,
                aggregate_version=event.aggregate_version,
                subject_user_id=event.subject_user_id,
                sealed=bool(event.subject_user_id),
                payload=payload,
            )
            before = link_hash(before, link)
            links.append((link, before))
        await records.append(tx, links)
