"""Streams of answers: run in a task of their own, ended when the process stops, and over REST with their end in band.

HTTP can't say how a stream ended once it has begun. So over REST, and only there, `control` messages say it (see
`fitnesshub/mesh/v1/stream.proto`), and a download is cut. The edge tells by a header that a call came over REST.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from fitnesshub.mesh.v1 import stream_pb2
from google.api import httpbody_pb2
from google.protobuf.descriptor import Descriptor
from google.rpc import status_pb2

from chassis.call import Call, Wire
from chassis.errors import Unavailable
from chassis.wire import repeated_field

log = logging.getLogger(__name__)

HEADER = "x-fitnesshub-stream"
"""Set by the edge on the REST routes of streams; it takes the header away from calls that bring it."""
OVER_REST = "rest"
"""Its one value."""
CONTROL_NUMBER = 15
"""Field number of `StreamControl control` in the messages of every stream that is mapped to HTTP."""
FIRST_SILENCE = 1.0
"""Seconds without a first message before a heartbeat opens the stream: the client sees that it is connected.
Failures in that time still have an HTTP status of their own."""
SILENCE = 15.0
"""Seconds without a message before each further heartbeat; proxies on the way give up idle connections after 30."""
EARLIER = 1.0
"""Seconds before the deadline at which a stream is ended in band, or a twentieth of its time: Envoy would cut it."""

_END = object()
_CONTROL_TYPE: str = stream_pb2.StreamControl.DESCRIPTOR.full_name
_RAW_TYPE: str = httpbody_pb2.HttpBody.DESCRIPTOR.full_name


def carries_control(message: Descriptor) -> bool:
    """Whether the messages of a stream have the field `control`."""
    field = message.fields_by_number.get(CONTROL_NUMBER)
    return (
        field is not None
        and field.name == "control"
        and not field.is_repeated
        and field.message_type is not None
        and field.message_type.full_name == _CONTROL_TYPE
    )


def is_download(message: Descriptor) -> bool:
    """Whether an RPC answers with raw content, which has its own length and no room for `control`."""
    return message.full_name == _RAW_TYPE


def _control(control: stream_pb2.StreamControl) -> bytes:
    """A message of any stream that carries only `control`."""
    return repeated_field(CONTROL_NUMBER, [control.SerializeToString()])


HEARTBEAT = Wire(_control(stream_pb2.StreamControl(heartbeat=stream_pb2.Heartbeat())))
"""Nothing has happened, and the stream stands."""


def end(status: bytes = b"") -> bytes:
    """The last message of a stream. `status` is a serialised `google.rpc.Status`; empty for success."""
    return _control(stream_pb2.StreamControl(end=status_pb2.Status.FromString(status)))


CUT = b"\xff"
"""No message at all, at which Envoy resets the connection: over HTTP/1.1 a download that failed would end like a whole
one, because its status stands in trailers that nobody reads."""


def leave_room(call: Call) -> None:
    """Moves the deadline forward, so that the end in band is sent before Envoy cuts the stream."""
    left = call.time_remaining()
    if call.deadline is not None and left is not None:
        call.deadline -= min(EARLIER, left / 20)


class Streams:
    """The streams that a process answers with right now."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping = False

    def stop(self) -> None:
        """Ends all streams but downloads, those that come later too: the process stops."""
        self._stopping = True
        for task in self._tasks:
            task.cancel()

    async def run(
        self, answers: AsyncGenerator[Any, None], call: Call, *, heartbeats: bool, download: bool
    ) -> AsyncGenerator[Any, None]:
        """Yields a handler's messages, and with `heartbeats` HEARTBEAT when they are long in coming.

        The handler runs in one task from beginning to end, and not ahead of who reads; it is cancelled when the reader
        leaves. Raises what it raises, TimeoutError at the call's deadline, Unavailable when the process stops.
        """
        queue: asyncio.Queue[Any] = asyncio.Queue()
        task = asyncio.get_running_loop().create_task(_feed(answers, queue))
        task.add_done_callback(lambda _: queue.put_nowait(_END))
        if not download:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            if self._stopping:
                task.cancel()
        silence = FIRST_SILENCE
        ended = False
        try:
            while not ended:
                left = call.time_remaining() or 0.0
                wait = min(silence, left) if heartbeats else left
                silence = SILENCE
                try:
                    async with asyncio.timeout(wait):
                        answer = await queue.get()
                except TimeoutError:
                    if wait == left:
                        raise
                    yield HEARTBEAT
                    continue
                ended = answer is _END
                if not ended:
                    yield answer
                    queue.task_done()
            if task.cancelled() and self._stopping:
                raise Unavailable("OVERLOADED", "this server is stopping; connect again")
            task.result()
        finally:
            task.cancel()
            await asyncio.wait({task})
            if not ended and not task.cancelled() and (error := task.exception()):
                log.error("%s failed while it was stopped", call.method, exc_info=error)


async def _feed(answers: AsyncGenerator[Any, None], queue: asyncio.Queue[Any]) -> None:
    async with aclosing(answers):
        async for answer in answers:
            queue.put_nowait(answer)
            await queue.join()
