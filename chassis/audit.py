"""The audit trail of RPCs that the contract declares audited: one event a call, whatever became of it.

A call that changed something tells of it in the same transaction; any other in a small one of its own.
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from typing import Any

from fitnesshub.event.v1.rpc_audited_pb2 import RpcAudited
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import DecodeError
from google.protobuf.message_factory import GetMessageClass

from chassis.call import Call
from chassis.endpoint import Incoming, Payload, StatusError, Unary
from chassis.errors import Cancelled, Unavailable
from chassis.status import from_status, to_status

AGGREGATE = "rpc"
MAX_TARGET = 64
"""Characters of an id; what is longer is none, and a stranger's request must not fill the trail."""
Record = Callable[[Call, int, str], Coroutine[Any, Any, None]]
"""Records a call that didn't do so in its own transaction: its status code and reason."""


def rpc_audited(call: Call, code: int = 0, reason: str = "") -> RpcAudited:
    """The event that tells of a call."""
    identity = call.identity
    return RpcAudited(
        rpc=call.method[1:].replace("/", "."),
        user_id=identity.user_id if identity else "",
        roles=sorted(identity.roles) if identity else (),
        session_id=identity.session_id if identity else "",
        caller=call.caller,
        ip_address=call.peer_ip,
        request_id=call.request_id,
        targets=call.targets,
        code=code,
        reason=reason,
    )


def compile_targets(request: Descriptor) -> Callable[[bytes], Mapping[str, str]]:
    """Finds what a request is about: its fields named `id` or `…_id`, at the top."""
    names = [
        field.name
        for field in request.fields
        if field.type == FieldDescriptor.TYPE_STRING
        and not field.is_repeated
        and (field.name == "id" or field.name.endswith("_id"))
    ]
    kind = GetMessageClass(request)

    def targets(payload: bytes) -> Mapping[str, str]:
        try:
            message = kind.FromString(payload)
        except DecodeError:
            return {}
        values = {name: getattr(message, name) for name in names}
        return {name: value for name, value in values.items() if value and len(value) <= MAX_TARGET}

    return targets


def audited(request: Descriptor, unary: Unary, record: Record) -> Unary:
    """A compiled method, with every call of it in the audit trail: a call that wrote is there already."""
    targets = compile_targets(request)

    async def invoke(payload: Payload, incoming: Incoming) -> bytes:
        incoming.targets = targets(payload) if isinstance(payload, bytes) else {}
        try:
            answer = await unary(payload, incoming)
        except StatusError as status:
            with suppress(Unavailable):  # the caller is told what went wrong first
                await _unless_recorded(record, _call(incoming), status.code, reason_of(status))
            raise
        except asyncio.CancelledError:
            with suppress(Unavailable):
                await _unless_recorded(record, _call(incoming), Cancelled.code, "CANCELLED")
            raise
        call = _call(incoming)
        if not call.audit_recorded:
            try:
                await record(call, *call.failed_with)
            except Unavailable as failure:
                # What can't be recorded isn't given out.
                raise StatusError(*to_status(failure, ""), {}) from failure
        return answer

    return invoke


async def _unless_recorded(record: Record, call: Call, code: int, reason: str) -> None:
    """What a call did is in the trail as done, though its caller heard otherwise."""
    if call.commit is not None:
        await asyncio.wait([call.commit])  # it goes on when the call was given up
    if not call.audit_recorded:
        await record(call, code, reason)


def _call(incoming: Incoming) -> Call:
    if incoming.call is None:
        raise TypeError("the call never began")
    return incoming.call


def reason_of(status: StatusError) -> str:
    """The reason a call failed by."""
    return from_status(status.code, status.message, status.details).reason
