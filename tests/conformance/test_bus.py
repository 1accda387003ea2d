"""What relay and consumers rely on, over every adapter of the bus."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from uuid import uuid4

import pytest
from fitnesshub.event.v1.event_pb2 import Event
from redis.asyncio import Redis

from chassis import redis_client
from chassis.events.bus import Bus, BusError, Delivery
from chassis.events.redis_bus import RedisBus
from embedded.valkey import Valkey

WAIT = 0.05
"""Seconds: nothing is expected to come."""


@pytest.fixture(params=["redis"])
async def bus(request: pytest.FixtureRequest, redis: Redis, redis_url: str) -> AsyncIterator[Bus]:
    """An empty bus."""
    assert request.param == "redis"
    client = redis_client.connect(redis_url, timeout=5)
    yield RedisBus(client)
    await client.aclose()


async def fetch(bus: Bus, group: str = "readers", consumer: str = "one", *, count: int = 100) -> list[Delivery]:
    return await bus.fetch(group, consumer, ["orders"], count=count, wait=WAIT)


def texts(deliveries: list[Delivery]) -> list[bytes]:
    return [delivery.data for delivery in deliveries]


async def test_what_is_appended_is_delivered_in_order(bus: Bus) -> None:
    await bus.join("readers", ["orders"])
    await bus.append("orders", [b"1", b"2"])
    await bus.append("orders", [b"3"])
    assert await bus.length("orders") == 3
    found = await fetch(bus)
    assert texts(found) == [b"1", b"2", b"3"]
    assert {each.source for each in found} == {"orders"}


async def test_a_group_reads_from_the_oldest_event_that_is_there(bus: Bus) -> None:
    await bus.append("orders", [b"before"])
    await bus.join("readers", ["orders"])
    await bus.join("readers", ["orders"])
    assert texts(await fetch(bus)) == [b"before"]


async def test_consumers_of_a_group_share_and_groups_do_not(bus: Bus) -> None:
    await bus.join("readers", ["orders"])
    await bus.join("others", ["orders"])
    await bus.append("orders", [b"1", b"2"])
    first, second = await fetch(bus, count=1), await fetch(bus, consumer="two")
    assert texts(first) + texts(second) == [b"1", b"2"]
    assert texts(await fetch(bus, "others")) == [b"1", b"2"]
    assert await fetch(bus) == []


async def test_a_fetch_wakes_when_something_comes(bus: Bus) -> None:
    await bus.join("readers", ["orders"])
    waiting = asyncio.create_task(bus.fetch("readers", "one", ["orders"], count=10, wait=4))
    await bus.append("orders", [b"1"])
    assert texts(await waiting) == [b"1"]


async def test_what_is_not_acknowledged_can_be_reclaimed(bus: Bus) -> None:
    await bus.join("readers", ["orders"])
    await bus.append("orders", [b"1", b"2"])
    first, second = await fetch(bus)
    assert first.deliveries == 1
    await bus.acknowledge("readers", [second])
    assert await bus.reclaim("readers", "two", ["orders"], idle=60, count=10) == []
    (again,) = await bus.reclaim("readers", "two", ["orders"], idle=0, count=10)
    assert (again.data, again.position, again.source, again.deliveries) == (b"1", first.position, "orders", 2)
    await bus.acknowledge("readers", [again])
    assert await bus.reclaim("readers", "one", ["orders"], idle=0, count=10) == []


async def test_what_was_reclaimed_before_comes_alone(bus: Bus) -> None:
    await bus.join("readers", ["orders", "bills"])
    await bus.append("orders", [b"1", b"2"])
    await bus.append("bills", [b"3"])
    assert len(await bus.fetch("readers", "one", ["orders", "bills"], count=10, wait=WAIT)) == 3

    async def reclaim() -> list[tuple[bytes, int]]:
        found = await bus.reclaim("readers", "two", ["orders", "bills"], idle=0, count=10)
        return [(each.data, each.deliveries) for each in found]

    assert await reclaim() == [(b"1", 2), (b"2", 2), (b"3", 2)]
    assert await reclaim() == [(b"1", 3)]
    assert await reclaim() == [(b"1", 4)]
    await bus.append("bills", [b"4"])
    assert texts(await bus.fetch("readers", "one", ["bills"], count=10, wait=WAIT)) == [b"4"]
    assert await reclaim() == [(b"4", 2)]


async def test_what_a_consumer_keeps_is_not_reclaimed(bus: Bus) -> None:
    await bus.join("readers", ["orders"])
    await bus.append("orders", [b"1", b"2"])
    one, two = await fetch(bus)
    await bus.reclaim("readers", "one", ["orders"], idle=0, count=10)
    async with asyncio.timeout(5):
        while not (found := await bus.reclaim("readers", "two", ["orders"], idle=0.2, count=10)):
            await bus.keep("readers", "one", [one])
    assert (found[0].data, found[0].deliveries) == (b"2", 3)
    await bus.keep("readers", "one", [one])
    (again,) = await bus.reclaim("readers", "two", ["orders"], idle=0, count=10)
    assert (again.data, again.deliveries) == (b"1", 3)
    await bus.keep("readers", "one", [one], anew=True)
    (again,) = await bus.reclaim("readers", "two", ["orders"], idle=0, count=10)
    assert (again.data, again.deliveries) == (b"1", 2)
    await bus.acknowledge("readers", [one, two])
    await bus.keep("readers", "one", [one, two])
    assert await bus.reclaim("readers", "two", ["orders"], idle=0, count=10) == []


async def test_dead_letters_are_listed_revived_and_discarded(bus: Bus) -> None:
    await bus.join("readers", ["orders"])
    await bus.append("orders", [b"1", b"2", b"3"])
    for delivery in await fetch(bus):
        await bus.bury("readers", delivery, f"no {delivery.data.decode()}")
    assert await bus.groups_with_dead_letters() == {"readers": 3}
    assert await bus.reclaim("readers", "one", ["orders"], idle=0, count=10) == []
    one, two = await bus.dead_letters("readers", count=2)
    (three,) = await bus.dead_letters("readers", after=two.position)
    assert [(each.data, each.reason, each.source) for each in (one, two, three)] == [
        (b"1", "no 1", "orders"),
        (b"2", "no 2", "orders"),
        (b"3", "no 3", "orders"),
    ]
    assert one.time > 0
    await bus.discard("readers", one)
    await bus.revive("readers", two)
    (again,) = await fetch(bus)
    assert again.data == b"2"
    await bus.acknowledge("readers", [again])
    assert await bus.reclaim("readers", "one", ["orders"], idle=0, count=10) == []
    assert await bus.dead_letters("readers") == [three]


async def test_trimming_keeps_what_any_group_needs(bus: Bus) -> None:
    await bus.join("fast", ["orders"])
    await bus.join("slow", ["orders"])
    await bus.append("orders", [str(number).encode() for number in range(10)])
    await bus.acknowledge("fast", await fetch(bus, "fast"))
    assert await bus.trim("orders", 0) == 0
    slow = await fetch(bus, "slow", count=6)
    await bus.acknowledge("slow", [*slow[:2], *slow[3:]])
    assert await bus.trim("orders", 0) == 2
    await bus.acknowledge("slow", slow[2:3])
    assert await bus.trim("orders", 0) == 4
    assert texts(await fetch(bus, "slow")) == [b"6", b"7", b"8", b"9"]
    assert await bus.trim("orders", 0) == 0


async def test_a_log_without_readers_keeps_the_last(bus: Bus) -> None:
    assert await bus.trim("orders", 5) == 0
    await bus.append("orders", [str(number).encode() for number in range(10)])
    assert await bus.trim("orders", 4) == 6
    await bus.join("readers", ["orders"])
    assert texts(await fetch(bus)) == [b"6", b"7", b"8", b"9"]


async def test_lag(bus: Bus) -> None:
    assert await bus.lag("orders") == []
    await bus.join("readers", ["orders"])
    await bus.append("orders", [b"1", b"2", b"3"])
    await fetch(bus, count=1)
    (lag,) = await bus.lag("orders")
    assert (lag.group, lag.waiting, lag.unacknowledged) == ("readers", 2, 1)
    await bus.join("others", ["orders"])
    assert [each.group for each in await bus.lag("orders")] == ["others", "readers"]
    assert await bus.lag("orders", "readers") == [lag]
    assert await bus.lag("orders", "nobody") == []


async def test_a_lag_after_a_purge(bus: Bus) -> None:
    ada = str(uuid4())
    await bus.join("readers", ["orders"])
    await bus.append("orders", [about(ada) if number == 500 else b"x" for number in range(3001)])
    await fetch(bus, count=100)
    await bus.purge_subject("orders", ada)
    (lag,) = await bus.lag("orders")
    assert lag.waiting == 3000  # all that is there: too many to be counted
    await fetch(bus, count=2300)
    (lag,) = await bus.lag("orders")
    assert (lag.waiting, lag.unacknowledged) == (600, 2400)


async def test_the_generation_is_lost_with_the_data(bus: Bus, redis: Redis) -> None:
    before = await bus.generation()
    assert await bus.generation() == before
    await redis.flushdb()
    after = await bus.generation()
    assert after.epoch != before.epoch
    assert after.incarnation == before.incarnation


async def test_a_server_that_is_away_is_a_bus_error() -> None:
    bus = RedisBus(redis_client.connect("unix:///nowhere/valkey.sock"))
    with pytest.raises(BusError):
        await bus.append("orders", [b"1"])
    with pytest.raises(BusError):
        await bus.fetch("readers", "one", ["orders"], count=1, wait=WAIT)


async def test_a_cancelled_call_is_cancelled_at_whatever_moment(bus: Bus) -> None:
    async def work() -> None:
        while True:
            await bus.length("orders")

    await bus.length("orders")
    for turns in range(100):
        task = asyncio.create_task(work())
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task], timeout=2)
        assert task.cancelled()


async def test_logs_can_be_read_beside_all_groups(bus: Bus) -> None:
    assert await bus.sources() == []
    await bus.append("orders", [b"1", b"2", b"3"])
    await bus.append("bills", [b"4"])
    await bus.join("readers", ["orders", "bills"])
    assert await bus.sources() == ["bills", "orders"]
    two, three = await bus.newest("orders", 2)
    assert (two.source, two.data, three.data) == ("orders", b"2", b"3")
    assert await bus.following("orders", two.position, 10) == [three]
    assert texts(await bus.following("orders", "", 2)) == [b"1", b"2"]
    assert await bus.newest("nothing", 10) == []
    assert texts(await fetch(bus)) == [b"1", b"2", b"3"]


def about(user_id: str, note: str = "", event_id: str = "") -> bytes:
    return Event(id=event_id, subject_user_id=user_id, traceparent=note).SerializeToString()


async def test_a_person_is_purged(bus: Bus) -> None:
    ada, bob = str(uuid4()), str(uuid4())
    await bus.join("readers", ["orders"])
    await bus.join("slow", ["orders"])
    many = [about(ada, str(number)) if number % 3 else about(bob, str(number)) for number in range(1500)]
    await bus.append("orders", many)
    await bus.append("orders", [about(ada) + b"\xff", b"\xff\xff", about(bob, f"met {ada}")])
    await bus.append("bills", [about(ada)])
    first, second = await fetch(bus, count=2)
    assert (Event.FromString(first.data).subject_user_id, Event.FromString(second.data).subject_user_id) == (bob, ada)
    await bus.bury("slow", Delivery("orders", "0-1", about(ada)), "no")
    await bus.bury("slow", Delivery("orders", "0-1", about(bob)), "no")
    await bus.bury("slow", Delivery("orders", "0-1", about(ada, "again")), "no")
    await bus.revive("slow", (await bus.dead_letters("slow"))[2])

    assert await bus.purge_subject("orders", ada) == 1000 + 1 + 2
    assert await bus.purge_subject("orders", ada) == 0

    left = [b"\xff\xff", *(each for each in many if ada.encode() not in each), about(bob, f"met {ada}")]
    assert sorted(texts(await bus.following("orders", "", 2000))) == sorted(left)
    assert texts(await fetch(bus, "slow", count=2000)) == [*left[1:-1], left[0], left[-1]]
    assert [letter.data for letter in await bus.dead_letters("slow")] == [about(bob)]
    assert len(await bus.newest("bills", 10)) == 1
    assert await bus.purge_subject("bills", ada) == 1
    # What a consumer holds of it is no obstacle to anything.
    assert await bus.reclaim("readers", "two", ["orders"], idle=0, count=10) == [
        Delivery("orders", first.position, first.data, 2)
    ]
    await bus.acknowledge("readers", [first])
    rest = await fetch(bus, count=2000)
    assert len(rest) == len(left) - 1
    await bus.acknowledge("readers", rest)
    await bus.acknowledge("slow", await bus.reclaim("slow", "one", ["orders"], idle=0, count=2000))
    assert {lag.group: lag.waiting + lag.unacknowledged for lag in await bus.lag("orders")} == {"readers": 0, "slow": 0}
    assert await bus.trim("orders", 0) == len(left)


async def test_what_was_removed_leaves_the_disk(bus: Bus, redis: Redis, valkey: Valkey) -> None:
    secret = uuid4().hex.encode()
    ada = str(uuid4())
    await bus.append("orders", [about(ada, secret.decode())])
    await bus.purge_subject("orders", ada)

    def on_disk() -> bool:
        return any(secret in file.read_bytes() for file in valkey.data.rglob("*") if file.is_file())

    async with asyncio.timeout(20):
        while not on_disk():  # written once a second
            await asyncio.sleep(0.05)
        while on_disk():
            with suppress(BusError):  # it does so already
                await bus.rewrite_files()
            await asyncio.sleep(0.2)
