"""A saga ends whole or undone, whoever dies at whatever moment, and every effect is there once."""

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from chassis.clock import FixedClock, SystemIds
from chassis.db import Database, Statement
from chassis.errors import FailedPrecondition, Unavailable
from chassis.sagas import runner as module
from chassis.sagas.model import Context, Saga, Status, Step
from chassis.sagas.runner import SagaRunner, start
from chassis.status import from_status
from tests.integration.chassis.depot import new_id
from tests.stack.databases import TestDatabase

CLEAR = Statement(text("DELETE FROM depot.sagas"))
ALL = Statement(text("SELECT * FROM depot.sagas ORDER BY id"))
MANY_ATTEMPTS = Statement(text("UPDATE depot.sagas SET attempts = 900000"))
START = datetime(2026, 11, 23, tzinfo=UTC)


class DiedError(BaseException):
    """The process of the runner died here."""


class Shop:
    """Other services, each of which does a thing once however often it is asked."""

    def __init__(self, steps: int = 3) -> None:
        self.effects: set[str] = set()
        self.seen: list[str] = []
        self.fail: dict[str, list[BaseException]] = {}
        """What the next calls of a step run into, before and after its effect in turn."""
        self.saga = Saga(
            "purchase",
            tuple(Step(f"step{number}", self._do(number), self._undo(number)) for number in range(steps)),
            timeout=timedelta(hours=1),
        )

    def _do(self, number: int) -> Any:
        async def do(context: Context) -> dict[str, Any]:
            await self._stumble(f"do{number}")
            self.effects.add(f"{context.key}/{number}")
            self.seen.append(context.step_key)
            await self._stumble(f"done{number}")
            return {f"result{number}": number}

        return do

    def _undo(self, number: int) -> Any:
        async def undo(context: Context) -> None:
            await self._stumble(f"undo{number}")
            self.effects.discard(f"{context.key}/{number}")
            await self._stumble(f"undone{number}")

        return undo

    async def _stumble(self, place: str) -> None:
        await asyncio.sleep(0)
        if self.fail.get(place):
            raise self.fail[place].pop(0)


@pytest.fixture
async def clock() -> FixedClock:
    return FixedClock(START)


@pytest.fixture
async def depot(depot: Database, depot_database: TestDatabase, clock: FixedClock) -> Any:
    opened = depot_database.connect("depot", clock=clock)
    async with opened.write() as tx:
        await tx.execute(CLEAR)
    yield opened
    await opened.close()


async def begin(db: Database, saga: Saga, key: str = "order", **data: Any) -> bool:
    async with db.write() as tx:
        return await start(tx, "depot", saga, new_id(), key, data, now=db.clock.now(), user_id="ada")


async def run(db: Database, clock: FixedClock, saga: Saga) -> list[Any]:
    """Lets a runner work until nothing is open, whatever time that takes; a runner that dies is replaced."""
    for _ in range(1000):
        rows = await db.rows(ALL)
        if all(row["status"] in (Status.DONE, Status.COMPENSATED) for row in rows):
            return rows
        try:
            if not await SagaRunner(db, SystemIds(), [saga]).step():
                clock.time += timedelta(seconds=5)
        except DiedError:
            pass
    raise AssertionError("the saga doesn't come to an end")


async def test_all_steps_are_done_in_order(depot: Database, clock: FixedClock) -> None:
    shop = Shop()
    assert await begin(depot, shop.saga, amount=5)
    (row,) = await run(depot, clock, shop.saga)
    assert (row["status"], row["problem"], row["subject_user_id"]) == (Status.DONE, "", "ada")
    assert row["data"] == {"amount": 5, "result0": 0, "result1": 1, "result2": 2}
    assert shop.effects == {"order/0", "order/1", "order/2"}
    assert shop.seen == [f"{row['id']}/0/{number}/do" for number in range(3)]


async def test_a_saga_starts_once_and_with_its_transaction(depot: Database) -> None:
    shop = Shop()
    assert await begin(depot, shop.saga)
    assert not await begin(depot, shop.saga)
    with pytest.raises(ZeroDivisionError):
        async with depot.write() as tx:
            await start(tx, "depot", shop.saga, new_id(), "other", {}, now=START)
            raise ZeroDivisionError
    assert len(await depot.rows(ALL)) == 1


async def test_what_passes_is_tried_again(depot: Database, clock: FixedClock) -> None:
    shop = Shop()
    shop.fail = {"do1": [Unavailable("DEPENDENCY_UNAVAILABLE", "later"), ValueError("odd")], "done1": [TimeoutError()]}
    await begin(depot, shop.saga)
    (row,) = await run(depot, clock, shop.saga)
    assert row["status"] == Status.DONE
    assert shop.effects == {"order/0", "order/1", "order/2"}
    assert clock.time > START


async def test_a_final_failure_undoes_what_was_done(depot: Database, clock: FixedClock) -> None:
    shop = Shop()
    shop.fail = {"done2": [FailedPrecondition("SIGN_UP_DISABLED", "no")]}
    await begin(depot, shop.saga)
    (row,) = await run(depot, clock, shop.saga)
    assert row["status"] == Status.COMPENSATED
    assert row["problem"] == "step2: SIGN_UP_DISABLED: no"
    assert shop.effects == set()


async def test_trying_has_an_end(depot: Database, clock: FixedClock) -> None:
    shop = Shop()
    attempts = shop.saga.steps[1].attempts
    shop.fail = {"do1": [Unavailable("DEPENDENCY_UNAVAILABLE", "later")] * attempts}
    await begin(depot, shop.saga)
    (row,) = await run(depot, clock, shop.saga)
    assert row["status"] == Status.COMPENSATED
    assert shop.fail == {"do1": []}
    assert shop.effects == set()


async def test_a_saga_has_a_deadline(depot: Database, clock: FixedClock) -> None:
    shop = Shop()
    shop.fail = {"do2": [Unavailable("DEPENDENCY_UNAVAILABLE", "later")]}
    await begin(depot, shop.saga)
    runner = SagaRunner(depot, SystemIds(), [shop.saga])
    for _ in range(3):
        assert await runner.step()
    clock.time += timedelta(hours=2)
    (row,) = await run(depot, clock, shop.saga)
    assert row["status"] == Status.COMPENSATED
    assert row["problem"] == "step2: the time for the saga ran out"
    assert shop.effects == set()


async def test_undoing_is_tried_for_ever(depot: Database, clock: FixedClock, caplog: pytest.LogCaptureFixture) -> None:
    shop = Shop()
    shop.fail = {
        "do2": [FailedPrecondition("SIGN_UP_DISABLED", "no")],
        "undo1": [Unavailable("DEPENDENCY_UNAVAILABLE", "later")] * 50,
    }
    await begin(depot, shop.saga)
    (row,) = await run(depot, clock, shop.saga)
    assert row["status"] == Status.COMPENSATED
    assert shop.effects == set()
    assert "is stuck undoing step1" in caplog.text


async def test_a_long_attempt_has_a_long_lease(depot: Database, clock: FixedClock) -> None:
    leases: list[Any] = []

    async def look(_context: Context) -> None:
        leases.append((await depot.rows(ALL))[0]["lease_until"])

    saga = Saga("slow", (Step("look", look), Step("look long", look, timeout=timedelta(minutes=2))))
    await begin(depot, saga)
    await run(depot, clock, saga)
    assert leases == [START + module.LEASE, START + timedelta(minutes=2, seconds=5)]


async def test_an_attempt_that_hangs_is_cut_off_and_made_again(depot: Database, clock: FixedClock) -> None:
    attempts: list[str] = []

    async def hang_once(context: Context) -> None:
        attempts.append(context.step_key)
        if len(attempts) % 2:
            await asyncio.Event().wait()

    async def refuse(_context: Context) -> None:
        raise FailedPrecondition("SIGN_UP_DISABLED", "no")

    short = timedelta(milliseconds=50)
    saga = Saga("hanging", (Step("hang", hang_once, hang_once, timeout=short), Step("refuse", refuse)))
    await begin(depot, saga)
    async with asyncio.timeout(10):
        (row,) = await run(depot, clock, saga)
    assert row["status"] == Status.COMPENSATED
    assert len(attempts) == 4, "twice done, twice undone"
    assert len(set(attempts)) <= 2, "the same step has the same key each time"


async def test_two_runners_share(depot: Database) -> None:
    shop = Shop()
    for number in range(20):
        await begin(depot, shop.saga, f"order{number}")
    runners = [SagaRunner(depot, SystemIds(), [shop.saga]) for _ in range(2)]

    async def work(runner: SagaRunner) -> None:
        while await runner.step():
            pass

    await asyncio.gather(*(work(runner) for runner in runners))
    assert Counter(row["status"] for row in await depot.rows(ALL)) == {Status.DONE: 20}
    assert max(Counter(shop.seen).values()) == 1


@pytest.mark.parametrize("steps", [None, 2], ids=["kind", "step"])
async def test_what_is_unknown_waits_for_a_version_that_knows_it(
    depot: Database, clock: FixedClock, caplog: pytest.LogCaptureFixture, steps: int | None
) -> None:
    shop = Shop()
    await begin(depot, shop.saga)
    for _ in range(2):
        assert await SagaRunner(depot, SystemIds(), [shop.saga]).step()
    known = [] if steps is None else [replace(shop.saga, steps=shop.saga.steps[:steps])]
    older = SagaRunner(depot, SystemIds(), known)
    for _ in range(shop.saga.steps[2].attempts + 1):
        assert await older.step()
        assert not await older.step()
        clock.time += timedelta(minutes=1)
    assert caplog.text.count("doesn't know") == 1
    assert (await depot.rows(ALL))[0]["attempts"] == 0, "attempts that weren't made don't count"
    shop.fail = {"do2": [Unavailable("DEPENDENCY_UNAVAILABLE", "later")]}
    (row,) = await run(depot, clock, shop.saga)
    assert (row["status"], row["problem"]) == (Status.DONE, "step2: DEPENDENCY_UNAVAILABLE")


async def test_a_step_is_tried_however_often_it_was(depot: Database, clock: FixedClock) -> None:
    shop = Shop()
    patient = Saga(
        shop.saga.kind, tuple(replace(step, attempts=1_000_000) for step in shop.saga.steps), timeout=timedelta(days=90)
    )
    shop.fail = {"do0": [Unavailable("DEPENDENCY_UNAVAILABLE", "later")]}
    await begin(depot, patient)
    async with depot.write() as tx:
        await tx.execute(MANY_ATTEMPTS)
    assert await SagaRunner(depot, SystemIds(), [patient]).step()
    (row,) = await depot.rows(ALL)
    assert row["attempts"] == 900_001
    assert row["due_at"] - clock.time > timedelta(seconds=module.PAUSE[1] / 2)
    (row,) = await run(depot, clock, patient)
    assert row["status"] == Status.DONE


async def test_a_saga_that_can_not_be_recorded_stops_no_other(
    depot: Database, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RUNNERS", 1)
    shop = Shop()

    async def unstorable(_context: Context) -> dict[str, Any]:
        return {"text": "\0"}

    broken = Saga("broken", (Step("one", unstorable),))
    await begin(depot, broken)
    clock.time += timedelta(seconds=1)
    await begin(depot, shop.saga)
    runs = asyncio.create_task(SagaRunner(depot, SystemIds(), [broken, shop.saga]).run())
    async with asyncio.timeout(10):
        while {row["kind"]: row["status"] for row in await depot.rows(ALL)}["purchase"] != Status.DONE:
            assert not runs.done()
            await asyncio.sleep(0.01)
    runs.cancel()
    row = next(row for row in await depot.rows(ALL) if row["kind"] == "broken")
    assert (row["status"], row["attempts"], row["lease_holder"]) == (Status.RUNNING, 1, None)
    assert row["problem"].startswith("the attempt can't be recorded")
    assert row["due_at"] > clock.time


async def test_runners_end_together(depot: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    runner = SagaRunner(depot, SystemIds(), [])

    async def crash() -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(runner, "measure", crash)
    with pytest.raises(ExceptionGroup):
        await runner.run()
    assert [task for task in asyncio.all_tasks() if "SagaRunner" in repr(task)] == []


async def test_a_lease_that_was_lost_is_not_used(
    depot: Database, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    did: list[str] = []

    async def do(context: Context) -> None:
        did.append(context.key)

    saga = Saga("slow", (Step("long", do, timeout=timedelta(minutes=2)),))
    await begin(depot, saga)
    late = SagaRunner(depot, SystemIds(), [saga])
    claim = late._claim

    async def claim_and_sleep() -> Any:
        row = await claim()
        clock.time += 2 * module.LEASE
        assert await SagaRunner(depot, SystemIds(), [saga]).step()
        return row

    monkeypatch.setattr(late, "_claim", claim_and_sleep)
    assert await late.step()
    assert did == ["order"]


async def test_words_that_name_addresses_are_not_stored(
    depot: Database, clock: FixedClock, caplog: pytest.LogCaptureFixture
) -> None:
    shop = Shop()
    callee = from_status(14, "failed to connect to ipv4:10.1.2.4:50051", b"")
    shop.fail = {
        "do0": [OSError("connect to 10.1.2.3:5432 failed"), callee],
        "undo0": [OSError("no /run/secret.sock")],
    }
    await begin(depot, shop.saga)
    runner = SagaRunner(depot, SystemIds(), [shop.saga])
    assert await runner.step()
    (row,) = await depot.rows(ALL)
    assert row["problem"] == "step0: OSError"
    assert "10.1.2.3" in caplog.text
    clock.time += timedelta(minutes=1)
    assert await runner.step()
    (row,) = await depot.rows(ALL)
    assert row["problem"] == "step0: DEPENDENCY_UNAVAILABLE"
    clock.time += timedelta(hours=2)
    for _ in range(2):
        assert await runner.step()
    (row,) = await depot.rows(ALL)
    assert row["problem"] == "undoing step0: OSError"


@pytest.mark.parametrize("seed", range(12))
async def test_whoever_dies_wherever_it_converges(depot: Database, clock: FixedClock, seed: int) -> None:
    chance = random.Random(seed)
    shop = Shop(steps=4)
    kinds: list[Callable[[], BaseException]] = [
        DiedError,
        lambda: Unavailable("DEPENDENCY_UNAVAILABLE", "later"),
        lambda: OSError("gone"),
    ]
    for place in ("do", "done", "undo", "undone"):
        for number in range(4):
            shop.fail[f"{place}{number}"] = [chance.choice(kinds)() for _ in range(chance.randrange(3))]
    if seed % 2:
        place = chance.choice(("do", "done"))
        shop.fail[f"{place}3"].append(FailedPrecondition("SIGN_UP_DISABLED", "no"))
    await begin(depot, shop.saga)
    (row,) = await run(depot, clock, shop.saga)
    if seed % 2:
        assert (row["status"], shop.effects) == (Status.COMPENSATED, set())
    else:
        assert (row["status"], len(shop.effects)) == (Status.DONE, 4)


async def test_a_runner_that_was_given_up_changes_nothing(depot: Database, clock: FixedClock) -> None:
    shop = Shop(steps=2)
    slow = asyncio.Event()

    async def dawdle(context: Context) -> dict[str, Any]:
        await slow.wait()
        return {"by": "the slow one"}

    saga = Saga(shop.saga.kind, (Step("step0", dawdle), shop.saga.steps[1]))
    await begin(depot, saga)
    late = asyncio.create_task(SagaRunner(depot, SystemIds(), [saga]).step())
    async with asyncio.timeout(5):
        while not (await depot.rows(ALL))[0]["lease_holder"]:
            await asyncio.sleep(0.01)
    clock.time += timedelta(minutes=1)
    (row,) = await run(depot, clock, shop.saga)
    slow.set()
    assert await late
    (after,) = await depot.rows(ALL)
    assert dict(after) == dict(row)
    assert "by" not in after["data"]
