"""The echo service: compiles its proto on the fly and implements it, for the conformance suites."""

import asyncio
import hashlib
import importlib
import sys
import tempfile
from collections.abc import AsyncIterator
from importlib.resources import files
from pathlib import Path
from typing import Any

from google.api import httpbody_pb2
from grpc_tools import protoc

from chassis.call import Call
from chassis.conditional import is_unchanged
from chassis.contract import Contract, read_contract
from chassis.edge.protoc import site_packages
from chassis.errors import FailedPrecondition, NotFound, ResourceExhausted, Unavailable

HERE = Path(__file__).parent
PROTO = HERE.parents[2] / "proto"
ETAG = "v1"
DOWNLOAD = b'{"exercises": [' + b'"squat", ' * 50_000 + b'"squat"]}'
MOST_UPLOADED = 4 << 20
"""Bytes that `Upload` takes under the name `bounded`."""


def compile_stubs() -> tuple[Any, Any]:
    """The modules `echo_pb2` and `echo_pb2_grpc`."""
    if "echo_pb2" not in sys.modules:
        folder = tempfile.mkdtemp(prefix="echo-stubs-")
        well_known = str(files("grpc_tools").joinpath("_proto"))
        sources = [f"-I{HERE}", f"-I{PROTO}", f"-I{well_known}", f"-I{site_packages()}"]
        if protoc.main(["protoc", *sources, f"--python_out={folder}", f"--grpc_python_out={folder}", "echo.proto"]):
            raise RuntimeError("echo.proto doesn't compile")
        sys.path.insert(0, folder)
    return importlib.import_module("echo_pb2"), importlib.import_module("echo_pb2_grpc")


def echo_contract() -> Contract:
    """The contract of the echo service with the reasons every RPC shares."""
    echo_pb2, _ = compile_stubs()
    errors_pb2 = importlib.import_module("fitnesshub.mesh.v1.errors_pb2")
    return read_contract([echo_pb2.DESCRIPTOR, errors_pb2.DESCRIPTOR])


class EchoApi:
    """Behaves as the request asks: `fail`, `crash`, `exit`, `sleep`, `metadata`, or echoes."""

    def __init__(self) -> None:
        self.cancelled = asyncio.Event()
        self.received = asyncio.Event()
        """Set by the first message of an upload."""
        self.uploaded: list[str] = []
        """Names of the uploads that came to their end."""
        self.seen: dict[str, str | bytes] = {}
        """Metadata of the last stream."""
        self.pb2, _ = compile_stubs()

    def _reply(self, text: str, call: Call) -> Any:
        return self.pb2.EchoReply(
            text=text,
            user_id=call.identity.user_id if call.identity else "",
            caller=call.caller,
            request_id=call.request_id,
            seconds_left=call.time_remaining() or 0.0,
        )

    async def echo(self, request: Any, call: Call) -> Any:
        if request.behave == "fail":
            raise FailedPrecondition("ECHO_REFUSED", f"refused to echo {request.text}", text=request.text)
        if request.behave == "crash":
            raise RuntimeError("secret: postgresql://10.0.0.1 SELECT password")
        if request.behave == "exit":
            raise SystemExit(7)
        if request.behave == "metadata":
            call.response_metadata["x-echo"] = request.text
        if request.behave == "sleep":
            try:
                await asyncio.sleep(30)
            except asyncio.CancelledError:
                self.cancelled.set()
                raise
        if request.behave == "wrong":
            return self.pb2.EchoRequest()
        return self._reply(request.text, call)

    echo_mine = echo_admin = echo_service = echo

    async def count(self, request: Any, call: Call) -> AsyncIterator[Any]:
        try:
            for number in range(request.times):
                text = str(id(asyncio.current_task())) if request.behave == "tasks" else str(number)
                yield self._reply(text + ("x" * 100_000 if request.behave == "flood" else ""), call)
            if request.behave == "fail":
                raise FailedPrecondition("ECHO_REFUSED", "refused in the middle")
            if request.behave == "sleep":
                await asyncio.sleep(30)
        except (asyncio.CancelledError, GeneratorExit):
            self.cancelled.set()
            raise

    async def watch(self, request: Any, call: Call) -> AsyncIterator[Any]:
        self.seen = dict(call.metadata)
        if request.behave == "missing":
            raise NotFound("SERVICE_NOT_HOSTED", "there is no such thing", service="thing")
        if request.behave == "busy" and call.attempt == 1:
            raise Unavailable("OVERLOADED", "too busy right now")
        try:
            for number in range(request.times):
                yield self.pb2.WatchReply(text=f"{number}\n{request.text}")
            if request.behave == "fail":
                raise FailedPrecondition("ECHO_REFUSED", "refused in the middle")
            if request.behave == "crash":
                raise RuntimeError("secret: postgresql://10.0.0.1 SELECT password")
            if request.behave == "sleep":
                await asyncio.sleep(30)
        except (asyncio.CancelledError, GeneratorExit):
            self.cancelled.set()
            raise

    watch_mine = watch

    async def upload(self, requests: AsyncIterator[Any], call: Call) -> Any:
        name, size, largest, digest = "", 0, 0, hashlib.sha256()
        async for request in requests:
            self.received.set()
            name = name or request.name
            size += len(request.file.data)
            largest = max(largest, len(request.file.data))
            digest.update(request.file.data)
            if name == "bounded" and size > MOST_UPLOADED:
                raise ResourceExhausted("REQUEST_TOO_LARGE", "the file is too large", maxBytes=str(MOST_UPLOADED))
        self.uploaded.append(name)
        return self._reply(f"{name} {size} {largest} {digest.hexdigest()}", call)

    async def download(self, request: Any, call: Call) -> AsyncIterator[Any]:
        call.response_metadata["cache-control"] = "private, max-age=60"
        if is_unchanged(call, f'"{ETAG}"'):
            return
        for start in range(0, len(DOWNLOAD), 100_000):
            piece = DOWNLOAD[start : start + 100_000]
            yield httpbody_pb2.HttpBody(content_type="application/json", data=piece)
            if request.behave == "fail":
                raise FailedPrecondition("ECHO_REFUSED", "refused in the middle")

    async def collect(self, requests: AsyncIterator[Any], call: Call) -> Any:
        return self._reply(" ".join([request.text async for request in requests]), call)

    async def converse(self, requests: AsyncIterator[Any], call: Call) -> AsyncIterator[Any]:
        async for request in requests:
            if request.behave == "fail":
                raise FailedPrecondition("ECHO_REFUSED", "refused to go on")
            yield self._reply(request.text, call)
