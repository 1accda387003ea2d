"""Good bodies, mutated: nothing fails but in our words, and what is taken means what protobuf's own reader reads."""

import asyncio
import itertools
import json
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
from fitnesshub.workout.v1 import workout_pb2, workout_service_pb2
from google.protobuf.json_format import Parse, ParseError
from google.protobuf.message import Message
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.edge import kinds
from tests.edge.paths import CREATE_WORKOUT
from tests.edge.shapes import BAD_REQUEST, ERROR_INFO, REQUEST_INFO
from tests.edge.world import World

WORKOUT = {
    "title": "Push day",
    "notes": "",
    "startTime": "2026-11-23T17:00:00Z",
    "endTime": "2026-11-23T18:00:00.5+01:00",
    "sets": [
        {
            "exerciseId": "018f3c9e-7b1a-7c3e-9d2f-0123456789ab",
            "reps": 5,
            "weight": 102.5,
            "weightUnit": "WEIGHT_UNIT_KG",
        },
        {"exercise_id": "018f3c9e-7b1a-7c3e-9d2f-0123456789ab", "reps": "8", "rpe": 8.5, "notes": '"ü"\n😀'},
    ],
}
KINDS = {
    "text": "a",
    "data": "AQI=",
    "flag": True,
    "smallNumber": -5,
    "bigCount": "18446744073709551615",
    "real": 1.5e3,
    "colours": ["COLOUR_RED", 2],
    "longTime": "1.5s",
    "object": {"a": [1, None, {"b": "c"}]},
    "value": None,
    "maybeNumber": "7",
    "inners": [{"text": "b"}, {"counts": {"x": 1}}],
    "names": {"-1": "x"},
    "targetText": "t",
}
PIECES = [
    '"',
    "\\",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "null",
    "true",
    "1e9",
    "-",
    "0",
    ".5",
    "\\u00e9",
    "\\ud83d",
    "\n",
    "\x00",
]
NAMES = ["title", "nope", "start_time", "reps", "weightUnit", "", "text", "inner", "counts", "object", "target_number"]
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**65), 2**65)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | st.sampled_from(
        ["WEIGHT_UNIT_LB", "COLOUR_BLUE", "2026-02-30T00:00:00Z", "2026-11-23T17:00:00Z", "5", "NaN", "1s"]
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=3),
    max_leaves=6,
)


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every container in a value with every key or index in it."""
    found: list[tuple[Any, Any]] = []
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            found += [(value, key), *places(value[key])]
    return found


@st.composite
def bodies(draw: st.DrawFn, good: Any) -> bytes:
    """A good body with a few changes to its tree, and maybe to its text."""
    tree = json.loads(json.dumps(good))
    for _ in range(draw(st.integers(0, 3))):
        container, key = draw(st.sampled_from(places(tree) or [({}, "title")]))
        match draw(st.sampled_from(["replace", "replace", "remove", "add", "rename"])):
            case "replace":
                container[key] = draw(VALUES)
            case "remove":
                del container[key]
            case "add" if isinstance(container, dict):
                container[draw(st.sampled_from(NAMES))] = draw(VALUES)
            case "rename" if isinstance(container, dict):
                container[re.sub("[A-Z]", lambda upper: f"_{upper[0].lower()}", key)] = container.pop(key)
    indent = draw(st.sampled_from([None, 1]))
    text = json.dumps(tree, indent=indent, ensure_ascii=draw(st.booleans())).encode(errors="surrogatepass")
    for _ in range(draw(st.integers(0, 2))):
        at = draw(st.integers(0, len(text)))
        gone = draw(st.integers(0, 3))
        piece = draw(st.sampled_from(PIECES).map(str.encode) | st.binary(max_size=2))
        text = text[:at] + piece + text[at + gone :]
    return text


@dataclass
class Target:
    """A call whose body is fuzzed."""

    world: World
    path: str
    method: str
    good: dict[str, Any]
    kind: type[Message]
    """Of the body."""
    body_of: Callable[[bytes], Message]
    """The body in the request that the service got."""
    callers: list[httpx.Client] = field(default_factory=list)

    def post(self, body: bytes, number: int) -> httpx.Response:
        """Sends it; the caller changes before a rate limit is reached."""
        if number % 200 == 0:
            user = f"018f0000-0000-7000-8000-{number:012}"
            address = f"127.2.{len(self.callers)}.{1 + len(self.method) % 250}"
            self.callers.append(kinds.plain_caller(self.world, address, self.world.issuer.token(user=user)))
        return self.callers[-1].post(self.path, content=body)

    def read(self, body: bytes) -> Message | None:
        """What protobuf's own reader makes of it; None when it refuses it."""
        try:
            return Parse(body, self.kind()) if body else self.kind()
        except (ParseError, UnicodeError):
            return None


def fuzz(target: Target) -> None:
    """Sends mutations of a good body."""
    numbers = itertools.count()
    taken: Counter[bool] = Counter()

    @settings(max_examples=500, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(body=bodies(target.good))
    def check(body: bytes) -> None:
        answer = target.post(body, next(numbers))
        taken[answer.is_success] += 1
        meant = target.read(body)
        if answer.is_success:
            assert meant is not None, body
            got = target.body_of(target.world.backend.last(target.method).request)
            # As bytes: NaN isn't equal to itself.
            assert got.SerializeToString(deterministic=True) == meant.SerializeToString(deterministic=True), body
            return
        assert answer.status_code == 400, (body, answer.text)
        assert answer.headers["content-type"] == "application/json"
        details = {each["@type"]: each for each in answer.json()["details"]}
        reason = details[ERROR_INFO]["reason"]
        assert reason in ("INVALID_REQUEST", "MALFORMED_REQUEST")
        assert (BAD_REQUEST in details) == (reason == "INVALID_REQUEST")
        assert details[REQUEST_INFO]["requestId"] == answer.headers["x-request-id"]

    try:
        check()
    finally:
        for caller in target.callers:
            caller.close()
    assert min(taken[True], taken[False]) > 50, f"taken and refused: {taken}"


async def test_workouts(world: World) -> None:
    def body_of(request: bytes) -> Message:
        return workout_service_pb2.CreateWorkoutRequest.FromString(request).workout

    world.backend.answers(CREATE_WORKOUT, b"")
    target = Target(world, "/api/v1/workouts", CREATE_WORKOUT, WORKOUT, workout_pb2.Workout, body_of)
    await asyncio.to_thread(fuzz, target)


async def test_every_kind(place: World) -> None:
    kind = kinds.kind("Kinds")
    await asyncio.to_thread(fuzz, Target(place, "/kinds", kinds.PUT, KINDS, kind, kind.FromString))
