"""The feed of changes of WorkoutService, listed and streamed."""

import asyncio
from collections.abc import AsyncGenerator
from datetime import timedelta

from fitnesshub.workout.v1.workout_service_pb2 import (
    ListWorkoutChangesRequest,
    ListWorkoutChangesResponse,
    WatchWorkoutChangesRequest,
    WatchWorkoutChangesResponse,
    WorkoutChange,
    WorkoutTombstone,
)

from chassis.call import Call, Wire
from chassis.db import Database
from chassis.errors import InvalidArgument
from chassis.pages import MAX_PAGE_SIZE, PageTokens, page_size
from chassis.wire import repeated_field, string_field
from services.workout.store import workout_changes as store

POLL_SECONDS = 1.0
"""Between two looks for changes of a stream: one statement on an index, some 0.1 ms of the database's CPU."""
_FEED = "workout changes"
"""What cursors are for: the list's and the stream's are the same, whatever page they were asked for."""


class WorkoutChanges:
    """Answers ListWorkoutChanges and WatchWorkoutChanges."""

    def __init__(self, db: Database, page_tokens: PageTokens, undo_window: timedelta) -> None:
        self._db = db
        self._page_tokens = page_tokens
        self._undo_window = undo_window

    async def list(self, request: ListWorkoutChangesRequest, call: Call) -> Wire:
        """The changes after the cursor, at most a page of them."""
        after = self._number(request.cursor, call.user_id)
        changes, has_more = await store.list_changes(self._db, call.user_id, after, page_size(request.page_size))
        last = changes[-1].number if changes else after
        end = ListWorkoutChangesResponse(next_cursor=self._cursor(last, call.user_id), has_more=has_more)
        items = (self._change(each) for each in changes)
        return Wire(repeated_field(ListWorkoutChangesResponse.CHANGES_FIELD_NUMBER, items) + end.SerializeToString())

    async def watch(self, request: WatchWorkoutChangesRequest, call: Call) -> AsyncGenerator[Wire, None]:
        """The changes after the cursor, one a message, and then those that come.

        Raises Unauthenticated when the caller's session ends.
        """
        after = self._number(request.cursor, call.user_id)
        while True:
            changes, has_more = await store.list_changes(self._db, call.user_id, after, MAX_PAGE_SIZE)
            for each in changes:
                after = each.number
                yield Wire(
                    repeated_field(WatchWorkoutChangesResponse.CHANGE_FIELD_NUMBER, [self._change(each)])
                    + string_field(
                        WatchWorkoutChangesResponse.NEXT_CURSOR_FIELD_NUMBER, self._cursor(after, call.user_id)
                    )
                )
            if not has_more:
                await asyncio.sleep(POLL_SECONDS)
            call.recheck()

    def _change(self, change: store.Change) -> bytes:
        """A serialised WorkoutChange."""
        if change.wire is not None:
            return repeated_field(WorkoutChange.UPSERTED_FIELD_NUMBER, [change.wire])
        tombstone = WorkoutTombstone(workout_id=change.workout_id)
        tombstone.delete_time.FromDatetime(change.time)
        if change.can_be_undone:
            tombstone.undelete_until.FromDatetime(change.time + self._undo_window)
        return WorkoutChange(deleted=tombstone).SerializeToString()

    def _cursor(self, number: int, user_id: str) -> str:
        return self._page_tokens.encode(f"{_FEED} {user_id}", ListWorkoutChangesRequest(), (str(number),))

    def _number(self, cursor: str, user_id: str) -> int:
        """Where a cursor stands; without one, before the first change."""
        if not cursor:
            return 0
        try:
            [number] = self._page_tokens.decode(f"{_FEED} {user_id}", ListWorkoutChangesRequest(), cursor)
        except InvalidArgument:
            raise InvalidArgument("CURSOR_INVALID", "the cursor isn't one of ours, or is someone else's") from None
        return int(number)
