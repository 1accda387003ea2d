"""Composition root of the workout service."""

from fitnesshub.user.v1.stats_service_pb2_grpc import StatsServiceStub
from fitnesshub.workout.v1 import exercise_service_pb2, workout_service_pb2

from chassis.service import Runtime, Service
from services.workout.api.exercise_service import ExerciseApi
from services.workout.api.workout_service import WorkoutApi
from services.workout.events.on_subject_erased import WorkoutEraser
from services.workout.events.on_workout_changed import SagaStarter
from services.workout.sagas.workout_creation import workout_creation


def build(runtime: Runtime) -> Service:
    """Builds the service; to answer calls its database is all it needs."""
    database = runtime.database()
    parts = (database, runtime.clock, runtime.ids, runtime.page_tokens())
    creation = workout_creation(StatsServiceStub(runtime.channel("user")))
    return Service(
        name="workout",
        apis={
            workout_service_pb2.DESCRIPTOR.services_by_name["WorkoutService"]: WorkoutApi(*parts),
            exercise_service_pb2.DESCRIPTOR.services_by_name["ExerciseService"]: ExerciseApi(*parts),
        },
        subscriptions=(SagaStarter(creation, runtime.clock, runtime.ids).subscription(),),
        sagas=(creation,),
        erase=WorkoutEraser(database).erase,
    )
