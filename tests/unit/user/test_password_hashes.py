"""The one test of speed here is relative: verifying nobody's password must take as long as verifying somebody's."""

import asyncio
import time

import pytest
from argon2 import PasswordHasher

from chassis.errors import Unavailable
from services.user.clients import password_hashes
from services.user.clients.password_hashes import PasswordHashes


async def test_only_the_right_password_matches() -> None:
    hashes = PasswordHashes(threads=1)
    stored = await hashes.hash("correct horse")
    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert await hashes.verify(stored, "correct horse")
    assert not await hashes.verify(stored, "correct horsf")
    assert not await hashes.verify("no hash at all", "correct horse")


async def test_two_hashes_of_one_password_differ() -> None:
    hashes = PasswordHashes(threads=1)
    assert await hashes.hash("correct horse") != await hashes.hash("correct horse")


async def test_without_a_hash_the_same_work_is_done_in_vain() -> None:
    hashes = PasswordHashes(threads=1)
    stored = await hashes.hash("correct horse")

    async def fastest(against: str | None) -> float:
        times = []
        for _ in range(5):
            begun = time.perf_counter()
            assert not await hashes.verify(against, "wrong horse")
            times.append(time.perf_counter() - begun)
        return min(times)

    assert await fastest(None) > 0.5 * await fastest(stored)


async def test_a_hash_with_older_parameters_is_outdated() -> None:
    hashes = PasswordHashes(threads=1)
    assert hashes.is_outdated(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash("correct horse"))
    assert not hashes.is_outdated(await hashes.hash("correct horse"))


async def test_the_event_loop_goes_on_while_a_password_is_hashed() -> None:
    hashes = PasswordHashes(threads=1)
    hashing = asyncio.gather(*(hashes.hash("correct horse") for _ in range(8)))
    turns = 0
    while not hashing.done():
        await asyncio.sleep(0)
        turns += 1
    await hashing
    assert turns > 100


async def test_a_full_queue_refuses_and_recovers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(password_hashes, "_MOST_WAITING", 2)
    hashes = PasswordHashes(threads=1)
    first = asyncio.gather(hashes.hash("one horse"), hashes.hash("two horses"))
    await asyncio.sleep(0)
    with pytest.raises(Unavailable) as refused:
        await hashes.hash("three horses")
    assert refused.value.reason == "OVERLOADED"
    await first
    assert await hashes.hash("four horses")
