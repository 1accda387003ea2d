"""Composition root of the workout service."""

from fitnesshub.workout.v1 import exercise_service_pb2, workout_service_pb2

from chassis.service import Runtime, Service
from services.workout.api.exercise_service import ExerciseApi
from services.workout.api.workout_service import WorkoutApi


def build(runtime: Runtime) -> Service:
    """Builds the service; its database is all it needs."""
    parts = (runtime.database(), runtime.clock, runtime.ids, runtime.page_tokens())
    return Service(
        name="workout",
        apis={
            workout_service_pb2.DESCRIPTOR.services_by_name["WorkoutService"]: WorkoutApi(*parts),
            exercise_service_pb2.DESCRIPTOR.services_by_name["ExerciseService"]: ExerciseApi(*parts),
        },
    )
