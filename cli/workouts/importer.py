"""From the file to the edge: sessions become workouts, in batches that may be sent again at any time."""

import json
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from fitnesshub.workout.v1 import workout_pb2 as pb
from google.protobuf.json_format import MessageToDict

from chassis.rules import compile_rules
from cli.edge import Edge, EdgeError
from cli.problems import Refusal, RowRefused, shown
from cli.workouts.exercises import Exercises
from cli.workouts.formats import Format
from cli.workouts.sessions import Session, sessions
from cli.workouts.table import Table
from cli.workouts.values import Units

BATCH_SESSIONS = 100
"""What the contract takes in a request."""
BATCH_BYTES = 4 << 20
"""JSON a request, half of what the edge takes."""
NAMESPACE = uuid.UUID("6f0c7a1e-52f4-5d0b-9d55-1b1f6f3f2c11")
"""Of the ids of imported workouts; never to be changed, or every import would store everything again."""

_problems_of_workout = compile_rules(pb.Workout.DESCRIPTOR)


@dataclass
class Report:
    """What became of a file."""

    sessions: int = 0
    sets: int = 0
    results: Counter[str] = field(default_factory=Counter)
    """Sessions by what the edge did with them."""
    held_back: int = 0
    """Sessions that weren't sent."""
    refused: int = 0
    """Rows."""


@dataclass
class Import:
    """One run over one file."""

    edge: Edge
    user_id: str
    zone: ZoneInfo
    exercises: Exercises
    say: Callable[[str], None]
    """Takes a line for the person at the terminal."""
    dry_run: bool = False
    partial: bool = False
    """Stores a session without its refused rows, instead of not at all."""
    report: Report = field(default_factory=Report)
    _batch: list[tuple[Session, dict[str, Any]]] = field(default_factory=list)
    _bytes: int = 0

    def run(self, table: Table, found: Format, units: Units, progress: Callable[[], None]) -> None:
        """Imports the file. `progress` is called after every session. Raises Unusable, EdgeError."""
        for session in sessions(table, found.reader(table, units), self.zone):
            self.report.sessions += 1
            self._take(session)
            progress()
        self._send()

    def _take(self, session: Session) -> None:
        if not session.refused or self.partial:
            self._name_exercises(session)
        for refusal in session.refused:
            self.report.refused += 1
            self.say(f"refused line {refusal.line}: {refusal.problem}")
        reason = self._reason_against(session)
        if reason:
            self.report.held_back += 1
            self.say(f"not stored: {_called(session)}: {reason}")
            return
        self.report.sets += len(session.entries)
        body = MessageToDict(session.workout)
        size = len(json.dumps(body))
        if len(self._batch) == BATCH_SESSIONS or self._bytes + size > BATCH_BYTES:
            self._send()
        self._batch.append((session, body))
        self._bytes += size

    def _reason_against(self, session: Session) -> str:
        """Why a session can't be sent; empty when its workout is ready."""
        if session.start is None or not session.entries or (session.refused and not self.partial):
            return f"{len(session.refused)} of its {session.rows} rows refused"
        workout = session.workout
        workout.id = workout_id(self.user_id, workout.source, session.start, workout.title)
        workout.sets.extend(entry.done for entry in session.entries)
        return "; ".join(f"{each.field} {each.description}" for each in _problems_of_workout(workout))

    def _name_exercises(self, session: Session) -> None:
        known = []
        for entry in session.entries:
            try:
                entry.done.exercise_id = self.exercises.id_of(entry.exercise, entry.done)
                known.append(entry)
            except RowRefused as refusal:
                session.refused.append(Refusal(entry.line, str(refusal)))
        session.entries = known

    def _send(self) -> None:
        batch, self._batch, self._bytes = self._batch, [], 0
        if not batch:
            return
        if self.dry_run:
            self.report.results["WORKOUT_RESULT_UNSPECIFIED"] += len(batch)
            return
        answer = self.edge.post("/api/v1/workouts:batchCreate", {"workouts": [body for _, body in batch]})
        outcomes = answer.get("outcomes", [])
        if len(outcomes) != len(batch):
            raise EdgeError(f"{len(batch)} workouts were sent, and {len(outcomes)} outcomes came back")
        for (session, _), outcome in zip(batch, outcomes, strict=True):
            self.report.results[outcome["result"]] += 1
            if outcome["result"] == "WORKOUT_RESULT_REFUSED":
                problems = "; ".join(_at_line(session, problem) for problem in outcome.get("problems", []))
                self.say(f"not stored: {_called(session)}: {problems}")


def workout_id(user_id: str, source: str, start: datetime, title: str) -> str:
    """The id that a session has in every run.

    By the time on the wall: an import with another time zone must not store everything a second time.
    """
    return str(uuid.uuid5(NAMESPACE, json.dumps([user_id, source, start.isoformat(), title])))


def _called(session: Session) -> str:
    if session.start is None:
        return f"session of line {session.line}"
    return f"session of line {session.line}, {session.start:%Y-%m-%d %H:%M} {shown(session.workout.title)}"


def _at_line(session: Session, problem: str) -> str:
    """A problem of the edge's with the line of the file in front: `sets[2].reps: …` is the third set's."""
    path, bracket, rest = problem.partition("]")
    position = path.rpartition("sets[")[2]
    if bracket and position.isdecimal() and int(position) < len(session.entries):
        return f"line {session.entries[int(position)].line}{rest and ' '}{rest.removeprefix('.').removeprefix(': ')}"
    return problem
