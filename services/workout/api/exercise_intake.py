"""Takes in what sources say of exercises: our catalogue and other libraries, however many tell of one exercise.

The library that results depends on what was said last, never on the order in which it came.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, auto
from typing import TypeVar

from fitnesshub.workout.v1.events_pb2 import ExerciseDeleted, ExerciseImported
from fitnesshub.workout.v1.exercise_pb2 import Exercise

from chassis.clock import Ids
from chassis.db import WriteSession, write_conflict
from chassis.etags import version_etag
from services.workout.domain.exercise_merging import Catalogue, Key, composed, facts, with_edits
from services.workout.domain.exercises import AGGREGATE
from services.workout.store import exercise_imports as store
from services.workout.store.exercise_writes import StoredExercise, create_exercises, update_exercises

ROWS_AT_ONCE = 25
"""Rows worked on before others get their turn: some 3 ms of CPU, where a thousand take 130 ms."""
T = TypeVar("T")


class Result(Enum):
    """What became of what a source said."""

    CREATED = auto()
    UPDATED = auto()
    MERGED = auto()
    UNCHANGED = auto()


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of what a source said, and the exercise that it is about."""

    result: Result
    exercise_id: str


@dataclass
class _Changes:
    """What is to be written."""

    created: list[StoredExercise] = field(default_factory=list)
    updated: list[StoredExercise] = field(default_factory=list)
    merged: dict[str, str] = field(default_factory=dict)
    """Exercises that become tombstones, with what replaces them."""
    undeleted: set[str] = field(default_factory=set)

    @property
    def new_ids(self) -> set[str]:
        """Exercises that weren't there."""
        return {each.exercise.id for each in self.created} | self.undeleted

    @property
    def changed_ids(self) -> set[str]:
        """Exercises that have a new version."""
        return {each.exercise.id for each in (*self.created, *self.updated)}


class ExerciseIntake:
    """Stores what is said, and the exercises that it is about."""

    def __init__(self, catalogue: Catalogue, ids: Ids) -> None:
        self._catalogue = catalogue
        self._ids = ids

    async def take(self, tx: WriteSession, said: Mapping[Key, Exercise], now: datetime) -> dict[Key, Taken]:
        """Takes in facts by key; returns what became of each. The session holds the lock of the library.

        Raises Aborted (WRITE_CONFLICT) when somebody changed an exercise in spite of the lock.
        """
        matches = {
            key: entry
            async for key in in_turns(said)
            if key not in self._catalogue.ids and (entry := self._catalogue.match(said[key])) is not None
        }
        before = await store.read_said(tx, {*said, *((entry.source, entry.source_id) for entry in matches.values())})
        imported = await store.read_imported(tx, [key for key in said if key not in self._catalogue.ids])
        said = self._with_entries(said, matches.values(), before)
        now_said = {
            key: store.Said(self._home(key, matches.get(key), before, imported), said[key].SerializeToString())
            async for key in in_turns(said)
        }
        changed = {key: each for key, each in now_said.items() if before.get(key) != each}
        done = _Changes()
        if changed:
            left = {key: before[key].exercise_id for key in changed if key in before} | {
                key: imported[key].exercise_id for key in changed if key in imported and imported[key].is_live
            }
            touched = {*(each.exercise_id for each in changed.values()), *left.values()}
            stored = await store.read_exercises(tx, touched)
            told = await store.read_said_of(tx, touched)
            done = await self._changes(changed, left, stored, told, now)
            await _write(tx, done, stored, now)
            await store.write_said(tx, changed)
        new, news = done.new_ids, done.changed_ids
        replaced = await store.read_replacements(tx, {each.exercise_id for each in now_said.values()})
        taken = {}
        for key, each in now_said.items():
            home = each.exercise_id
            result = Result.UNCHANGED
            if key in changed:
                is_moved = key not in before or before[key].exercise_id != home
                result = self._result(key, home, is_moved=is_moved, is_new=home in new, has_changed=home in news)
            taken[key] = Taken(result, replaced.get(home, home))
        return taken

    def _with_entries(
        self, said: Mapping[Key, Exercise], matches: Iterable[Exercise], before: Mapping[Key, store.Said]
    ) -> Mapping[Key, Exercise]:
        """With the entries that rows are merged into and that nobody has stored yet."""
        keys = {(entry.source, entry.source_id): entry for entry in matches}
        return {key: facts(entry) for key, entry in keys.items() if key not in before and key not in said} | dict(said)

    def _home(
        self,
        key: Key,
        match: Exercise | None,
        before: Mapping[Key, store.Said],
        imported: Mapping[Key, store.Imported],
    ) -> str:
        """Id of the exercise that a key tells of."""
        if key in self._catalogue.ids:
            return self._catalogue.ids[key]
        if match is not None:
            return match.id
        if key in before and before[key].exercise_id not in self._catalogue.entries:
            return before[key].exercise_id
        return imported[key].exercise_id if key in imported else self._ids.new()

    async def _changes(
        self,
        changed: Mapping[Key, store.Said],
        left: Mapping[Key, str],
        stored: Mapping[str, store.Stored],
        told: Mapping[Key, store.Said],
        now: datetime,
    ) -> _Changes:
        """What follows for the exercises that are touched.

        left: what the changed keys told of before. told: all that was said of the touched exercises.
        """
        changes = _Changes()
        telling_before, telling = _by_exercise(told), _by_exercise({**told, **changed})
        coming_home = {
            each.exercise_id
            for key, each in changed.items()
            if each.exercise_id not in self._catalogue.entries
            and each.exercise_id in stored
            and stored[each.exercise_id].replaced_by == left.get(key)
        }
        async for exercise_id in in_turns(sorted({*telling, *left.values()})):
            old = stored.get(exercise_id)
            if exercise_id not in telling:
                if old is not None and old.is_live:
                    key = next(key for key, home in left.items() if home == exercise_id)
                    changes.merged[exercise_id] = changed[key].exercise_id
                continue
            content = _composed(telling[exercise_id])
            if old is None:
                changes.created.append(self._new(exercise_id, telling[exercise_id], content, now))
            elif old.is_live:
                if exercise_id in telling_before:
                    content = with_edits(old.exercise, _composed(telling_before[exercise_id]), content)
                if facts(old.exercise) != content:
                    changes.updated.append(_version(old.exercise, content, old.version + 1, now))
            elif exercise_id in coming_home:
                changes.undeleted.add(exercise_id)
                changes.updated.append(_version(old.exercise, content, old.version + 1, now))
            # Else somebody has deleted it, and what a source says doesn't bring it back.
        return changes

    def _new(self, exercise_id: str, keys: Iterable[Key], content: Exercise, now: datetime) -> StoredExercise:
        source, source_id = min(keys, key=lambda key: (key not in self._catalogue.ids, key))
        exercise = Exercise(id=exercise_id, source=source, source_id=source_id)
        exercise.create_time.FromDatetime(now)
        return _version(exercise, content, 1, now)

    def _result(self, key: Key, home: str, *, is_moved: bool, is_new: bool, has_changed: bool) -> Result:
        """What became of a key that says something new."""
        if home in self._catalogue.entries and key not in self._catalogue.ids:
            return Result.MERGED if is_moved or has_changed else Result.UNCHANGED
        if is_new:
            return Result.CREATED
        return Result.UPDATED if has_changed else Result.UNCHANGED


async def _write(tx: WriteSession, changes: _Changes, stored: Mapping[str, store.Stored], now: datetime) -> None:
    for batch in _batches(changes.created):
        await create_exercises(tx, batch)
    await store.undelete(tx, changes.undeleted)
    for batch in _batches(changes.updated):
        if not await update_exercises(tx, batch):
            raise write_conflict()
    await store.delete_merged(tx, changes.merged, now)
    async for each in in_turns((*changes.created, *changes.updated)):
        tx.emit(AGGREGATE, each.exercise.id, each.version, ExerciseImported(exercise=each.exercise))
    for exercise_id, replaced_by in changes.merged.items():
        gone = stored[exercise_id]
        event = ExerciseDeleted(exercise=gone.exercise, replaced_by=replaced_by)
        tx.emit(AGGREGATE, exercise_id, gone.version + 1, event)


def _batches(rows: Sequence[StoredExercise]) -> Iterable[Sequence[StoredExercise]]:
    return (rows[start : start + ROWS_AT_ONCE] for start in range(0, len(rows), ROWS_AT_ONCE))


def _by_exercise(said: Mapping[Key, store.Said]) -> dict[str, dict[Key, store.Said]]:
    told: defaultdict[str, dict[Key, store.Said]] = defaultdict(dict)
    for key, each in said.items():
        told[each.exercise_id][key] = each
    return dict(told)


def _version(old: Exercise, content: Exercise, version: int, now: datetime) -> StoredExercise:
    """The exercise of that id, source and time of creation with the content."""
    exercise = Exercise(id=old.id, source=old.source, source_id=old.source_id, etag=version_etag(old.id, version))
    exercise.MergeFrom(content)
    exercise.create_time.CopyFrom(old.create_time)
    exercise.update_time.FromDatetime(now)
    return StoredExercise(exercise, version)


def _composed(said: Mapping[Key, store.Said]) -> Exercise:
    return composed({key: store.facts_of(each) for key, each in said.items()})


async def in_turns(items: Iterable[T]) -> AsyncIterator[T]:
    """The items, with a pause now and then in which others get their turn."""
    for number, item in enumerate(items):
        if number % ROWS_AT_ONCE == 0:
            await asyncio.sleep(0)
        yield item
