"""Streams, uploads and downloads over REST: the echo service on its real host, behind a real Envoy."""

import asyncio
import hashlib
import json
import random
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import grpc
import httpx
import pytest
import pytest_asyncio
from google.api import httpbody_pb2

from chassis import streams
from chassis.contract import load_contract, read_contract
from chassis.edge.topology import Address
from chassis.host_grpc import GrpcioHost
from tests.conformance import world as conformance
from tests.conformance.echo import DOWNLOAD, compile_stubs
from tests.edge.paths import DELETE_WORKOUT
from tests.edge.shapes import ERROR_INFO, REQUEST_INFO
from tests.edge.world import World, running_world, until


@dataclass
class Place:
    """The edge and the process behind it."""

    edge: World
    echo: conformance.World


@pytest_asyncio.fixture(scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    echo = conformance.make_world(tmp_path_factory.mktemp("secrets"))
    contract = read_contract([*load_contract().files, compile_stubs()[0].DESCRIPTOR])
    host = GrpcioHost(echo.pipeline, [])
    port = await host.start("127.0.0.1:0")
    await host.set_serving("echo", serving=True)
    folder = tmp_path_factory.mktemp("edge-streams")
    async with running_world(folder, contract=contract, clusters={"echo": [Address("127.0.0.1", port)]}) as edge:
        await until(lambda: _is_healthy(edge), "the echo service is healthy")
        yield Place(edge, echo)
    await host.stop(0)


async def _is_healthy(edge: World) -> bool:
    return await edge.stat("cluster.echo.membership_healthy") == 1


@pytest.fixture
async def rest(place: Place) -> AsyncIterator[httpx.AsyncClient]:
    place.echo.api.cancelled.clear()
    async with place.edge.caller(anonymous=True) as caller:
        yield caller
    await until(lambda: place.echo.pipeline.active == 0, "all calls are over")


def events(text: str) -> list[dict[str, Any]]:
    """The messages of a stream, as a browser's EventSource splits it."""
    found = [each for each in text.split("\n\n") if each]
    assert all(each.startswith("data: ") and "\n" not in each for each in found)
    return [json.loads(each.removeprefix("data: ")) for each in found]


async def test_a_stream_is_sent_as_events_with_its_end(rest: httpx.AsyncClient, place: Place) -> None:
    answer = await rest.get("/echo/watch", params={"times": 3, "text": "x"}, headers={"accept-encoding": "br, gzip"})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/event-stream")
    assert answer.headers["cache-control"] == "no-store"
    assert "content-encoding" not in answer.headers
    *messages, last = events(answer.text)
    assert messages == [{"text": f"{number}\nx"} for number in range(3)]
    assert last == {"text": "", "control": {"end": {"code": 0, "message": "", "details": []}}}
    assert place.echo.api.seen[streams.HEADER] == streams.OVER_REST


def assert_end(message: dict[str, Any], code: int, reason: str) -> dict[str, Any]:
    """The message says that the stream failed; returns its details by type."""
    status = message["control"]["end"]
    assert (status["code"], status["message"] != "") == (code, True)
    details = {each.pop("@type"): each for each in status["details"]}
    assert details[ERROR_INFO]["reason"] == reason
    assert details[REQUEST_INFO]["requestId"]
    return details


@pytest.mark.parametrize(("behave", "code", "reason"), [("fail", 9, "ECHO_REFUSED"), ("crash", 13, "INTERNAL")])
async def test_a_failure_in_the_middle_is_its_end(rest: httpx.AsyncClient, behave: str, code: int, reason: str) -> None:
    answer = await rest.get("/echo/watch", params={"times": 2, "behave": behave})
    first, second, last = events(answer.text)
    assert answer.status_code == 200
    assert (first["text"], second["text"]) == ("0\n", "1\n")
    details = assert_end(last, code, reason)
    assert details[REQUEST_INFO]["requestId"] == answer.headers["x-request-id"]
    assert "secret" not in answer.text


async def test_a_failure_before_the_first_message_has_its_status(rest: httpx.AsyncClient) -> None:
    answer = await rest.get("/echo/watch", params={"times": 2, "behave": "missing"})
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/json")
    details = {each.pop("@type"): each for each in answer.json()["details"]}
    assert details[ERROR_INFO]["reason"] == "SERVICE_NOT_HOSTED"
    answer = await rest.get("/echo/watch", params={"times": 2000, "text": "x" * 1001})
    assert (answer.status_code, answer.json()["code"]) == (400, 3)
    assert (await rest.get("/echo/watch/mine")).status_code == 401
    assert (await rest.get("/echo/watch", params={"nope": 1})).status_code == 400


async def test_a_stream_that_couldnt_begin_is_asked_for_again(rest: httpx.AsyncClient, place: Place) -> None:
    answer = await rest.get("/echo/watch", params={"times": 1, "behave": "busy"})
    assert [event["text"] for event in events(answer.text)] == ["0\n", ""]
    assert place.echo.api.seen["x-envoy-attempt-count"] == "2"


async def test_silence_is_filled_with_heartbeats(rest: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "SILENCE", 0.2)
    monkeypatch.setattr(streams, "FIRST_SILENCE", 0.1)
    async with rest.stream("GET", "/echo/watch", params={"behave": "sleep"}) as answer:
        assert answer.status_code == 200
        lines = (line async for line in answer.aiter_lines() if line)
        start = time.monotonic()
        beats = [json.loads((await anext(lines)).removeprefix("data: ")) for _ in range(4)]
        took = time.monotonic() - start
    assert [beat["control"] for beat in beats] == [{"heartbeat": {}}] * 4
    assert 0.5 < took < 3


async def test_messages_come_one_by_one(rest: httpx.AsyncClient) -> None:
    async with rest.stream("GET", "/echo/watch", params={"times": 1, "behave": "sleep"}) as answer:
        first = await asyncio.wait_for(anext(answer.aiter_lines()), 2)
    assert json.loads(first.removeprefix("data: "))["text"] == "0\n"


async def test_the_handler_ends_when_the_client_leaves(rest: httpx.AsyncClient, place: Place) -> None:
    async with rest.stream("GET", "/echo/watch", params={"times": 1, "behave": "sleep"}) as answer:
        await anext(answer.aiter_lines())
        assert not place.echo.api.cancelled.is_set()
    await asyncio.wait_for(place.echo.api.cancelled.wait(), 1)
    await until(lambda: place.echo.pipeline.active == 0, "the call is over")


async def test_the_deadline_is_an_end_in_band(rest: httpx.AsyncClient) -> None:
    """The contract gives it four seconds, of which Envoy sees all and the service a little less."""
    answer = await rest.get("/echo/watch", params={"times": 1, "behave": "sleep"})
    first, *beats, last = events(answer.text)
    assert first["text"] == "0\n"
    assert all(beat["control"] == {"heartbeat": {}} for beat in beats)
    assert_end(last, 4, "DEADLINE_EXCEEDED")


async def test_a_process_that_stops_ends_its_streams(
    rest: httpx.AsyncClient, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(place.echo.pipeline, "streams", streams.Streams())
    async with rest.stream("GET", "/echo/watch", params={"times": 1, "behave": "sleep"}) as answer:
        lines = (line async for line in answer.aiter_lines() if line)
        await anext(lines)
        place.echo.pipeline.streams.stop()
        (last,) = events("\n\n".join([line async for line in lines]))
    assert_end(last, 14, "OVERLOADED")
    assert "connect again" in last["control"]["end"]["message"]
    assert place.echo.api.cancelled.is_set()
    # Whoever comes now is sent away before anything begins, so that the edge can ask another process.
    answer = await rest.get("/echo/watch", params={"times": 1})
    assert (answer.status_code, answer.json()["code"]) == (503, 14)
    assert (await rest.get("/echo/download")).status_code == 200


async def test_the_header_cant_come_from_outside(place: Place, rest: httpx.AsyncClient) -> None:
    """gRPC callers see no control messages, whatever they send."""
    pb2 = place.echo.pb2
    async with grpc.aio.insecure_channel(place.edge.target) as channel:
        stub = place.echo.pb2_grpc.EchoServiceStub(channel)
        call = stub.Watch(
            pb2.EchoRequest(times=2, behave="fail"), metadata=((streams.HEADER, streams.OVER_REST), ("x-kept", "1"))
        )
        texts = []
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            async for message in call:
                assert not message.HasField("control")
                texts.append(message.text)
    assert texts == ["0\n", "1\n"]
    assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert place.echo.api.seen["x-kept"] == "1"
    assert streams.HEADER not in place.echo.api.seen


async def test_grpc_web_has_its_status_in_its_trailers(place: Place, rest: httpx.AsyncClient) -> None:
    body = place.echo.pb2.EchoRequest(times=1).SerializeToString()
    frame = b"\0" + len(body).to_bytes(4, "big") + body
    headers = {"content-type": "application/grpc-web+proto", "x-grpc-web": "1"}
    answer = await rest.post("/fitnesshub_testing.v1.EchoService/Watch", content=frame, headers=headers)
    assert answer.status_code == 200
    message = place.echo.pb2.WatchReply(text="0\n").SerializeToString()
    data, trailers = answer.content[: 5 + len(message)], answer.content[5 + len(message) :]
    assert data == b"\0" + len(message).to_bytes(4, "big") + message
    assert trailers[:1] == b"\x80"
    assert b"grpc-status:0" in trailers


# --- uploads ---


def pieces(size: int) -> tuple[list[bytes], str]:
    """Random content in pieces as a client sends them, and its hash."""
    content = random.Random(size).randbytes(size)
    return [content[start : start + 65536] for start in range(0, size, 65536)], hashlib.sha256(content).hexdigest()


async def sending(content: list[bytes]) -> AsyncIterator[bytes]:
    for piece in content:
        yield piece


@pytest.mark.parametrize("chunked", [True, False])
async def test_an_upload_of_any_length_passes(rest: httpx.AsyncClient, chunked: bool) -> None:
    content, digest = pieces(10 << 20)
    body = sending(content) if chunked else b"".join(content)
    answer = await rest.post("/echo/files/a.bin", content=body, headers={"content-type": "application/octet-stream"})
    assert answer.status_code == 200, answer.text
    name, size, largest, received = answer.json()["text"].split()
    assert (name, int(size), received) == ("a.bin", 10 << 20, digest)
    assert int(largest) <= 1 << 20


async def test_an_upload_that_is_too_long_is_refused_by_its_service(rest: httpx.AsyncClient, place: Place) -> None:
    content, _ = pieces(5 << 20)
    answer = await rest.post("/echo/files/bounded", content=sending(content))
    assert (answer.status_code, answer.json()["code"]) == (413, 8)
    assert "bounded" not in place.echo.api.uploaded


async def test_grpc_uploads_have_the_same_bounds(place: Place) -> None:
    """Any number of messages, each of which the contract bounds."""
    pb2 = place.echo.pb2

    def request(size: int) -> Any:
        return pb2.UploadRequest(name="grpc", file=httpbody_pb2.HttpBody(data=bytes(size)))

    async with grpc.aio.insecure_channel(place.edge.target) as channel:
        upload = place.echo.pb2_grpc.EchoServiceStub(channel).Upload
        answer = await upload(request(1 << 20) for _ in range(9))
        assert answer.text.split()[1] == str(9 << 20)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await upload(iter([request(1), request(1114112)]))
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_an_upload_that_breaks_off_isnt_one(place: Place) -> None:
    """Ten times: it is a race inside gRPC that an unguarded handler loses one time in three."""
    content, _ = pieces(1 << 20)
    for _ in range(10):
        place.echo.api.received.clear()
        reader, writer = await asyncio.open_connection(*place.edge.topology.edge)
        writer.write(b"POST /echo/files/broken HTTP/1.1\r\nhost: edge\r\ncontent-length: 9999999\r\n\r\n")
        writer.writelines(content)
        await writer.drain()
        await asyncio.wait_for(place.echo.api.received.wait(), 5)
        writer.transport.abort()
        await until(lambda: place.echo.pipeline.active == 0, "the call is over")
        assert not await reader.read()
    assert "broken" not in place.echo.api.uploaded


# --- downloads ---


@pytest.mark.parametrize("encoding", ["br", "gzip", "identity"])
async def test_a_download_has_its_headers_and_is_compressed(rest: httpx.AsyncClient, encoding: str) -> None:
    answer = await rest.get("/echo/download", headers={"accept-encoding": encoding})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert answer.headers.get("content-encoding", "identity") == encoding
    assert answer.headers["cache-control"] == "private, max-age=60"
    assert encoding == "br" or answer.content == DOWNLOAD  # httpx can't read Brotli
    again = await rest.get(
        "/echo/download", headers={"accept-encoding": encoding, "if-none-match": answer.headers["etag"]}
    )
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"].removeprefix("W/") == answer.headers["etag"].removeprefix("W/")
    assert again.headers["cache-control"] == "private, max-age=60"
    assert "content-type" not in again.headers
    other = await rest.get("/echo/download", headers={"if-none-match": '"v0"'})
    assert other.status_code == 200


async def test_a_download_that_fails_in_the_middle_is_cut(rest: httpx.AsyncClient, place: Place) -> None:
    """A whole one would end properly; gRPC callers have the status."""
    with pytest.raises(httpx.RemoteProtocolError, match="incomplete"):
        await rest.get("/echo/download", params={"behave": "fail"})
    async with grpc.aio.insecure_channel(place.edge.target) as channel:
        call = place.echo.pb2_grpc.EchoServiceStub(channel).Download(place.echo.pb2.EchoRequest(behave="fail"))
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            assert [len(piece.data) async for piece in call]
    assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION


async def test_an_answer_without_a_body_has_none_when_compressed(place: Place) -> None:
    place.edge.backend.answers(DELETE_WORKOUT, b"")
    async with place.edge.caller() as caller:
        for encoding in ("br", "gzip"):
            answer = await caller.delete("/api/v1/workouts/w1", headers={"accept-encoding": encoding})
            assert (answer.status_code, answer.content) == (204, b"")
            assert "content-encoding" not in answer.headers
