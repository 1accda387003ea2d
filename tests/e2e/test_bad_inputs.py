"""The table of bad inputs: what a REST caller gets for each, in the one shape of errors and without a leak.

A new route gets its rows in ROWS: a name, the request, and what it is answered. A path may name `{workout}`, an own
workout of the caller's, and `{nobody}`, an id that nothing has.
"""

import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from chassis.contract import load_contract

Json = dict[str, Any]
WORKOUTS, WORKOUT = "/api/v1/workouts", "/api/v1/workouts/{workout}"
EXERCISES, IMPORT = "/api/v1/exercises", "/api/v1/exercises:import"
ERROR_INFO, BAD_REQUEST, REQUEST_INFO = (
    f"type.googleapis.com/google.rpc.{name}" for name in ("ErrorInfo", "BadRequest", "RequestInfo")
)
JSON = "application/json"
LEAKS = re.compile(
    r"fitnesshub\.(?!dev\b)|TYPE_[A-Z]|Traceback|\.py\b|127\.0\.0\.1|asyncpg|postgres|upstream|envoy|transcod|grpc",
    re.IGNORECASE,
)
"""Types of ours, the edge's own words, addresses, and what stack traces look like."""
START = "2026-11-23T17:00:00Z"
MiB = 1 << 20


@dataclass(frozen=True)
class Row:
    """A bad request and its answer."""

    request: str
    """Method and path, with the query."""
    status: int
    reason: str
    fields: tuple[str, ...] = ()
    """Fields of the violations, in order."""
    body: Any = None
    """Bytes and text as they are, anything else as JSON."""
    headers: Json = field(default_factory=dict)
    """Besides those of the caller. A body has the content type of JSON unless this names another; None: none."""
    role: str = "member"
    """Whose token is sent; empty: none."""
    says: str = ""
    """In the message, or in the description of a violation."""
    is_read: bool = True
    """Whether it gets as far as being given a request id."""


def sets(*each: Json) -> Json:
    """A workout with these sets."""
    return {"title": "Push day", "startTime": START, "sets": [*each]}


def invalid(request: str, *fields: str, body: Any = None, **more: Any) -> Row:
    """A request with fields to blame."""
    return Row(request, 400, "INVALID_REQUEST", fields, body, **more)


def malformed(request: str, body: Any, says: str, **more: Any) -> Row:
    """A body that can't be read."""
    return Row(request, 400, "MALFORMED_REQUEST", body=body, says=says, **more)


def unsupported(request: str, body: Any, **headers: str | None) -> Row:
    """A body of a foreign kind."""
    return Row(request, 415, "UNSUPPORTED_MEDIA_TYPE", body=body, headers=headers)


ROWS: dict[str, Row] = {
    # paths and methods
    "unknown path": Row("GET /api/v1/nothing", 404, "ROUTE_NOT_FOUND"),
    "unknown path, with a body": Row("POST /api/v1/nothing", 404, "ROUTE_NOT_FOUND", body={"title": "x"}),
    "unknown path, nobody": Row("GET /nothing", 404, "ROUTE_NOT_FOUND", role=""),
    "unknown verb": Row(f"POST {WORKOUT}:explode", 404, "ROUTE_NOT_FOUND", body={}),
    "path in another case": Row("GET /api/v1/Workouts", 404, "ROUTE_NOT_FOUND"),
    "path of gRPC": Row("POST /fitnesshub.workout.v1.WorkoutService/GetWorkout", 404, "ROUTE_NOT_FOUND", body={}),
    "metrics": Row("GET /metrics", 404, "ROUTE_NOT_FOUND", role=""),
    "metrics of a proxy": Row("GET /stats/prometheus", 404, "ROUTE_NOT_FOUND", role=""),
    "wrong method on a list": Row(f"DELETE {WORKOUTS}", 405, "METHOD_NOT_ALLOWED", says="GET, POST"),
    "wrong method on one": Row(f"PUT {WORKOUT}", 405, "METHOD_NOT_ALLOWED", body={}, says="DELETE, GET, PATCH"),
    "wrong method on health": Row("POST /health", 405, "METHOD_NOT_ALLOWED", body={}, role="", says="GET"),
    "wrong method on an import": Row(f"GET {IMPORT}", 405, "METHOD_NOT_ALLOWED", says="POST"),
    "wrong method on sign-in": Row("GET /auth/v1/token", 405, "METHOD_NOT_ALLOWED", role="", says="POST"),
    "encoded slash": Row("GET /api/v1/workouts/a%2Fb", 400, "MALFORMED_REQUEST", is_read=False),
    "path that is no text": Row("GET /api/v1/workouts/%ff", 400, "MALFORMED_REQUEST"),
    "id that is none": invalid("GET /api/v1/workouts/1", "workoutId", says="UUID"),
    "id in capitals": invalid("GET /api/v1/workouts/018F3C9E-7B1A-7C3E-9D2F-0123456789AB", "workoutId"),
    "id of nothing": Row("GET /api/v1/workouts/{nobody}", 404, "WORKOUT_NOT_FOUND"),
    # queries
    "unknown parameter": invalid(f"GET {WORKOUTS}?nope=1", "nope", says="isn't a parameter"),
    "unknown parameter without a value": invalid(f"GET {WORKOUTS}?nope", "nope"),
    "parameter in another case": invalid(f"GET {WORKOUTS}?pagesize=1", "pagesize"),
    "unknown parameter of health": invalid("GET /health?verbose=1", "verbose", role=""),
    "unknown parameter of a write": invalid(f"POST {WORKOUTS}?dryRun=true", "dryRun", body=sets()),
    "parameter of a wrong type": invalid(f"GET {WORKOUTS}?pageSize=many", "pageSize", says="whole number"),
    "parameter by its other name": invalid(f"GET {WORKOUTS}?page_size=many", "page_size", says="whole number"),
    "parameter with a fraction": invalid(f"GET {WORKOUTS}?pageSize=1.5", "pageSize"),
    "parameter that is empty": invalid(f"GET {WORKOUTS}?pageSize=", "pageSize"),
    "parameter out of range": invalid(f"GET {WORKOUTS}?pageSize=99999999999", "pageSize"),
    "parameter below what is allowed": invalid(f"GET {WORKOUTS}?pageSize=-1", "pageSize", says="at least 0"),
    "bad enum parameter": invalid(f"GET {EXERCISES}?muscle=BICEPS", "muscle", says="MUSCLE_BICEPS"),
    "enum parameter in small letters": invalid(f"GET {EXERCISES}?level=exercise_level_expert", "level"),
    "bad boolean parameter": invalid(f"GET {EXERCISES}?own=maybe", "own", says="true or false"),
    "bad time parameter": invalid(f"GET {WORKOUTS}?startTimeFrom=yesterday", "startTimeFrom", says="2026-11-23T"),
    "bad enum of a search": invalid(f"GET {EXERCISES}:search?query=curl&equipment=BAR", "equipment", role=""),
    "unknown filter of people": invalid("GET /api/v1/admin/users?name=x", "name", role="admin"),
    "bad role of people": invalid("GET /api/v1/admin/users?role=boss", "role", role="admin", says="ROLE_ADMIN"),
    "two bad parameters": invalid(f"GET {WORKOUTS}?nope=1&pageSize=x", "nope", "pageSize"),
    "bad page token": Row(f"GET {WORKOUTS}?pageToken=abc", 400, "PAGE_TOKEN_INVALID"),
    "unknown field in a mask": Row(f"PATCH {WORKOUT}?updateMask=nope", 400, "UPDATE_MASK_INVALID", body={"title": "x"}),
    # content types
    "no content type": unsupported(f"POST {WORKOUTS}", b"{}", **{"content-type": None}),
    "form": unsupported(f"POST {WORKOUTS}", b"title=x", **{"content-type": "application/x-www-form-urlencoded"}),
    "text": unsupported(f"PATCH {WORKOUT}", b"{}", **{"content-type": "text/plain"}),
    "JSON in another charset": unsupported(f"POST {WORKOUTS}", b"{}", **{"content-type": f"{JSON}; charset=utf-16"}),
    "compressed": unsupported(f"POST {WORKOUTS}", b"\x1f\x8b", **{"content-encoding": "gzip"}),
    # bodies that are no JSON
    "cut off": malformed(f"POST {WORKOUTS}", '{"title": "x"', "line 1, column 14: wanted a comma or }"),
    "comma too many": malformed(f"POST {WORKOUTS}", '{"title": "x",}', "line 1, column 15: wanted a name"),
    "single quotes": malformed(f"POST {WORKOUTS}", "{'title': 'x'}", "column 2: wanted a name in double quotes"),
    "second line": malformed(f"POST {WORKOUTS}", '{\n  "title": tru\n}', "line 2, column 12: wanted a value"),
    "not a number": malformed(f"POST {WORKOUTS}", '{"sets": [{"weight": NaN}]}', "column 22: wanted a value"),
    "half a character": malformed(f"POST {WORKOUTS}", '{"title": "\\ud800"}', "surrogate pair"),
    "no text": malformed(f"POST {WORKOUTS}", b'{"title": "\xff"}', "UTF-8"),
    "two values": malformed(f"POST {WORKOUTS}", '{"title": "x"}{}', "nothing after the body's value"),
    "list": malformed(f"POST {WORKOUTS}", [], "must be an object"),
    "null": malformed(f"POST {WORKOUTS}", "null", "must be an object"),
    "too deep": malformed(f"POST {WORKOUTS}", '{"x":' * 100 + "1" + "}" * 100, "at most 64 levels"),
    "broken, of another service": malformed("PATCH /api/v1/users/me/preferences", "{", "a name in double quotes"),
    # fields
    "unknown field": invalid(f"POST {WORKOUTS}", "titel", body=sets() | {"titel": "x"}, says="isn't a field"),
    "unknown field in a set": invalid(f"POST {WORKOUTS}", "sets[1].rep", body=sets({}, {"rep": 5})),
    "unknown field of an update": invalid(f"PATCH {WORKOUT}", "name", body={"name": "x"}),
    "unknown field of a profile": invalid("PATCH /api/v1/users/me/profile", "nope", body={"nope": 1}),
    "the message's own name": invalid(f"POST {WORKOUTS}", "workout", body={"workout": sets()}),
    "unknown field in one of many": invalid(
        f"POST {WORKOUTS}:batchCreate", "workouts[1].sets[0].nope", body={"workouts": [sets(), sets({"nope": 1})]}
    ),
    "bad enum of preferences": invalid(
        "PATCH /api/v1/users/me/preferences", "weightUnit", body={"weightUnit": "STONE"}
    ),
    "field twice": invalid(f"POST {WORKOUTS}", "title", body='{"title": "a", "title": "b"}', says="twice"),
    "field in both spellings": invalid(f"POST {WORKOUTS}", "startTime", body=sets() | {"start_time": START}),
    "number for a text": invalid(f"POST {WORKOUTS}", "title", body=sets() | {"title": 5}, says="must be a string"),
    "text for a number": invalid(f"POST {WORKOUTS}", "sets[0].reps", body=sets({"reps": "many"})),
    "fraction for a whole number": invalid(f"POST {WORKOUTS}", "sets[0].reps", body=sets({"reps": 1.5})),
    "number beyond 32 bits": invalid(f"POST {WORKOUTS}", "sets[0].reps", body=sets({"reps": 2**31}), says="2147483647"),
    "number beyond all": invalid(f"POST {WORKOUTS}", "sets[0].weight", body='{"sets": [{"weight": 1e999}]}'),
    "object for a list": invalid(f"POST {WORKOUTS}", "sets", body=sets() | {"sets": {}}, says="must be a list"),
    "null in a list": invalid(f"POST {WORKOUTS}", "sets[0]", body=sets() | {"sets": [None]}),
    "bad enum": invalid(
        f"POST {WORKOUTS}", "sets[0].weightUnit", body=sets({"weightUnit": "STONE"}), says="WEIGHT_UNIT_LB"
    ),
    "bad enum by its other name": invalid(f"POST {WORKOUTS}", "sets[0].weightUnit", body=sets({"weight_unit": "kg"})),
    "bad time": invalid(f"POST {WORKOUTS}", "startTime", body={"title": "x", "startTime": "2026-02-30T00:00:00Z"}),
    "time as a number": invalid(f"POST {WORKOUTS}", "startTime", body={"title": "x", "startTime": 1764000000}),
    "several at once": invalid(
        f"POST {WORKOUTS}",
        *("startTime", "sets[0].reps", "sets[1].nope"),
        body={"title": "x", "startTime": "", "sets": [{"reps": "x"}, {"nope": 1}]},
        says="must be a time",
    ),
    "body for what the path gives": invalid(
        "POST /api/v1/admin/users/{nobody}:suspend", "userId", body={"userId": "{nobody}", "reason": "x"}, role="admin"
    ),
    "body of a delete": invalid(f"DELETE {WORKOUT}", "etag", body={"etag": "x"}, says="takes no body"),
    # rules of the service, in the same words and names
    "missing": invalid(f"POST {WORKOUTS}", "title", "startTime", body={}, says="required"),
    "empty body": invalid(f"POST {WORKOUTS}", "title", "startTime", body=b""),
    "rules of a set": invalid(
        f"POST {WORKOUTS}",
        *("sets[1].exerciseId", "sets[1].reps"),
        body=sets({"exerciseId": str(uuid.uuid4())}, {"exerciseId": "squat", "reps": -1}),
    ),
    "import without rows": invalid(f"POST {IMPORT}", "exercises", body={"source": "e2e"}, role="admin"),
    # sizes
    "too large": Row(
        f"POST {WORKOUTS}", 413, "REQUEST_TOO_LARGE", body=b'{"notes": "' + b"x" * MiB + b'"}', says="1048576"
    ),
    "headers too large": Row(
        f"GET {WORKOUTS}", 431, "REQUEST_TOO_LARGE", headers={"x-large": "x" * 30_000}, is_read=False
    ),
    # who is asked comes after what is asked
    "no token": Row(f"GET {WORKOUTS}", 401, "UNAUTHENTICATED", role=""),
    "token that is none": Row(f"GET {WORKOUTS}", 401, "UNAUTHENTICATED", headers={"authorization": "Bearer x"}),
    "not an admin": Row(f"POST {IMPORT}", 403, "ROLE_REQUIRED", body={"source": "e2e", "exercises": [{}]}),
    "key that is none": Row(
        f"POST {WORKOUTS}", 400, "IDEMPOTENCY_KEY_INVALID", body=sets(), headers={"idempotency-key": "x" * 129}
    ),
}


@pytest.fixture(scope="session")
def reasons() -> dict[str, int]:
    """Status codes by reason."""
    return {name: reason.code for name, reason in load_contract().reasons.items()}


@pytest.fixture
def bearer(token: Callable[..., str]) -> Callable[[str], dict[str, str]]:
    return lambda role: {"authorization": f"Bearer {token(role, f'{role}@bad-inputs.dev')}"} if role else {}


@pytest.fixture
async def workout(http: httpx.AsyncClient, bearer: Callable[[str], dict[str, str]]) -> str:
    """Id of a workout of the member's."""
    answer = await http.post(WORKOUTS, json=sets(), headers=bearer("member"))
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def send(http: httpx.AsyncClient, row: Row, headers: dict[str, str], **named: str) -> httpx.Response:
    """Sends the request of a row."""
    method, _, url = row.request.partition(" ")
    body = row.body
    if isinstance(body, dict):
        body = {key: value.format_map(named) if isinstance(value, str) else value for key, value in body.items()}
    content = {} if body is None else {"content": body} if isinstance(body, bytes | str) else {"json": body}
    headers = ({"content-type": JSON} if body is not None else {}) | headers | row.headers
    kept = {name: value for name, value in headers.items() if value is not None}
    return await http.request(method, url.format_map(named), headers=kept, **content)


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
async def test_a_bad_input_is_answered_in_the_one_shape(
    row: Row,
    http: httpx.AsyncClient,
    bearer: Callable[[str], dict[str, str]],
    workout: str,
    reasons: dict[str, int],
) -> None:
    answer = await send(http, row, bearer(row.role), workout=workout, nobody="018f0000-0000-7000-8000-00000000dead")

    assert answer.status_code == row.status, answer.text
    assert answer.headers["content-type"] == JSON
    content = answer.json()
    assert set(content) == {"code", "message", "details"}
    assert content["code"] == reasons[row.reason]
    assert content["message"]
    details = {each["@type"]: each for each in content["details"]}
    assert len(details) == len(content["details"])
    assert (details[ERROR_INFO]["reason"], details[ERROR_INFO]["domain"]) == (row.reason, "fitnesshub.dev")
    assert details[REQUEST_INFO].get("requestId", "") == answer.headers.get("x-request-id", "")
    assert ("x-request-id" in answer.headers) == row.is_read

    violations = details.get(BAD_REQUEST, {}).get("fieldViolations", [])
    assert tuple(each["field"] for each in violations) == row.fields
    assert all(each["description"] for each in violations)
    said = f"{content['message']} {' '.join(each['description'] for each in violations)}"
    assert row.says in said
    assert not LEAKS.search(said), said
    sent_names = re.findall(r"[?&](\w+)", row.request)
    assert not [name for name in row.fields if "_" in name and name not in sent_names]
    assert ("allow" in answer.headers) == (row.status == 405)
    assert not [name for name in answer.headers if name.startswith(("x-fitnesshub", "grpc-", "x-envoy-"))]


DIALECT: dict[str, Row] = {
    "broken": Row("POST /auth/v1/signup", 400, "bad_json", body="{"),
    "without a content type": Row("POST /auth/v1/signup", 400, "bad_json", body="{", headers={"content-type": None}),
    "as a form": Row(
        "POST /auth/v1/token?grant_type=password", 400, "bad_json", body="a=b", headers={"content-type": "text/plain"}
    ),
    "a list": Row("POST /auth/v1/signup", 400, "bad_json", body=[]),
    "no address": Row(
        "POST /auth/v1/signup", 400, "validation_failed", body={"email": "x", "password": "correct horse"}
    ),
    "unknown grant": Row("POST /auth/v1/token?grant_type=magic", 400, "invalid_credentials", body={}),
    "nobody": Row("GET /auth/v1/user", 401, "no_authorization"),
}
"""Of the Supabase Auth protocol, whose bodies are checked by the service and refused in its own shape."""


@pytest.mark.parametrize("row", DIALECT.values(), ids=DIALECT)
async def test_a_bad_input_of_the_dialect_is_answered_in_its_shape(row: Row, http: httpx.AsyncClient) -> None:
    answer = await send(http, row, {})
    content = answer.json()
    assert (answer.status_code, content["code"], content["error_code"]) == (row.status, row.status, row.reason)
    assert answer.headers["content-type"].startswith(JSON)
    assert content["msg"]
    assert not LEAKS.search(content["msg"])


def test_the_table_is_whole() -> None:
    """Each reason that any call can be refused for by its input is in it, on more than one service."""
    assert len(ROWS) >= 45
    seen = {row.reason for row in ROWS.values()}
    assert seen >= {
        *("ROUTE_NOT_FOUND", "METHOD_NOT_ALLOWED", "INVALID_REQUEST", "MALFORMED_REQUEST"),
        *("UNSUPPORTED_MEDIA_TYPE", "REQUEST_TOO_LARGE", "PAGE_TOKEN_INVALID", "UPDATE_MASK_INVALID"),
    }
