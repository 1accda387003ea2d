"""The hash chain: each record's hash covers the record, sealed as it is stored, and the hash before it."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

GENESIS = bytes(32)
"""What the first record follows."""


@dataclass(frozen=True, slots=True)
class Link:
    """A record as it is hashed and stored."""

    position: int
    event_id: str
    source: str
    type: str
    event_time: datetime
    record_time: datetime
    aggregate_type: str
    aggregate_id: str
    aggregate_version: int
    subject_user_id: str
    sealed: bool
    """Whether the payload is encrypted."""
    payload: bytes


def link_hash(before: bytes, link: Link) -> bytes:
    """SHA-256 over the hash before and every field, each with its length in front, so that none runs into the next."""
    digest = hashlib.sha256(before)
    for part in _parts(link):
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.digest()


def _parts(link: Link) -> Iterator[bytes]:
    yield link.position.to_bytes(8, "big")
    yield link.event_id.encode()
    yield link.source.encode()
    yield link.type.encode()
    # To the microsecond, which is what PostgreSQL keeps.
    yield link.event_time.isoformat(timespec="microseconds").encode()
    yield link.record_time.isoformat(timespec="microseconds").encode()
    yield link.aggregate_type.encode()
    yield link.aggregate_id.encode()
    yield link.aggregate_version.to_bytes(8, "big", signed=True)
    yield link.subject_user_id.encode()
    yield b"\1" if link.sealed else b"\0"
    yield link.payload


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What was the chain's head at some time; kept and signed outside the database."""

    position: int
    hash: bytes
    time: datetime


@dataclass(frozen=True, slots=True)
class Problem:
    """Damage: a name of `ChainDamage` without its prefix, where, and in words."""

    damage: str
    position: int
    description: str


class Verifier:
    """Walks along the chain, record by record in the order of positions, and collects what is wrong."""

    def __init__(self, first: int, before: bytes, checkpoints: Mapping[int, Checkpoint]) -> None:
        """first: position expected next. before: hash of the record before it.

        checkpoints: genuine ones by position; may be filled as the walk goes on.
        """
        self.problems: list[Problem] = []
        self._expected = first
        self._before = before
        self._checkpoints = checkpoints

    def see(self, link: Link, stored_hash: bytes) -> None:
        """Looks at the next record that is there."""
        position = link.position
        if position < self._expected:
            self._find("INSERTED", position, f"there is a second record at position {position}")
            return
        if position > self._expected:
            last = position - 1
            gap = f"position {last}" if last == self._expected else f"positions {self._expected} to {last}"
            self._find("REMOVED", self._expected, f"no record at {gap}")
        elif link_hash(self._before, link) != stored_hash:
            self._find("ALTERED", position, f"the record at position {position} isn't what was recorded")
        checkpoint = self._checkpoints.get(position)
        if checkpoint is not None and checkpoint.hash != stored_hash:
            said = checkpoint.time.isoformat(timespec="seconds")
            self._find(
                "REWRITTEN", position, f"the chain up to position {position} isn't the one that was signed at {said}"
            )
        self._before = stored_hash
        self._expected = position + 1

    def finish(self, head_position: int) -> None:
        """To be called at the end of the chain. head_position: what the chain itself says is its end."""
        last = self._expected - 1
        end = max(head_position, max(self._checkpoints, default=0))
        if end > last:
            self._find("CUT_OFF", last + 1, f"the chain ends at position {last}, and went on to {end}")

    def _find(self, damage: str, position: int, description: str) -> None:
        self.problems.append(Problem(damage, position, description))


def forged(checkpoints: Iterable[Checkpoint]) -> list[Problem]:
    """What is wrong with checkpoints whose signature isn't ours."""
    return [
        Problem("CHECKPOINT_FORGED", each.position, f"the checkpoint of position {each.position} isn't signed by us")
        for each in checkpoints
    ]


def link_of(row: Mapping[str, Any]) -> Link:
    """The record in a row of the store."""
    return Link(
        position=row["position"],
        event_id=str(row["event_id"]),
        source=row["source"],
        type=row["type"],
        # The driver gives the first and the last microsecond of the calendar without a time zone.
        event_time=row["event_time"].replace(tzinfo=UTC),
        record_time=row["record_time"],
        aggregate_type=row["aggregate_type"],
        aggregate_id=row["aggregate_id"],
        aggregate_version=row["aggregate_version"],
        subject_user_id=row["subject_user_id"],
        sealed=row["sealed"],
        payload=row["payload"],
    )
