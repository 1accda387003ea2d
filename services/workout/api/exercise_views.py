"""What answers about exercises have in common: who sees what, filters, and names in a language."""

from fitnesshub.workout.v1.exercise_pb2 import Exercise
from fitnesshub.workout.v1.exercise_service_pb2 import ListExercisesRequest, SearchExercisesRequest

from chassis.call import Call
from chassis.errors import NotFound
from chassis.wire import string_field
from services.workout.domain.exercise_names import display_name
from services.workout.store.exercises import Filters


def viewer(call: Call) -> str | None:
    """Whose own exercises are seen beside the library; None for nobody's."""
    return call.identity.user_id if call.identity else None


def bound_to(call: Call) -> str:
    """A page token is good for what one person sees."""
    return f"{call.method} {viewer(call) or ''}"


def filters_of(request: ListExercisesRequest | SearchExercisesRequest) -> Filters:
    """What the request narrows its answer to."""
    return Filters(
        muscle=request.muscle,
        equipment=request.equipment,
        category=request.category,
        level=request.level,
        movement=request.movement,
        variation_group=request.variation_group if isinstance(request, ListExercisesRequest) else "",
    )


def with_display_name(wire: bytes, language: str) -> bytes:
    """A stored exercise with its name in the language; as it is when none is asked for."""
    if not language:
        return wire
    name = display_name(Exercise.FromString(wire), language)
    return wire + string_field(Exercise.DISPLAY_NAME_FIELD_NUMBER, name)


def not_found(exercise_id: str, replaced_by: str = "") -> NotFound:
    """The failure for an exercise that isn't there, or not for the caller."""
    message = f"there is no exercise {exercise_id}"
    if not replaced_by:
        return NotFound("EXERCISE_NOT_FOUND", message, exerciseId=exercise_id)
    return NotFound(
        "EXERCISE_NOT_FOUND",
        f"{message} any more; {replaced_by} replaces it",
        exerciseId=exercise_id,
        replacedBy=replaced_by,
    )
