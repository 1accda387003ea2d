"""SearchExercises: candidates from the database, their order from the domain, wire forms for one page."""

import asyncio
import hashlib
import json
from collections.abc import Sequence
from dataclasses import astuple

from fitnesshub.workout.v1.exercise_service_pb2 import ExerciseMatch, SearchExercisesRequest, SearchExercisesResponse

from chassis.cache import Cache
from chassis.call import Call, Wire
from chassis.db import Database
from chassis.pages import PageTokens, page_length, page_size
from chassis.wire import repeated_field, string_field
from services.workout.api.exercise_views import bound_to, filters_of, viewer, with_display_name
from services.workout.domain import exercise_search as rules
from services.workout.store import exercise_search as store
from services.workout.store.exercise_library import library_revision
from services.workout.store.exercises import Filters, get_exercises

KEPT = 300.0
"""Seconds that what was found in the library is kept: 5 to 50 kB, which somebody who sends 600 different queries a
minute makes 150 MB of."""
AT_ONCE = 100
"""Candidates judged before other calls get their turn: 1 to 4 ms of CPU."""


class ExerciseSearch:
    """Answers SearchExercises."""

    def __init__(self, db: Database, cache: Cache, page_tokens: PageTokens) -> None:
        """cache: keeps what queries find in the library."""
        self._db = db
        self._cache = cache
        self._page_tokens = page_tokens

    async def run(self, request: SearchExercisesRequest, call: Call) -> Wire:
        """One page. The whole order is made for each: people's own exercises have their places in it."""
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
        key = f"{await library_revision(self._db)}:{_digest(query, filters)}"
        beginning, similar = json.loads(await self._cache.get(key, lambda: self._search_library(query, filters)))
        found = await _judge(query, own, similar=False)
        seen = {each.exercise_id for each in found}
        found += [rules.Match(*each) for each in beginning]
        if len(found) < rules.ENOUGH:
            found += await _judge(query, [each for each in own if each.exercise_id not in seen], similar=True)
            found += [rules.Match(*each) for each in similar]
        return rules.ranked(found)[: store.MOST_CANDIDATES]

    async def _search_library(self, query: rules.Query, filters: Filters) -> bytes:
        """What of the library has words beginning as the query's and, if that isn't enough, what is similar."""
        beginning = await _judge(query, await store.find_beginning(self._db, query, filters), similar=False)
        similar = []
        if len(beginning) < rules.ENOUGH:
            seen = {each.exercise_id for each in beginning}
            candidates = await store.find_similar(self._db, query, filters)
            similar = await _judge(query, [each for each in candidates if each.exercise_id not in seen], similar=True)
        return json.dumps((beginning, similar), separators=(",", ":")).encode()


def _digest(query: rules.Query, filters: Filters) -> str:
    """Of all that decides what is found in a state of the library."""
    asked = (query.words, sorted(query.languages), astuple(filters))
    return hashlib.sha256(json.dumps(asked).encode()).hexdigest()


async def _judge(query: rules.Query, candidates: Sequence[rules.Candidate], *, similar: bool) -> list[rules.Match]:
    found: list[rules.Match] = []
    for start in range(0, len(candidates), AT_ONCE):
        await asyncio.sleep(0)
        for candidate in candidates[start : start + AT_ONCE]:
            match = rules.match(query, candidate, similar=similar)
            if match is not None:
                found.append(match)
    return found


def _match(found: rules.Found, wire: bytes, language: str) -> bytes:
    exercise = repeated_field(ExerciseMatch.EXERCISE_FIELD_NUMBER, [with_display_name(wire, language)])
    return exercise + ExerciseMatch(score=found.score, matched_name=found.matched_name).SerializeToString()


def _order(score: str, length: str, is_own: str, exercise_id: str) -> rules.Order:
    return float(score), int(length), is_own == "True", exercise_id
