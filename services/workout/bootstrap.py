"""Composition root of the workout service."""

from datetime import timedelta

from fitnesshub.user.v1.stats_service_pb2_grpc import StatsServiceStub
from fitnesshub.workout.v1 import exercise_service_pb2, workout_service_pb2

from chassis.service import Runtime, Service, Worker
from services.workout.api.catalogue_upkeep import CatalogueUpkeep
from services.workout.api.exercise_service import ExerciseApi
from services.workout.api.exercise_upkeep import ExerciseUpkeep
from services.workout.api.workout_service import WorkoutApi
from services.workout.api.workout_upkeep import WorkoutUpkeep
from services.workout.events.on_subject_erased import WorkoutEraser
from services.workout.events.on_workout_changed import SagaStarter
from services.workout.sagas.workout_creation import workout_creation
from services.workout.settings import WorkoutSettings


def build(runtime: Runtime) -> Service:
    """Builds the service. Its calls need its database alone; without Redis searches are slower.

    Raises SettingsError when a setting is wrong.
    """
    settings = runtime.settings(WorkoutSettings)
    undo_window = timedelta(hours=settings.undo_hours)
    database = runtime.database()
    parts = (database, runtime.clock, runtime.ids, runtime.page_tokens())
    creation = workout_creation(StatsServiceStub(runtime.channel("user")))
    return Service(
        name="workout",
        apis={
            workout_service_pb2.DESCRIPTOR.services_by_name["WorkoutService"]: WorkoutApi(
                *parts, undo_window=undo_window
            ),
            exercise_service_pb2.DESCRIPTOR.services_by_name["ExerciseService"]: ExerciseApi(
                *parts,
                redis=runtime.redis(),
                most_own=settings.own_exercises,
                most_own_an_hour=settings.own_exercises_an_hour,
            ),
        },
        workers=(
            Worker("index exercises", ExerciseUpkeep(database).index_forever),
            Worker("keep catalogue", CatalogueUpkeep(database, runtime.clock, runtime.ids).keep_forever),
            Worker("forget deleted workouts", WorkoutUpkeep(database, runtime.clock, undo_window).forget_forever),
        ),
        subscriptions=(SagaStarter(creation, runtime.clock, runtime.ids).subscription(),),
        sagas=(creation,),
        erase=WorkoutEraser(database, runtime.clock).erase,
    )
