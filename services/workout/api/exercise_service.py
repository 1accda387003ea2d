"""ExerciseService: the exercise library, and exercises of people's own."""

from collections.abc import AsyncGenerator
from datetime import UTC, datetime

from fitnesshub.workout.v1.exercise_service_pb2 import (
    CreateExerciseRequest,
    DeleteExerciseRequest,
    DownloadExercisesRequest,
    ExerciseTombstone,
    GetExerciseRequest,
    ImportExercisesRequest,
    ListExercisesRequest,
    ListExercisesResponse,
    ListExerciseTombstonesRequest,
    ListExerciseTombstonesResponse,
    SearchExercisesRequest,
    UpdateExerciseRequest,
)
from google.api.httpbody_pb2 import HttpBody
from redis.asyncio import Redis

from chassis.cache import Cache
from chassis.call import Call, Wire
from chassis.clock import Clock, Ids
from chassis.db import Database
from chassis.pages import PageTokens, page_size
from chassis.wire import repeated_field, string_field
from services.workout.api.exercise_changes import ExerciseChanges
from services.workout.api.exercise_download import ExerciseDownload
from services.workout.api.exercise_import import ExerciseImport
from services.workout.api.exercise_search import KEPT, ExerciseSearch
from services.workout.api.exercise_views import bound_to, filters_of, not_found, viewer, with_display_name
from services.workout.store import exercise_library as library
from services.workout.store import exercises as store


class ExerciseApi:
    """Answers the RPCs of ExerciseService."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        ids: Ids,
        page_tokens: PageTokens,
        *,
        redis: Redis,
        most_own: int,
        most_own_an_hour: int,
    ) -> None:
        """most_own: exercises one person may have. most_own_an_hour: that one person may make within an hour."""
        self._db = db
        self._page_tokens = page_tokens
        self._changes = ExerciseChanges(db, clock, ids, most_own=most_own, most_own_an_hour=most_own_an_hour)
        self._download = ExerciseDownload(db)
        self._import = ExerciseImport(db, clock, ids)
        self._search = ExerciseSearch(db, Cache(redis, "exercise-search", ttl=KEPT), page_tokens)

    async def get_exercise(self, request: GetExerciseRequest, call: Call) -> Wire:
        """The stored bytes, with the name in the language."""
        found = await store.get_exercise(self._db, request.exercise_id, viewer(call))
        if isinstance(found, bytes):
            return Wire(with_display_name(found, request.language))
        if found is None and call.identity_problem is not None:
            raise call.identity_problem  # it may be the caller's own, and be there when they have signed in again
        raise not_found(request.exercise_id, found.replaced_by if found else "")

    async def list_exercises(self, request: ListExercisesRequest, call: Call) -> Wire:
        """The stored bytes of a page, joined."""
        if request.own and call.identity_problem is not None:
            raise call.identity_problem
        owner = call.user_id if request.own else viewer(call)
        after = store.Position()
        if request.page_token:
            after = store.Position(*self._page_tokens.decode(bound_to(call), request, request.page_token))
        wires, end = await store.list_exercises(
            self._db, owner, filters_of(request), after, page_size(request.page_size), only_own=request.own
        )
        token = ""
        if end is not None:
            token = self._page_tokens.encode(bound_to(call), request, (end.name, end.exercise_id))
        named = [with_display_name(wire, request.language) for wire in wires]
        return Wire(
            repeated_field(ListExercisesResponse.EXERCISES_FIELD_NUMBER, named)
            + string_field(ListExercisesResponse.NEXT_PAGE_TOKEN_FIELD_NUMBER, token)
        )

    async def search_exercises(self, request: SearchExercisesRequest, call: Call) -> Wire:
        """The best matches of a page."""
        return await self._search.run(request, call)

    async def download_exercises(
        self, _request: DownloadExercisesRequest, call: Call
    ) -> AsyncGenerator[HttpBody, None]:
        """The library as JSON, in parts."""
        async for part in self._download.run(call):
            yield part

    async def list_exercise_tombstones(
        self, request: ListExerciseTombstonesRequest, call: Call
    ) -> ListExerciseTombstonesResponse:
        """What was deleted from the library."""
        from_time, after = request.delete_time_from.ToDatetime(UTC), library.FIRST
        if request.page_token:
            last_time, after = self._page_tokens.decode(call.method, request, request.page_token)
            from_time = datetime.fromisoformat(last_time)
        found, end = await library.list_tombstones(self._db, from_time, after, page_size(request.page_size))
        answer = ListExerciseTombstonesResponse()
        for each in found:
            tombstone = ExerciseTombstone(exercise_id=each.exercise_id, replaced_by=each.replaced_by)
            tombstone.delete_time.FromDatetime(each.deleted_at)
            answer.tombstones.append(tombstone)
        if end is not None:
            cursor = (end.deleted_at.isoformat(), end.exercise_id)
            answer.next_page_token = self._page_tokens.encode(call.method, request, cursor)
        return answer

    async def create_exercise(self, request: CreateExerciseRequest, call: Call) -> Wire:
        """Stores an exercise of the caller's own."""
        return await self._changes.create(request, call)

    async def update_exercise(self, request: UpdateExerciseRequest, call: Call) -> Wire:
        """Changes an exercise of the caller's own, or of the library."""
        return await self._changes.update(request, call)

    async def delete_exercise(self, request: DeleteExerciseRequest, call: Call) -> Wire:
        """Deletes an exercise of the caller's own, or of the library."""
        return await self._changes.delete(request, call)

    async def import_exercises(self, request: ImportExercisesRequest, call: Call) -> Wire:
        """Stores the good rows together and says of each row what became of it."""
        return await self._import.run(request, call)
