"""DownloadExercises: the whole library as one JSON document, made once for each version of the library."""

import asyncio
import json
from collections.abc import AsyncGenerator
from dataclasses import dataclass

from fitnesshub.workout.v1.exercise_pb2 import Exercise
from google.api.httpbody_pb2 import HttpBody
from google.protobuf.json_format import MessageToDict

from chassis.call import Call
from chassis.conditional import is_unchanged, strong_etag
from chassis.db import Database
from services.workout.store import exercise_library as store

PART_BYTES = 256 << 10
"""Of one message of the stream: far below the 4 MiB that clients take, and no more at once in the edge's buffers."""
AT_ONCE = 25
"""Exercises printed before other calls get their turn: some 2 ms of CPU."""
REVALIDATED = "public, no-cache"
"""May be kept by everybody, and is asked for again with its ETag."""


@dataclass(frozen=True)
class _Document:
    version: store.LibraryVersion
    data: bytes
    etag: str


class ExerciseDownload:
    """Answers DownloadExercises. Keeps the document of the last version that was asked for."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._document: _Document | None = None
        self._making = asyncio.Lock()

    async def run(self, call: Call) -> AsyncGenerator[HttpBody, None]:
        """The document in parts, or an empty 304 to who has it."""
        document = await self._current()
        call.response_metadata["cache-control"] = REVALIDATED
        if is_unchanged(call, document.etag):
            yield HttpBody()
            return
        for start in range(0, len(document.data), PART_BYTES):
            yield HttpBody(content_type="application/json", data=document.data[start : start + PART_BYTES])

    async def _current(self) -> _Document:
        document = self._document
        if document is None or document.version != await store.library_version(self._db):
            async with self._making:
                # Others made it while this call waited, or the library has changed again.
                document = self._document
                if document is None or document.version != await store.library_version(self._db):
                    document = self._document = await self._make()
        return document

    async def _make(self) -> _Document:
        parts: list[bytes] = []
        async with self._db.read() as session:
            version = await store.library_version(session)
            async for wires in store.scan_library(session):
                for start in range(0, len(wires), AT_ONCE):
                    parts += map(_print, wires[start : start + AT_ONCE])
                    await asyncio.sleep(0)
        data = b'{"exercises":[' + b",".join(parts) + b"]}"
        return _Document(version, data, strong_etag(data))


def _print(wire: bytes) -> bytes:
    """As the edge prints it in the answers of the other RPCs."""
    exercise = MessageToDict(Exercise.FromString(wire), always_print_fields_with_no_presence=True)
    return json.dumps(exercise, ensure_ascii=False, separators=(",", ":")).encode()
