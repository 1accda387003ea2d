"""SearchExercises: candidates from the database, their order from the domain, wire forms for one page."""

import asyncio
from collections.abc import Sequence

from fitnesshub.workout.v1.exercise_service_pb2 import ExerciseMatch, SearchExercisesRequest, SearchExercisesResponse

from chassis.call import Call, Wire
from chassis.db import Database
from chassis.pages import PageTokens, page_length, page_size
from chassis.wire import repeated_field, string_field
from services.workout.api.exercise_views import bound_to, filters_of, viewer, with_display_name
from services.workout.domain import exercise_search as rules
from services.workout.store import exercise_search as store
from services.workout.store.exercises import get_exercises

AT_ONCE = 100
"""Candidates judged before other calls get their turn: 1 to 4 ms of CPU."""


class ExerciseSearch:
    """Answers SearchExercises."""

    def __init__(self, db: Database, page_tokens: PageTokens) -> None:
        self._db = db
        self._page_tokens = page_tokens

    async def run(self, request: SearchExercisesRequest, call: Call) -> Wire:
        """One page. The whole order is made for each: it takes milliseconds, and is kept nowhere."""
        found = await self._find(request, viewer(call))
        if request.page_token:
            after = _order(*self._page_tokens.decode(bound_to(call), request, request.page_token))
            found = [each for each in found if each.order > after]
        size = page_size(request.page_size)
        wires = await get_exercises(self._db, [each.exercise_id for each in found[:size]])
        page = [each for each in found[:size] if each.exercise_id in wires]  # but for what was deleted just now
        matches = [_match(each, wires[each.exercise_id], request.language) for each in page]
        length = page_length(matches, size)
        token = ""
        if page and (len(found) > size or len(page) > length):
            cursor = tuple(str(part) for part in page[length - 1].order)
            token = self._page_tokens.encode(bound_to(call), request, cursor)
        return Wire(
            repeated_field(SearchExercisesResponse.MATCHES_FIELD_NUMBER, matches[:length])
            + string_field(SearchExercisesResponse.NEXT_PAGE_TOKEN_FIELD_NUMBER, token)
        )

    async def _find(self, request: SearchExercisesRequest, owner: str | None) -> list[rules.Found]:
        query = rules.query_of(request.query, request.language)
        if not query.words:
            return []
        filters = filters_of(request)
        own = await store.find_own(self._db, owner, filters) if owner else []
        candidates = own + await store.find_beginning(self._db, query, filters)
        found = await _judge(query, candidates, similar=False)
        if len(found) < rules.ENOUGH:
            seen = {candidate.exercise_id for candidate, _ in found}
            candidates = own + await store.find_similar(self._db, query, filters)
            found += await _judge(query, [each for each in candidates if each.exercise_id not in seen], similar=True)
        return rules.ranked(found)[: store.MOST_CANDIDATES]


async def _judge(
    query: rules.Query, candidates: Sequence[rules.Candidate], *, similar: bool
) -> list[tuple[rules.Candidate, rules.Match]]:
    found: list[tuple[rules.Candidate, rules.Match]] = []
    for start in range(0, len(candidates), AT_ONCE):
        await asyncio.sleep(0)
        for candidate in candidates[start : start + AT_ONCE]:
            match = rules.match(query, candidate, similar=similar)
            if match is not None:
                found.append((candidate, match))
    return found


def _match(found: rules.Found, wire: bytes, language: str) -> bytes:
    exercise = repeated_field(ExerciseMatch.EXERCISE_FIELD_NUMBER, [with_display_name(wire, language)])
    return exercise + ExerciseMatch(score=found.score, matched_name=found.matched_name).SerializeToString()


def _order(score: str, length: str, is_own: str, exercise_id: str) -> rules.Order:
    return float(score), int(length), is_own == "True", exercise_id
