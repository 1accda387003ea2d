"""Rules of making and changing exercises by hand: what may change, what a name must be, how many one may make."""

from collections.abc import Iterator, MutableSequence, Sequence
from datetime import datetime, timedelta

from fitnesshub.workout.v1.exercise_pb2 import Exercise

from chassis.errors import FailedPrecondition, InvalidArgument, ResourceExhausted, Violation
from chassis.etags import version_etag
from services.workout.domain.exercise_names import one_line

UPDATABLE = frozenset(
    {
        "name",
        "category",
        "level",
        "force",
        "mechanic",
        "equipment",
        "primary_muscles",
        "secondary_muscles",
        "instructions",
        "movement",
        "met",
        "met_source",
        "aliases",
        "translations",
        "variation_group",
    }
)
"""What an update may change; the contract documents the same list."""
HOUR = timedelta(hours=1)
NOBODY = "00000000-0000-0000-0000-000000000000"
"""The nil UUID (RFC 9562): the owner of what was an erased person's."""


def new_exercise(sent: Exercise, exercise_id: str, owner: str, now: datetime) -> Exercise:
    """The exercise to store for one that a user sent; its first version. Raises InvalidArgument (INVALID_REQUEST)."""
    exercise = Exercise()
    exercise.CopyFrom(sent)
    exercise.source = exercise.source_id = exercise.met_source = ""
    exercise.id = exercise_id
    exercise.owner_id = owner
    exercise.create_time.FromDatetime(now)
    settle(exercise)
    finish(exercise, 1, now)
    return exercise


def finish(exercise: Exercise, version: int, now: datetime) -> None:
    """Marks a settled exercise as this version, in place."""
    exercise.etag = version_etag(exercise.id, version)
    exercise.update_time.FromDatetime(now)


def erased(exercise_id: str, version: int, created: datetime, now: datetime) -> Exercise:
    """What is left of an exercise whose owner is erased: an id that sets may have named.

    version: the exercise's last one.
    """
    exercise = Exercise(id=exercise_id, owner_id=NOBODY)
    exercise.create_time.FromDatetime(created)
    finish(exercise, version, now)
    return exercise


def settle(exercise: Exercise) -> None:
    """Brings names into the form that is stored and checks what must hold between fields, in place.

    Raises InvalidArgument (INVALID_REQUEST).
    """
    exercise.name = one_line(exercise.name)
    _settle_all(exercise.aliases)
    for translation in exercise.translations:
        translation.name = one_line(translation.name)
        _settle_all(translation.aliases)
    if violations := list(_violations(exercise)):
        raise InvalidArgument("INVALID_REQUEST", "the exercise breaks rules of its fields", violations=violations)


def check_limits(live: int, recent: Sequence[datetime], most: int, most_an_hour: int, now: datetime) -> None:
    """Whether a person who has `live` exercises may make another.

    recent: when those of the last hour were made, newest first.
    Raises FailedPrecondition (EXERCISE_LIMIT_REACHED), ResourceExhausted (EXERCISE_RATE_LIMITED).
    """
    if live >= most:
        raise FailedPrecondition(
            "EXERCISE_LIMIT_REACHED", f"you have {most} exercises of your own, which is the most", limit=str(most)
        )
    if len(recent) >= most_an_hour:
        # Whole seconds, rounded up: after them there is room.
        wait = timedelta(seconds=-((now - recent[most_an_hour - 1] - HOUR) // timedelta(seconds=1)))
        seconds = int(wait.total_seconds())
        raise ResourceExhausted(
            "EXERCISE_RATE_LIMITED",
            f"you may make {most_an_hour} exercises an hour; try again in {seconds} s",
            retry_after=wait,
            limit=str(most_an_hour),
            retryAfterSeconds=str(seconds),
        )


def _violations(exercise: Exercise) -> Iterator[Violation]:
    if not exercise.name:
        yield Violation("exercise.name", "must not be blank")
    if not exercise.primary_muscles and not exercise.owner_id:
        yield Violation("exercise.primaryMuscles", "is required of an exercise of the library")
    for position, alias in enumerate(exercise.aliases):
        if not alias:
            yield Violation(f"exercise.aliases[{position}]", "must not be blank")
    languages: dict[str, int] = {}
    for position, translation in enumerate(exercise.translations):
        where = f"exercise.translations[{position}]"
        if not translation.name:
            yield Violation(f"{where}.name", "must not be blank")
        for number, alias in enumerate(translation.aliases):
            if not alias:
                yield Violation(f"{where}.aliases[{number}]", "must not be blank")
        first = languages.setdefault(translation.language, position)
        if first != position:
            yield Violation(f"{where}.language", f"is that of translations[{first}] already")


def _settle_all(names: MutableSequence[str]) -> None:
    names[:] = [one_line(name) for name in names]
