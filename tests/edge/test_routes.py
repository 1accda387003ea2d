"""Paths, methods and queries: what isn't in the contract is refused in our words, by the name that was sent."""

import json
from collections.abc import AsyncIterator

import httpx
import pytest
from fitnesshub.workout.v1 import exercise_service_pb2

from tests.edge import kinds
from tests.edge.kinds import FIND, PATCH
from tests.edge.paths import CREATE_WORKOUT, IMPORT_EXERCISES
from tests.edge.shapes import assert_error, violations
from tests.edge.world import World

INT32 = "must be a whole number from -2147483648 to 2147483647"
COLOUR = "must be one of COLOUR_RED, COLOUR_BLUE"
UNKNOWN = "isn't a parameter of this call"


@pytest.mark.parametrize(
    ("path", "allow"),
    [
        ("/kinds", "GET, POST"),
        ("/kinds/", "GET, POST"),
        ("/kinds?pageSize=x", "GET, POST"),
        ("/kinds/k1", "PATCH"),
        ("/kinds/k1:replace", "POST"),
        ("/kinds/k1/parts/p1:touch", "POST"),
        ("/kinds/k1/", "PATCH"),
        ("/health", "GET"),
    ],
)
async def test_a_method_that_the_path_has_not(rest: httpx.AsyncClient, path: str, allow: str) -> None:
    for method in {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"} - set(allow.split(", ")):
        answer = await rest.request(method, path)
        assert answer.headers["allow"] == allow
        if method == "HEAD":
            assert (answer.status_code, answer.content) == (405, b"")
        else:
            assert_error(answer, 405, 12, "METHOD_NOT_ALLOWED", allowed=allow)
    assert (await rest.request(allow.rpartition(" ")[2], path, content=b"{}")).status_code != 405


@pytest.mark.parametrize(
    "path",
    [
        *(
            "/",
            "/kind",
            "/Kinds",
            "/kinds/k1/parts",
            "/kinds/k1:nope",
            "/kinds;x=1",
            "/kinds/k1/x",
        ),
        *("/metrics", "/stats", "/stats/prometheus", "/ready", "/clusters", "/config_dump", "/quitquitquit", "/admin"),
        *("/api/../metrics", "//metrics", "/fitnesshub.mesh.v1.StatusService/GetServiceStatus", "/user/metrics"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_path_that_nobody_has(rest: httpx.AsyncClient, place: World, method: str, path: str) -> None:
    for host in ("edge", "workout.mesh", f"127.0.0.1:{place.topology.admin.port}"):
        answer = await rest.request(method, path, headers={"host": host}, content=b"{" if method == "POST" else None)
        assert_error(answer, 404, 5, "ROUTE_NOT_FOUND")


GOOD = [
    ("", "{}"),
    ("pageSize=5&page_size=6", '{"pageSize": 6}'),
    ("colour=COLOUR_RED&colours=COLOUR_BLUE&colours=1", '{"colour": 1, "colours": [2, 1]}'),
    ("atTime=2026-11-23T17:00:00Z&longTime=1.5s", '{"atTime": "2026-11-23T17:00:00Z", "longTime": "1.5s"}'),
    (
        "flag=true&real=-1.5e3&bigCount=18446744073709551615",
        '{"flag": true, "real": -1500, "bigCount": "18446744073709551615"}',
    ),
    ("filter.text=a+b%2Bc&filter.small_number=-1", '{"filter": {"text": "a b+c", "smallNumber": -1}}'),
]


@pytest.mark.parametrize(("query", "body"), GOOD)
async def test_a_good_query_is_read(rest: httpx.AsyncClient, place: World, query: str, body: str) -> None:
    assert (await rest.get(f"/kinds?{query}")).status_code == 200
    request = place.backend.last(FIND).request
    assert kinds.parsed("FindKindsRequest", request) == kinds.message("FindKindsRequest", body)


BAD = [
    ("nope=1", {"nope": UNKNOWN}),
    ("nope", {"nope": UNKNOWN}),
    ("flag=true&nope&", {"nope": UNKNOWN}),
    ("pageSize", {"pageSize": INT32}),
    ("PageSize=1", {"PageSize": UNKNOWN}),
    ("filter.nope=1", {"filter.nope": UNKNOWN}),
    ("pageSize.x=1", {"pageSize.x": UNKNOWN}),
    ("%22%3E%3Cb%3E=1", {'"><b>': UNKNOWN}),
    ("gr%C3%B6%C3%9Fe=1", {"größe": UNKNOWN}),
    ("page_size=x", {"page_size": INT32}),
    ("pageSize=", {"pageSize": INT32}),
    ("pageSize=1.5", {"pageSize": INT32}),
    ("pageSize=99999999999", {"pageSize": INT32}),
    ("filter.smallNumber=x", {"filter.smallNumber": INT32}),
    ("bigCount=-1", {"bigCount": "must be a whole number from 0 to 18446744073709551615"}),
    ("colour=RED", {"colour": COLOUR}),
    ("colour=colour_red", {"colour": COLOUR}),
    ("colours=COLOUR_RED&colours=RED", {"colours": COLOUR}),
    ("colour=99", {"colour": COLOUR}),
    ("colours=2&colours=-1", {"colours": COLOUR}),
    ("colour=99999999999999999999&flag", {"colour": COLOUR, "flag": "must be true or false"}),
    ("flag=maybe", {"flag": "must be true or false"}),
    ("real=x", {"real": "must be a number"}),
    ("atTime=yesterday", {"atTime": "must be a time as 2026-11-23T17:00:00Z"}),
    (
        "atTime=2026-11-23T17:00:00+01:00",
        {"atTime": "must be a time as 2026-11-23T17:00:00Z; in a query, + is written %2B"},
    ),
    ("longTime=5m", {"longTime": "must be a duration in seconds as 90s or 1.5s"}),
    ("pageSize=x&nope=1&flag=true", {"pageSize": INT32, "nope": UNKNOWN}),
]


@pytest.mark.parametrize(("query", "expected"), BAD)
async def test_a_bad_query_is_named(
    rest: httpx.AsyncClient, place: World, query: str, expected: dict[str, str]
) -> None:
    assert violations(await rest.get(f"/kinds?{query}")) == expected
    assert not place.backend.count(FIND)


async def test_the_query_of_a_write_is_named_too(rest: httpx.AsyncClient) -> None:
    assert violations(await rest.patch("/kinds/k1?nope=1", json={})) == {"nope": UNKNOWN}
    assert violations(await rest.patch("/kinds/k1?dry_run=maybe", json={})) == {"dry_run": "must be true or false"}


@pytest.mark.parametrize("path", ["/kinds/k1:replace", "/kinds/k1/:replace", "/kinds/k1:replace:", "/kinds/k1/replace"])
@pytest.mark.parametrize("name", ["kinds_id", "kindsId", "kinds%5fid"])
async def test_no_spelling_of_the_path_lets_the_query_overwrite_it(
    rest: httpx.AsyncClient, place: World, path: str, name: str
) -> None:
    answer = await rest.post(f"{path}?{name}=theirs", json={})
    if answer.status_code == 200:
        request = kinds.parsed("PatchKindsRequest", place.backend.last(PATCH).request)
        assert request == kinds.message("PatchKindsRequest", '{"kindsId": "k1"}')
    else:
        assert answer.status_code in (404, 405)
        assert not place.backend.count(PATCH)


@pytest.mark.parametrize(
    ("query", "note"),
    [
        ("the_filter.part_name=theirs&theFilter.partName=theirs", ""),
        ("theFilter.part_name=theirs&the_filter.partName=theirs", ""),
        ("note=a%26theFilter.partName=theirs", "a&theFilter.partName=theirs"),
        ("note=a%26kindsId%3Dtheirs&kindsId=theirs", "a&kindsId=theirs"),
        ("kindsId=theirs&note=a%2526kindsId%253Dtheirs", "a%26kindsId%3Dtheirs"),
        ("%6binds%49d=theirs&note=a%2Bb+%0D%01", "a+b \r\x01"),
        ("kindsId=a=b&kindsId&&note=x", "x"),
    ],
)
async def test_the_rest_of_a_query_stays_as_it_was_sent(
    rest: httpx.AsyncClient, place: World, query: str, note: str
) -> None:
    """What the path gives is taken away, and nothing is decoded on the way: a value can't become a parameter."""
    assert (await rest.post(f"/kinds/k1/parts/p1:touch?{query}")).status_code == 200
    request = kinds.parsed("PatchKindsRequest", place.backend.last(PATCH).request)
    wanted = {"kindsId": "k1", "theFilter": {"partName": "p1"}, "note": note}
    assert request == kinds.message("PatchKindsRequest", json.dumps(wanted))


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_is_as_large_as_its_call_allows(world: World, chunked: bool) -> None:
    """Import takes 8 MiB, most calls take 1 MiB."""
    world.backend.answers(IMPORT_EXERCISES, exercise_service_pb2.ImportExercisesResponse())
    world.backend.answers(CREATE_WORKOUT, b"")

    async def pieces(size: int) -> AsyncIterator[bytes]:
        yield b"{"
        for _ in range(size // 4096 - 1):
            yield b" " * 4096
        yield b" " * 4094 + b"}"

    async def post(path: str, size: int) -> httpx.Response:
        body = pieces(size) if chunked else b"{" + b" " * (size - 2) + b"}"
        return await caller.post(path, content=body, headers={"content-type": "application/json"})

    async with world.caller("admin") as caller:
        assert (await post("/api/v1/exercises:import", 8 << 20)).status_code == 200
        assert (await post("/api/v1/workouts", 1 << 20)).status_code == 201
        answer = await post("/api/v1/workouts", (1 << 20) + 4096)
    assert_error(answer, 413, 8, "REQUEST_TOO_LARGE", maxBytes=str(1 << 20))
    assert world.backend.count(CREATE_WORKOUT) == 1
