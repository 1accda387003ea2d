"""REST: what the transcoder makes of a request and of an answer."""

import grpc
import pytest
from fitnesshub.workout.v1 import exercise_service_pb2, workout_pb2, workout_service_pb2
from google.protobuf.any_pb2 import Any
from google.rpc import error_details_pb2, status_pb2

from tests.edge.backend import Asked
from tests.edge.paths import (
    CREATE_WORKOUT,
    DELETE_WORKOUT,
    GET_WORKOUT,
    IMPORT_EXERCISES,
    LIST_WORKOUTS,
    UPDATE_WORKOUT,
)
from tests.edge.shapes import assert_error, violations
from tests.edge.world import World


@pytest.fixture(autouse=True)
def answers(world: World) -> None:
    workout = workout_pb2.Workout(id="w1", title="Push day")
    for path in (GET_WORKOUT, CREATE_WORKOUT, UPDATE_WORKOUT):
        world.backend.answers(path, workout)
    world.backend.answers(LIST_WORKOUTS, workout_service_pb2.ListWorkoutsResponse(workouts=[workout]))
    world.backend.answers(IMPORT_EXERCISES, exercise_service_pb2.ImportExercisesResponse())


async def test_an_answer_prints_zeroes_and_leaves_unset_messages_out(world: World) -> None:
    async with world.caller() as caller:
        answer = await caller.get("/api/v1/workouts/w1")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {"id": "w1", "userId": "", "title": "Push day", "sets": [], "etag": ""}


@pytest.mark.parametrize("parameter", ["workout_id", "workoutId"])
async def test_a_query_never_overwrites_the_path(world: World, parameter: str) -> None:
    async with world.caller() as caller:
        await caller.get(f"/api/v1/workouts/mine?{parameter}=theirs&{parameter}=theirs")
    request = workout_service_pb2.GetWorkoutRequest.FromString(world.backend.last(GET_WORKOUT).request)
    assert request.workout_id == "mine"


@pytest.mark.parametrize("path", ["/api/v1/workouts/mine/", "/api/v1/workouts/mine"])
async def test_nor_with_a_slash_at_the_end_or_an_encoded_name(world: World, path: str) -> None:
    async with world.caller() as caller:
        await caller.get(f"{path}?workout%5Fid=theirs")
    request = workout_service_pb2.GetWorkoutRequest.FromString(world.backend.last(GET_WORKOUT).request)
    assert request.workout_id == "mine"


@pytest.mark.parametrize(
    "query", ["etag=a%26workout_id=theirs", "etag=a%26workoutId%3Dtheirs&workout%5Fid=theirs", "%65tag=a%26workoutId=x"]
)
async def test_nor_by_what_a_value_holds(world: World, query: str) -> None:
    world.backend.answers(DELETE_WORKOUT, b"")
    async with world.caller() as caller:
        assert (await caller.delete(f"/api/v1/workouts/mine?{query}")).status_code == 204
    request = workout_service_pb2.DeleteWorkoutRequest.FromString(world.backend.last(DELETE_WORKOUT).request)
    assert request.workout_id == "mine"
    assert request.etag.startswith("a&workout")


@pytest.mark.parametrize(
    ("name", "named"),
    [
        ("workout%255Fid", "workout%5Fid"),
        ("workout%05id", "workout\x05id"),
        ("%05", "\x05"),
        ("workout%00_id", "workout\0_id"),
        ("workout_id%20", "workout_id "),
        ("+workout_id", " workout_id"),
        ("Workout_Id", "Workout_Id"),
        ("workout%2Eid", "workout.id"),
        ("workout_id.x", "workout_id.x"),
        (".workout_id", ".workout_id"),
        ("workout_id[]", "workout_id[]"),
    ],
)
async def test_a_name_that_only_looks_like_the_bound_one_is_refused(world: World, name: str, named: str) -> None:
    async with world.caller() as caller:
        assert list(violations(await caller.get(f"/api/v1/workouts/mine?{name}=theirs"))) == [named]
    assert not world.backend.count(GET_WORKOUT)


async def test_a_control_character_in_a_value_is_a_value(world: World) -> None:
    world.backend.answers(DELETE_WORKOUT, b"")
    async with world.caller() as caller:
        assert (await caller.delete("/api/v1/workouts/mine?etag=%05&workout_id=theirs")).status_code == 204
    request = workout_service_pb2.DeleteWorkoutRequest.FromString(world.backend.last(DELETE_WORKOUT).request)
    assert (request.workout_id, request.etag) == ("mine", "\x05")


async def test_a_body_field_comes_from_the_body_and_the_rest_from_the_query(world: World) -> None:
    async with world.caller() as caller:
        await caller.patch("/api/v1/workouts/w1?updateMask=title,startTime", json={"title": "Legs"})
    request = workout_service_pb2.UpdateWorkoutRequest.FromString(world.backend.last(UPDATE_WORKOUT).request)
    assert (request.workout_id, request.workout.title) == ("w1", "Legs")
    assert list(request.update_mask.paths) == ["title", "start_time"]


async def test_a_query_is_read_as_browsers_write_it(world: World) -> None:
    async with world.caller() as caller:
        await caller.get("/api/v1/workouts?pageSize=5&page_token=a+b%2Bc")
    request = workout_service_pb2.ListWorkoutsRequest.FromString(world.backend.last(LIST_WORKOUTS).request)
    assert (request.page_size, request.page_token) == (5, "a b+c")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/nothing/here", (404, 5, "ROUTE_NOT_FOUND")),
        ("/api/v1/workouts/w1:nope", (404, 5, "ROUTE_NOT_FOUND")),
        (GET_WORKOUT, (404, 5, "ROUTE_NOT_FOUND")),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_what_is_not_in_the_contract_is_not_found(
    world: World, method: str, path: str, expected: tuple[int, int, str]
) -> None:
    async with world.caller() as caller:
        assert_error(await caller.request(method, path), *expected)


async def test_an_error_of_a_service_keeps_its_details(world: World) -> None:
    packed = [Any(), Any()]
    packed[0].Pack(error_details_pb2.ErrorInfo(reason="WORKOUT_NOT_FOUND", domain="fitnesshub.dev"))
    packed[1].Pack(
        error_details_pb2.BadRequest(
            field_violations=[error_details_pb2.BadRequest.FieldViolation(field="workoutId", description="unknown")]
        )
    )
    status = status_pb2.Status(code=5, message="no such workout", details=packed)

    async def fail(asked: Asked) -> bytes:
        details = status.SerializeToString()
        return await asked.fail(grpc.StatusCode.NOT_FOUND, "no such workout", ("grpc-status-details-bin", details))

    world.backend.answers(GET_WORKOUT, fail)
    async with world.caller() as caller:
        answer = await caller.get("/api/v1/workouts/w1")
    assert answer.status_code == 404
    assert answer.json() == {
        "code": 5,
        "message": "no such workout",
        "details": [
            {
                "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                "reason": "WORKOUT_NOT_FOUND",
                "domain": "fitnesshub.dev",
                "metadata": {},
            },
            {
                "@type": "type.googleapis.com/google.rpc.BadRequest",
                "fieldViolations": [
                    {"field": "workoutId", "description": "unknown", "reason": ""},
                ],
            },
        ],
    }
