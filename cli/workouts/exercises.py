"""The exercises that a file names: found in the library, or made for the user, modelled on the most similar one."""

from typing import Any

from fitnesshub.workout.v1 import exercise_pb2 as pb
from fitnesshub.workout.v1 import workout_pb2

from cli.edge import Edge, EdgeError
from cli.workouts.names import Known, Library, parts
from cli.workouts.problems import RowRefused, shown

PATH = "/api/v1/exercises"
PAGE = 100
LONGEST_NAME = 200
LONGEST_QUERY = 100
COPIED = ("level", "force", "mechanic", "movement", "primaryMuscles", "secondaryMuscles")
"""What the model tells about a new exercise."""
LIMITS = frozenset({"EXERCISE_LIMIT_REACHED", "EXERCISE_RATE_LIMITED"})
"""Reasons that refuse every further exercise of this run; others refuse one."""
REFUSALS = LIMITS | {"EXERCISE_ALREADY_EXISTS", "INVALID_REQUEST"}


class Exercises:
    """Ids of exercises by the names that a file gives them."""

    def __init__(self, edge: Edge, *, dry_run: bool) -> None:
        self._edge = edge
        self._dry_run = dry_run
        self._library = Library()
        self._languages: set[str] = set()
        """Those that the library is translated to."""
        self._ids: dict[str, str | RowRefused] = {}
        self._limit = ""
        """Why no more can be made in this run."""
        self.matched = 0
        self.created: dict[str, str] = {}
        """New ones, with the name of what they are modelled on."""

    def load(self) -> None:
        """Learns what there is. Raises EdgeError."""
        token = ""
        while True:
            page = self._edge.get(PATH, pageSize=PAGE, pageToken=token)
            for each in page.get("exercises", []):
                translations = each.get("translations", [])
                names = [*each.get("aliases", []), *(each["name"] for each in translations)]
                names += [alias for each in translations for alias in each.get("aliases", [])]
                self._languages |= {each["language"] for each in translations}
                known = Known(each["id"], each["name"], each.get("equipment", "EQUIPMENT_UNSPECIFIED"))
                self._library.add(known, names, own=bool(each.get("ownerId")))
            token = page.get("nextPageToken", "")
            if not token:
                return

    def id_of(self, title: str, done: workout_pb2.WorkoutSet) -> str:
        """The exercise's id; of one that a dry run would make, a stand-in. `done` is a set of it.

        Raises RowRefused when there is none and none can be made, EdgeError.
        """
        if title not in self._ids:
            self._ids[title] = self._find(title, done)
        found = self._ids[title]
        if isinstance(found, RowRefused):
            raise found
        return found

    def _find(self, title: str, done: workout_pb2.WorkoutSet) -> str | RowRefused:
        known = self._library.find(title)
        if known is not None:
            self.matched += 1
            return known.id
        try:
            return self._make(title, done)
        except RowRefused as refusal:
            return refusal

    def _make(self, title: str, done: workout_pb2.WorkoutSet) -> str:
        if len(title) > LONGEST_NAME:
            raise RowRefused(f"the exercise's name {shown(title)} is longer than {LONGEST_NAME} characters")
        model = self._model(title)
        if self._limit:
            raise RowRefused(f"exercise {shown(title)} can't be made: {self._limit}")
        exercise = {name: model[name] for name in COPIED if name in model} | {
            "name": title,
            "category": "EXERCISE_CATEGORY_CARDIO" if done.HasField("distance") else model["category"],
        }
        equipment = parts(title)[1]
        if equipment is not None:
            exercise["equipment"] = pb.Equipment.Name(equipment)
        exercise_id = model["id"] if self._dry_run else self._create(exercise)
        self.created[title] = model["name"]
        return exercise_id

    def _model(self, title: str) -> dict[str, Any]:
        """The exercise that resembles it most: its muscles are better than none, and the report names it."""
        words = parts(title)[0][:LONGEST_QUERY].split()
        queries = [(" ".join(words), language) for language in ["", *sorted(self._languages)]]
        # An English name ends with what it is a kind of: a `Sideways Bench Press` is a bench press.
        queries += [(" ".join(words[first:]), "") for first in range(1, len(words))]
        for query, language in queries:
            found = self._edge.get(f"{PATH}:search", query=query, language=language, pageSize=1).get("matches", [])
            if found:
                model: dict[str, Any] = found[0]["exercise"]
                return model
        raise RowRefused(
            f"exercise {shown(title)} isn't in the library, and nothing there resembles it, which would tell its "
            "muscles; make it by hand and import again"
        )

    def _create(self, exercise: dict[str, Any]) -> str:
        try:
            return str(self._edge.post(PATH, exercise)["id"])
        except EdgeError as error:
            if error.reason not in REFUSALS:
                raise
            if error.reason in LIMITS:
                self._limit = f"{error.message}; import again later, and what is missing is added"
            why = self._limit or error.message
            raise RowRefused(f"exercise {shown(exercise['name'])} can't be made: {why}") from None
