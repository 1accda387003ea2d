"""argon2id in a bounded thread pool: one hash takes some 25 ms of CPU, which must not stop the event loop."""

import asyncio
import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from chassis.errors import Unavailable

# OWASP's password storage cheat sheet: argon2id with 19 MiB, two passes and one lane. As strong against
# guessing as its 46 MiB with one pass, at half the time and memory: a burst of sign-ins stays affordable.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_MOST_WAITING = 64
"""Hashes per thread in the queue. At 25 ms each the last one waits 1.6 s of a call's 5 s."""


class PasswordHashes:
    """Hashes and verifies passwords, `threads` at once."""

    def __init__(self, threads: int) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="passwords")
        self._places = threads * _MOST_WAITING
        self._decoy = _HASHER.hash(secrets.token_urlsafe(16))

    async def hash(self, password: str) -> str:
        """The hash to store, with its parameters and a fresh salt. Raises Unavailable when too many wait."""
        with self._place():
            return await asyncio.get_running_loop().run_in_executor(self._pool, _HASHER.hash, password)

    async def verify(self, stored: str | None, password: str) -> bool:
        """Whether the password has this hash. Without one the same work is done in vain, so that time tells nothing.

        Raises Unavailable when too many wait.
        """
        against = self._decoy if stored is None else stored
        with self._place():
            matches = await asyncio.get_running_loop().run_in_executor(self._pool, _matches, against, password)
        return matches and stored is not None

    def is_outdated(self, stored: str) -> bool:
        """Whether the hash was made with other parameters than today's."""
        return _HASHER.check_needs_rehash(stored)

    @contextmanager
    def _place(self) -> Iterator[None]:
        if self._places == 0:
            raise Unavailable("OVERLOADED", "too many passwords wait to be checked; try again")
        self._places -= 1
        try:
            yield
        finally:
            self._places += 1


def _matches(stored: str, password: str) -> bool:
    try:
        return _HASHER.verify(stored, password)
    except (VerificationError, InvalidHashError):
        return False
