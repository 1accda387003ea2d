"""An audited call is in the trail once, whatever its caller hears of it."""

import asyncio

import pytest
from fitnesshub.audit.v1.audit_service_pb2 import EraseSubjectRequest

from chassis.audit import audited
from chassis.call import Call
from chassis.endpoint import Incoming, Payload, StatusError

DEADLINE = 4


class Trail:
    """A method that fails by its deadline, and what is recorded of it."""

    def __init__(self, *, recorded: bool) -> None:
        self.call = Call("/a.B/C", audited=True, audit_recorded=recorded)
        self.codes: list[int] = []
        self.error: BaseException = StatusError(DEADLINE, "too late", b"", {})

    async def method(self, _payload: Payload, incoming: Incoming) -> bytes:
        incoming.call = self.call
        raise self.error

    async def record(self, _call: Call, code: int, _reason: str) -> None:
        self.codes.append(code)

    async def run(self) -> list[int]:
        with pytest.raises((StatusError, asyncio.CancelledError)):
            await audited(EraseSubjectRequest.DESCRIPTOR, self.method, self.record)(b"", Incoming({}))
        return self.codes


async def test_a_call_that_failed_is_recorded() -> None:
    assert await Trail(recorded=False).run() == [DEADLINE]


@pytest.mark.parametrize("error", [StatusError(DEADLINE, "too late", b"", {}), asyncio.CancelledError()])
async def test_a_call_that_told_of_itself_is_not_recorded_again(error: BaseException) -> None:
    trail = Trail(recorded=True)
    trail.error = error
    assert await trail.run() == []


@pytest.mark.parametrize(("succeeds", "codes"), [(True, []), (False, [DEADLINE])])
async def test_a_commit_that_goes_on_is_waited_for(succeeds: bool, codes: list[int]) -> None:
    trail = Trail(recorded=False)

    async def commit() -> None:
        await asyncio.sleep(0)
        trail.call.audit_recorded = succeeds

    trail.call.commit = asyncio.ensure_future(commit())
    assert await trail.run() == codes
