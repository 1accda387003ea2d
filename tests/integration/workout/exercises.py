"""Calls of ExerciseService, as people make them."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

from fitnesshub.workout.v1.exercise_pb2 import (
    EXERCISE_CATEGORY_STRENGTH,
    EXERCISE_LEVEL_BEGINNER,
    MUSCLE_BICEPS,
    Exercise,
)
from fitnesshub.workout.v1.exercise_service_pb2 import (
    CreateExerciseRequest,
    DeleteExerciseRequest,
    DownloadExercisesRequest,
    GetExerciseRequest,
    ListExercisesRequest,
    ListExerciseTombstonesRequest,
    ListExerciseTombstonesResponse,
    SearchExercisesRequest,
    SearchExercisesResponse,
    UpdateExerciseRequest,
)
from google.api.httpbody_pb2 import HttpBody
from google.protobuf.field_mask_pb2 import FieldMask

from chassis.endpoint import Incoming
from tests.integration.workout.world import Visitor


def own_exercise(name: str = "Towel Curl", **fields: Any) -> Exercise:
    """An exercise that somebody makes for themselves."""
    exercise = Exercise(
        name=name,
        category=EXERCISE_CATEGORY_STRENGTH,
        level=EXERCISE_LEVEL_BEGINNER,
        primary_muscles=[MUSCLE_BICEPS],
    )
    exercise.MergeFrom(Exercise(**fields))
    return exercise


def unknown_muscles(name: str) -> Exercise:
    """One of which nobody has said what it trains, as an import of workouts makes it."""
    return Exercise(name=name, category=EXERCISE_CATEGORY_STRENGTH, level=EXERCISE_LEVEL_BEGINNER)


async def create(person: Visitor, exercise: Exercise, key: str = "") -> Exercise:
    request = CreateExerciseRequest(exercise=exercise)
    return await person.exercises.CreateExercise(request, metadata=person.headers(key).items())  # type: ignore[no-any-return]


async def update(
    person: Visitor, exercise_id: str, change: Exercise, mask: Sequence[str] = (), etag: str = "", key: str = ""
) -> Exercise:
    request = UpdateExerciseRequest(
        exercise_id=exercise_id, exercise=change, update_mask=FieldMask(paths=mask), etag=etag
    )
    return await person.exercises.UpdateExercise(request, metadata=person.headers(key).items())  # type: ignore[no-any-return]


async def delete(person: Visitor, exercise_id: str, *, replaced_by: str = "", etag: str = "", key: str = "") -> None:
    request = DeleteExerciseRequest(exercise_id=exercise_id, replaced_by=replaced_by, etag=etag)
    await person.exercises.DeleteExercise(request, metadata=person.headers(key).items())


async def get(person: Visitor, exercise_id: str, language: str = "") -> Exercise:
    request = GetExerciseRequest(exercise_id=exercise_id, language=language)
    return await person.exercises.GetExercise(request, metadata=person.headers().items())  # type: ignore[no-any-return]


async def every(person: Visitor, **asked: Any) -> list[Exercise]:
    """All pages of ListExercises."""
    found: list[Exercise] = []
    token = ""
    while token or not found:
        request = ListExercisesRequest(page_token=token, **asked)
        page = await person.exercises.ListExercises(request, metadata=person.headers().items())
        found += page.exercises
        token = page.next_page_token
        if not page.exercises:
            break
    return found


async def search(person: Visitor, query: str, **asked: Any) -> SearchExercisesResponse:
    request = SearchExercisesRequest(query=query, **asked)
    return await person.exercises.SearchExercises(request, metadata=person.headers().items())  # type: ignore[no-any-return]


async def found(person: Visitor, query: str, **asked: Any) -> list[str]:
    """Names of the first page of matches."""
    return [match.exercise.name for match in (await search(person, query, **asked)).matches]


async def tombstones(person: Visitor, **asked: Any) -> ListExerciseTombstonesResponse:
    request = ListExerciseTombstonesRequest(**asked)
    return await person.exercises.ListExerciseTombstones(request, metadata=person.headers().items())  # type: ignore[no-any-return]


class BadToken(Visitor):
    """Somebody whose access token isn't accepted."""

    def headers(self, key: str = "") -> dict[str, str]:
        return {**super().headers(key), "authorization": "Bearer not.a.token"}


class Download:
    """One DownloadExercises, with the headers that a REST client sees."""

    def __init__(self, person: Visitor, if_none_match: str = "") -> None:
        self._person = person
        self._asked = person.headers() | ({"if-none-match": if_none_match} if if_none_match else {})
        self.parts: list[HttpBody] = []
        self.headers: dict[str, str] = {}

    async def read(self) -> bytes:
        """The whole document."""
        path = "/fitnesshub.workout.v1.ExerciseService/DownloadExercises"
        endpoint = self._person.world.pipeline.endpoints[path].stream
        assert endpoint is not None
        incoming = Incoming(metadata=self._asked)
        stream: AsyncIterator[bytes] = endpoint(DownloadExercisesRequest().SerializeToString(), incoming)
        self.parts = [HttpBody.FromString(each) async for each in stream]
        self.headers = incoming.response_metadata
        return b"".join(each.data for each in self.parts)
