"""Whether a process can do its work: real questions to the servers it needs, asked once a second.

Readiness is what health checks, `/ready` and StatusService report; they read the last answers and never
wait for a server themselves.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from fitnesshub.mesh.v1 import status_service_pb2

from chassis.clock import Clock

log = logging.getLogger(__name__)

INTERVAL = 1.0
"""Seconds between two rounds: an answer is never older than this plus one time-out."""
CHECK_TIMEOUT = 1.0
"""Seconds a server has to answer a check."""


@dataclass(frozen=True)
class Check:
    """A question to one server that a service needs. `ask` raises when the answer is bad."""

    name: str
    ask: Callable[[], Awaitable[None]]
    required: bool = True
    """Whether the service stops taking calls while the answer is bad."""


class NotReady(Exception):
    """A check's answer, in words that are safe to show."""


class Readiness:
    """The last answers of all checks, by service."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._checks: dict[str, list[Check]] = {}
        self._answers: dict[str, list[status_service_pb2.Check]] = {}

    def add(self, service: str, checks: list[Check]) -> None:
        """Registers the checks of a service; a service without any is always ready."""
        self._checks.setdefault(service, []).extend(checks)

    def answers(self, service: str) -> list[status_service_pb2.Check]:
        """The last answers of a service's checks."""
        return self._answers.get(service, [])

    def serving(self, service: str) -> bool:
        """Whether everything that the service can't do without has answered."""
        checks = self._checks.get(service, [])
        answers = self.answers(service)
        return len(answers) == len(checks) and all(answer.up or not answer.required for answer in answers)

    async def ask(self) -> None:
        """Asks every check once, all at the same time."""
        await asyncio.gather(*(self._ask(service, checks) for service, checks in self._checks.items()))

    async def _ask(self, service: str, checks: list[Check]) -> None:
        answers = await asyncio.gather(*(self._ask_one(check) for check in checks))
        before = {answer.name: answer.up for answer in self.answers(service)}
        for answer in answers:
            if before.get(answer.name) not in (None, answer.up):
                state = "up again" if answer.up else f"down: {answer.problem}"
                log.warning("%s: %s is %s", service, answer.name, state)
        self._answers[service] = list(answers)

    async def _ask_one(self, check: Check) -> status_service_pb2.Check:
        started = time.monotonic()
        problem = ""
        try:
            async with asyncio.timeout(CHECK_TIMEOUT):
                await check.ask()
        except TimeoutError:
            problem = f"no answer within {CHECK_TIMEOUT:g} s"
        except NotReady as bad:
            problem = str(bad)
        except Exception as error:
            log.debug("check %s failed", check.name, exc_info=error)
            problem = "can't be reached"
        answer = status_service_pb2.Check(name=check.name, up=not problem, problem=problem, required=check.required)
        answer.response_time.FromNanoseconds(int((time.monotonic() - started) * 1e9))
        answer.check_time.FromDatetime(self._clock.now())
        return answer
