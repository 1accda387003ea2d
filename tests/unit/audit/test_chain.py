"""Every kind of damage is found and named, whatever the intruder recomputes."""

import dataclasses
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.audit.domain.chain import GENESIS, Checkpoint, Link, Verifier, forged, link_hash

NOW = datetime(2026, 11, 23, 12, 0, 0, 123456, UTC)
Chain = list[tuple[Link, bytes]]


def link(position: int, payload: bytes = b"x") -> Link:
    return Link(
        position=position,
        event_id=f"018f3c9e-7b1a-7c3e-9d2f-{position:012d}",
        source="workout",
        type="fitnesshub.workout.v1.WorkoutCreated",
        event_time=NOW,
        record_time=NOW + timedelta(seconds=position),
        aggregate_type="workout",
        aggregate_id="w1",
        aggregate_version=position,
        subject_user_id="ada",
        sealed=True,
        payload=payload,
    )


def chained(links: list[Link]) -> Chain:
    found: Chain = []
    before = GENESIS
    for each in links:
        before = link_hash(before, each)
        found.append((each, before))
    return found


def chain(length: int = 10) -> Chain:
    return chained([link(position) for position in range(1, length + 1)])


def checkpoints(records: Chain, *positions: int) -> dict[int, Checkpoint]:
    return {position: Checkpoint(position, records[position - 1][1], NOW) for position in positions}


def damage(records: Chain, signed: dict[int, Checkpoint], head: int = 10) -> list[tuple[str, int]]:
    verifier = Verifier(1, GENESIS, signed)
    for each, digest in records:
        verifier.see(each, digest)
    verifier.finish(head)
    return [(problem.damage, problem.position) for problem in verifier.problems]


def test_an_untouched_chain() -> None:
    records = chain()
    assert damage(records, checkpoints(records, 3, 10)) == []


def _another(value: Any) -> Any:
    if isinstance(value, bool):
        return not value
    if isinstance(value, datetime):
        return value + timedelta(microseconds=1)
    return value + {str: "x", int: 1, bytes: b"x"}[type(value)]


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(Link) if field.name != "position"])
def test_an_altered_field(field: str) -> None:
    records = chain()
    old, digest = records[4]
    changed = _another(getattr(old, field))
    records[4] = (dataclasses.replace(old, **{field: changed}), digest)
    assert damage(records, {}) == [("ALTERED", 5)]


def test_fields_do_not_run_into_each_other() -> None:
    one = dataclasses.replace(link(1), source="ab", type="c")
    two = dataclasses.replace(link(1), source="a", type="bc")
    assert link_hash(GENESIS, one) != link_hash(GENESIS, two)


def test_a_removed_record() -> None:
    records = chain()
    assert damage(records[:3] + records[4:], {}) == [("REMOVED", 4)]
    assert damage(records[:3] + records[6:], {}) == [("REMOVED", 4)]
    assert damage(records[1:], {}) == [("REMOVED", 1)]


def test_a_removed_record_whose_successors_were_chained_anew() -> None:
    records = chain()
    renumbered = [
        dataclasses.replace(each, position=number) for number, (each, _) in enumerate(records[:3] + records[4:], 1)
    ]
    anew = chained(renumbered)
    assert damage(anew, checkpoints(records, 2, 8), head=9) == [("REWRITTEN", 8)]
    assert damage(anew, checkpoints(records, 3), head=9) == [], "nothing of it was signed yet"


def test_a_second_record_at_a_position() -> None:
    records = chain()
    records.insert(5, (dataclasses.replace(link(5), payload=b"y"), b"?" * 32))
    assert damage(records, {}) == [("INSERTED", 5)]


def test_a_record_put_between_and_the_rest_chained_anew() -> None:
    records = chain()
    links = [each for each, _ in records]
    links.insert(4, link(99))
    anew = chained([dataclasses.replace(each, position=number) for number, each in enumerate(links, 1)])
    assert damage(anew, checkpoints(records, 4, 9), head=11) == [("REWRITTEN", 9)]


def test_a_chain_that_is_cut_off() -> None:
    records = chain()
    assert damage(records[:7], {}) == [("CUT_OFF", 8)]
    assert damage(records[:7], checkpoints(records, 9), head=7) == [("CUT_OFF", 8)], "the head was moved too"
    assert damage([], checkpoints(records, 9), head=0) == [("CUT_OFF", 1)]


def test_checkpoints_that_are_not_ours_are_reported() -> None:
    bad = [Checkpoint(5, b"?" * 32, NOW), Checkpoint(99, b"", NOW)]
    assert [(each.damage, each.position) for each in forged(bad)] == [
        ("CHECKPOINT_FORGED", 5),
        ("CHECKPOINT_FORGED", 99),
    ]


def test_in_parts() -> None:
    records = chain()
    verifier = Verifier(6, records[4][1], {})
    for each, digest in records[5:]:
        verifier.see(each, digest)
    verifier.finish(10)
    assert verifier.problems == []


@pytest.mark.parametrize("seed", range(20))
def test_any_single_change_is_found(seed: int) -> None:
    chance = random.Random(seed)
    records = chain(30)
    signed = checkpoints(records, 30)
    place = chance.randrange(30)
    how = chance.choice(["alter", "remove", "duplicate", "swap", "truncate"])
    if how == "alter":
        records[place] = (dataclasses.replace(records[place][0], payload=chance.randbytes(5)), records[place][1])
    elif how == "remove":
        del records[place]
    elif how == "duplicate":
        records.insert(place, records[place])
    elif how == "swap":
        records[0], records[29] = (
            (dataclasses.replace(records[29][0], position=1), records[29][1]),
            (dataclasses.replace(records[0][0], position=30), records[0][1]),
        )
    else:
        del records[place:]
    assert damage(records, signed, head=30)
