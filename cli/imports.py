"""`fitnesshub import exercises FILE`: brings free-exercise-db (github.com/yuhonas/free-exercise-db) into the library.

It goes through the edge like any client; what can't be mapped is refused by name, never dropped or guessed.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from fitnesshub.workout.v1 import exercise_pb2 as pb
from google.protobuf.json_format import MessageToDict
from rich.console import Console

from cli.edge import Edge, EdgeError
from cli.problems import RowRefused
from cli.progress import progress

SOURCE = "free-exercise-db"
BATCH_ROWS = 250
"""Rows a request: the whole library is four requests, and the rate limit allows a few imports a minute."""
BATCH_BYTES = 4 << 20
"""JSON a request, half of what the edge takes."""
IMPORT = "/api/v1/exercises:import"
PAGE = 100
"""Exercises a page when the names in our library are asked for: the most there are."""

# Their words as ours. A word that isn't here refuses the row.
CATEGORIES = {
    "strength": pb.EXERCISE_CATEGORY_STRENGTH,
    "stretching": pb.EXERCISE_CATEGORY_STRETCHING,
    "plyometrics": pb.EXERCISE_CATEGORY_PLYOMETRICS,
    "powerlifting": pb.EXERCISE_CATEGORY_POWERLIFTING,
    "olympic weightlifting": pb.EXERCISE_CATEGORY_OLYMPIC_WEIGHTLIFTING,
    "strongman": pb.EXERCISE_CATEGORY_STRONGMAN,
    "cardio": pb.EXERCISE_CATEGORY_CARDIO,
}
LEVELS = {
    "beginner": pb.EXERCISE_LEVEL_BEGINNER,
    "intermediate": pb.EXERCISE_LEVEL_INTERMEDIATE,
    "expert": pb.EXERCISE_LEVEL_EXPERT,
}
FORCES = {None: pb.FORCE_UNSPECIFIED, "push": pb.FORCE_PUSH, "pull": pb.FORCE_PULL, "static": pb.FORCE_STATIC}
MECHANICS = {
    None: pb.MECHANIC_UNSPECIFIED,
    "compound": pb.MECHANIC_COMPOUND,
    "isolation": pb.MECHANIC_ISOLATION,
}
EQUIPMENT = {
    None: pb.EQUIPMENT_UNSPECIFIED,
    "body only": pb.EQUIPMENT_BODY_WEIGHT,
    "barbell": pb.EQUIPMENT_BARBELL,
    "dumbbell": pb.EQUIPMENT_DUMBBELL,
    "cable": pb.EQUIPMENT_CABLE,
    "machine": pb.EQUIPMENT_MACHINE,
    "kettlebells": pb.EQUIPMENT_KETTLEBELL,
    "bands": pb.EQUIPMENT_BANDS,
    "medicine ball": pb.EQUIPMENT_MEDICINE_BALL,
    "exercise ball": pb.EQUIPMENT_EXERCISE_BALL,
    "foam roll": pb.EQUIPMENT_FOAM_ROLLER,
    "e-z curl bar": pb.EQUIPMENT_EZ_CURL_BAR,
    "other": pb.EQUIPMENT_OTHER,
}
MUSCLES = {
    "abdominals": pb.MUSCLE_ABDOMINALS,
    "abductors": pb.MUSCLE_ABDUCTORS,
    "adductors": pb.MUSCLE_ADDUCTORS,
    "biceps": pb.MUSCLE_BICEPS,
    "calves": pb.MUSCLE_CALVES,
    "chest": pb.MUSCLE_CHEST,
    "forearms": pb.MUSCLE_FOREARMS,
    "glutes": pb.MUSCLE_GLUTES,
    "hamstrings": pb.MUSCLE_HAMSTRINGS,
    "lats": pb.MUSCLE_LATS,
    "lower back": pb.MUSCLE_LOWER_BACK,
    "middle back": pb.MUSCLE_MIDDLE_BACK,
    "neck": pb.MUSCLE_NECK,
    "quadriceps": pb.MUSCLE_QUADRICEPS,
    "shoulders": pb.MUSCLE_SHOULDERS,
    "traps": pb.MUSCLE_TRAPS,
    "triceps": pb.MUSCLE_TRICEPS,
}


class ImportFailed(Exception):
    """The import can't go on; the text is a sentence for the person at the terminal."""


class Refusal(NamedTuple):
    """A row that wasn't imported."""

    name: str
    problem: str


class Imported(NamedTuple):
    """What became of the rows that could be mapped."""

    counts: Counter[str]
    """By result."""
    refused: list[Refusal]
    exercise_ids: list[tuple[str, str]]
    """Of the rows that are in the library: their name, and the id of the exercise."""


def import_exercises(file: Path, edge_url: str, token: str, report: Path | None = None) -> int:
    """Imports the file through the edge at `edge_url`, as the admin whose access token is given.

    report: where to write a line for each row that was merged into an exercise of ours, now or before.

    Returns the exit code: 0 when every row is in the library, 1 when the file or the edge failed or rows were refused.
    """
    out = Console(highlight=False, soft_wrap=True)
    try:
        rows = read_rows(file)
        good, refused = map_rows(rows)
        if report is not None:
            _write(report, [])  # a place that can't be written to is found out before anything is done
        with Edge(edge_url, token) as edge:
            imported = _import(edge, good, out)
            if report is not None:
                _write(report, _merges(edge, imported.exercise_ids))
    except ImportFailed as failure:
        return _fail(str(failure))
    except EdgeError as error:
        return _fail(f"The import stopped: {error}.")
    refused += imported.refused
    for name, problem in refused:
        out.print(f"refused {name}: {problem}", markup=False)
    created, merged, updated, unchanged = (
        imported.counts[f"IMPORT_RESULT_{result}"] for result in ("CREATED", "MERGED", "UPDATED", "UNCHANGED")
    )
    out.print(
        f"{len(rows)} exercises: {created} created, {merged} merged, {updated} updated, {unchanged} unchanged, "
        f"{len(refused)} refused"
    )
    return 1 if refused else 0


def _fail(sentence: str) -> int:
    Console(stderr=True, highlight=False, soft_wrap=True).print(sentence, markup=False)
    return 1


def _import(edge: Edge, good: Sequence[dict[str, Any]], out: Console) -> Imported:
    imported = Imported(Counter(), [], [])
    done = 0
    with progress("importing exercises", len(good), out) as tell:
        for batch in batches(good):
            answer = edge.post(IMPORT, {"source": SOURCE, "exercises": batch})
            for exercise, outcome in zip(batch, _outcomes(answer, len(batch)), strict=True):
                imported.counts[outcome["result"]] += 1
                if outcome["result"] == "IMPORT_RESULT_REFUSED":
                    imported.refused.append(Refusal(exercise["name"], "; ".join(outcome["problems"])))
                else:
                    imported.exercise_ids.append((exercise["name"], outcome["exerciseId"]))
            done += len(batch)
            tell(done)
    return imported


def _merges(edge: Edge, exercise_ids: Sequence[tuple[str, str]]) -> list[str]:
    """`Their Name -> Our Name` for each row that isn't an exercise of its own, in the order of the rows."""
    ours: dict[str, str] = {}
    token = ""
    while True:
        page = edge.get("/api/v1/exercises", pageSize=PAGE, pageToken=token)
        ours |= {each["id"]: each["name"] for each in page["exercises"] if each.get("source") != SOURCE}
        token = page.get("nextPageToken", "")
        if not token:
            return [f"{name} -> {ours[exercise_id]}" for name, exercise_id in exercise_ids if exercise_id in ours]


def _write(file: Path, lines: Sequence[str]) -> None:
    try:
        file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    except OSError as error:
        raise ImportFailed(f"{file} can't be written: {error.strerror}.") from None


def read_rows(file: Path) -> list[Any]:
    """The rows of the file. Raises ImportFailed when it isn't a JSON list."""
    try:
        rows = json.loads(file.read_bytes())
    except OSError as error:
        raise ImportFailed(f"{file} can't be read: {error.strerror}.") from None
    except (ValueError, RecursionError) as error:
        raise ImportFailed(f"{file} isn't a JSON file: {error}.") from None
    if not isinstance(rows, list):
        raise ImportFailed(f"{file} isn't a list of exercises.")
    return rows


def map_rows(rows: Sequence[Any]) -> tuple[list[dict[str, Any]], list[Refusal]]:
    """Our JSON of the rows that can be mapped, and the others with the reason."""
    good: list[dict[str, Any]] = []
    refused: list[Refusal] = []
    for number, row in enumerate(rows, 1):
        try:
            good.append(MessageToDict(map_row(row)))
        except RowRefused as refusal:
            refused.append(Refusal(_name_of(row, number), str(refusal)))
    return good, refused


def map_row(row: Any) -> pb.Exercise:
    """One row as our exercise. Blank steps are left out, images aren't taken over. Raises RowRefused."""
    if not isinstance(row, dict):
        raise RowRefused("it isn't a JSON object")
    return pb.Exercise(
        source_id=_text(row, "id"),
        name=_text(row, "name"),
        category=_word(row, "category", CATEGORIES),
        level=_word(row, "level", LEVELS),
        force=_word(row, "force", FORCES),
        mechanic=_word(row, "mechanic", MECHANICS),
        equipment=_word(row, "equipment", EQUIPMENT),
        primary_muscles=[_known("primaryMuscles", word, MUSCLES) for word in _words(row, "primaryMuscles")],
        secondary_muscles=[_known("secondaryMuscles", word, MUSCLES) for word in _words(row, "secondaryMuscles")],
        instructions=[step.strip() for step in _words(row, "instructions") if step.strip()],
    )


def batches(exercises: Sequence[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """The exercises in order, in lists that fit a request."""
    batch: list[dict[str, Any]] = []
    size = 0
    for exercise in exercises:
        length = len(json.dumps(exercise))
        if batch and (len(batch) == BATCH_ROWS or size + length > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(exercise)
        size += length
    if batch:
        yield batch


def _outcomes(answer: Any, rows: int) -> list[dict[str, Any]]:
    try:
        outcomes = [{"problems": [], "exerciseId": "", **outcome} for outcome in answer["outcomes"]]
    except (KeyError, TypeError):
        outcomes = []
    if len(outcomes) != rows:
        raise EdgeError(f"{IMPORT} didn't answer as FitnessHub's edge does")
    return outcomes


def _name_of(row: Any, number: int) -> str:
    if isinstance(row, dict):
        for key in ("name", "id"):
            if isinstance(row.get(key), str) and row[key].strip():
                return str(row[key])
    return f"row {number}"


def _text(row: Mapping[str, Any], key: str) -> str:
    value = row.get(key)
    if not isinstance(value, str) or not value.strip():
        raise RowRefused(f"{key} is missing" if value in (None, "") else f"{key} isn't a text")
    return value


def _words(row: Mapping[str, Any], key: str) -> list[str]:
    value = row.get(key, [])
    if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
        raise RowRefused(f"{key} isn't a list of texts")
    return value


def _word(row: Mapping[str, Any], key: str, words: Mapping[Any, Any]) -> Any:
    return _known(key, row.get(key), words)


def _known(key: str, word: Any, words: Mapping[Any, Any]) -> Any:
    if isinstance(word, str | None) and word in words:
        return words[word]
    raise RowRefused(f"{key} {word!r} is unknown" if word is not None else f"{key} is missing")
