"""The exercises that a file names: found in the library, or made for the user with what the file tells of them."""

from uuid import UUID

from fitnesshub.workout.v1 import exercise_pb2 as pb
from fitnesshub.workout.v1 import workout_pb2
from google.protobuf.json_format import MessageToDict

from cli.edge import Edge, EdgeError
from cli.problems import RowRefused, shown
from cli.workouts.names import Known, Library, parts

PATH = "/api/v1/exercises"
PAGE = 100
LONGEST_NAME = 200
LEVEL = pb.EXERCISE_LEVEL_BEGINNER
"""Of what is made: the contract wants a level, and whoever logs an exercise has learnt it."""
STAND_IN = str(UUID(int=0))
"""Id of what a dry run would make."""
LIMITS = frozenset({"EXERCISE_LIMIT_REACHED", "EXERCISE_RATE_LIMITED"})
"""Reasons that refuse every further exercise of this run; others refuse one."""
REFUSALS = LIMITS | {"EXERCISE_ALREADY_EXISTS", "INVALID_REQUEST"}


class Exercises:
    """Ids of exercises by the names that a file gives them."""

    def __init__(self, edge: Edge, *, dry_run: bool) -> None:
        self._edge = edge
        self._dry_run = dry_run
        self._library = Library()
        self._ids: dict[str, str | RowRefused] = {}
        self._limit = ""
        """Why no more can be made in this run."""
        self.matched = 0
        self.created: list[str] = []
        """Names of new ones, or of those that a dry run would make."""

    def load(self) -> None:
        """Learns what there is. Raises EdgeError."""
        token = ""
        while True:
            page = self._edge.get(PATH, pageSize=PAGE, pageToken=token)
            for each in page.get("exercises", []):
                translations = each.get("translations", [])
                names = [*each.get("aliases", []), *(each["name"] for each in translations)]
                names += [alias for each in translations for alias in each.get("aliases", [])]
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
        if self._limit:
            raise RowRefused(f"exercise {shown(title)} can't be made: {self._limit}")
        category = pb.EXERCISE_CATEGORY_CARDIO if done.HasField("distance") else pb.EXERCISE_CATEGORY_STRENGTH
        equipment = parts(title)[1] or pb.EQUIPMENT_UNSPECIFIED
        exercise = pb.Exercise(name=title, category=category, level=LEVEL, equipment=equipment)
        exercise_id = STAND_IN if self._dry_run else self._create(exercise)
        self.created.append(title)
        return exercise_id

    def _create(self, exercise: pb.Exercise) -> str:
        try:
            return str(self._edge.post(PATH, MessageToDict(exercise))["id"])
        except EdgeError as error:
            if error.reason not in REFUSALS:
                raise
            if error.reason in LIMITS:
                self._limit = f"{error.message}; import again later, and what is missing is added"
            why = self._limit or error.message
            raise RowRefused(f"exercise {shown(exercise.name)} can't be made: {why}") from None
