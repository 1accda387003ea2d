"""A good request for every RPC of the contract: what its owner sends, and who that is.

The access matrix sends each of them as its owner first and then, unchanged, as everybody else. An RPC that
is missing here fails the matrix.
"""

import json
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

from fitnesshub.analytics.v1 import analytics_service_pb2
from fitnesshub.audit.v1 import audit_service_pb2
from fitnesshub.gateway.v1 import docs_service_pb2, health_service_pb2
from fitnesshub.gateway.v1 import saga_service_pb2 as gateway_sagas
from fitnesshub.mesh.v1 import saga_service_pb2 as mesh_sagas
from fitnesshub.mesh.v1 import status_service_pb2
from fitnesshub.options.v1 import policy_pb2
from fitnesshub.user.v1 import (
    auth_service_pb2,
    gotrue_service_pb2,
    profile_pb2,
    profile_service_pb2,
    session_service_pb2,
    stats_service_pb2,
    user_admin_service_pb2,
)
from fitnesshub.workout.v1 import (
    exercise_pb2,
    exercise_service_pb2,
    workout_pb2,
    workout_service_pb2,
)
from google.api import httpbody_pb2
from google.protobuf.message import Message

from tests.e2e.people import PASSWORD, Good, World, new_exercise, new_workout


def body(**content: str) -> httpbody_pb2.HttpBody:
    """A JSON body."""
    return httpbody_pb2.HttpBody(content_type="application/json", data=json.dumps(content).encode())


async def sign_up(_world: World) -> Good:
    return Good(auth_service_pb2.SignUpRequest(email=f"{uuid.uuid4().hex}@example.org", password=PASSWORD), None)


async def sign_in_with_password(world: World) -> Good:
    person = await world.person()
    return Good(auth_service_pb2.SignInWithPasswordRequest(email=person.email, password=PASSWORD), None)


async def refresh_session(world: World) -> Good:
    person = await world.person()
    return Good(auth_service_pb2.RefreshSessionRequest(refresh_token=person.refresh_token), None)


async def sign_out(world: World) -> Good:
    scope = auth_service_pb2.SIGN_OUT_SCOPE_OTHERS
    return Good(auth_service_pb2.SignOutRequest(scope=scope), await world.person())


async def get_current_user(world: World) -> Good:
    return Good(auth_service_pb2.GetCurrentUserRequest(), await world.person())


async def issue_local_session(_world: World) -> Good:
    request = auth_service_pb2.IssueLocalSessionRequest(email="matrix@example.org", role=policy_pb2.ROLE_ADMIN)
    return Good(request, None)


async def gotrue_sign_up(_world: World) -> Good:
    credentials = body(email=f"{uuid.uuid4().hex}@example.org", password=PASSWORD)
    return Good(gotrue_service_pb2.GoTrueSignUpRequest(body=credentials), None)


async def gotrue_token(world: World) -> Good:
    credentials = body(email=(await world.person()).email, password=PASSWORD)
    return Good(gotrue_service_pb2.GoTrueTokenRequest(body=credentials, grant_type="password"), None)


async def gotrue_logout(world: World) -> Good:
    return Good(gotrue_service_pb2.GoTrueLogoutRequest(scope="others"), await world.person())


async def gotrue_get_user(world: World) -> Good:
    return Good(gotrue_service_pb2.GoTrueGetUserRequest(), await world.person())


def own(request: Message) -> Callable[[World], Awaitable[Good]]:
    """A request about whoever sends it."""

    async def make(world: World) -> Good:
        return Good(request, await world.person(), is_owned=False)

    return make


def of_somebody(kind: type[Message], **fields: Any) -> Callable[[World], Awaitable[Good]]:
    """A request of an administrator about a new person."""

    async def make(world: World) -> Good:
        return Good(kind(user_id=(await world.person()).user_id, **fields), world.operator("admin"))

    return make


async def get_public_profile(world: World) -> Good:
    # A new person's profile is private.
    owner = await world.person()
    return Good(profile_service_pb2.GetPublicProfileRequest(user_id=owner.user_id), owner, is_owned=True)


async def revoke_session(world: World) -> Good:
    owner = await world.person()
    request = auth_service_pb2.SignInWithPasswordRequest(email=owner.email, password=PASSWORD)
    session = await world.auth.SignInWithPassword(request)
    return Good(session_service_pb2.RevokeSessionRequest(session_id=session.id), owner)


async def update_stats(world: World) -> Good:
    owner = await world.person()
    request = stats_service_pb2.UpdateStatsRequest(user_id=owner.user_id, workout_id=str(uuid.uuid4()), version=1)
    return Good(request, None)


async def list_users(world: World) -> Good:
    return Good(user_admin_service_pb2.ListUsersRequest(page_size=1), world.operator("admin"))


async def get_workout(world: World) -> Good:
    owner = await world.person()
    workout = await world.workout(owner)
    return Good(workout_service_pb2.GetWorkoutRequest(workout_id=workout.id), owner)


async def list_workouts(world: World) -> Good:
    return Good(workout_service_pb2.ListWorkoutsRequest(), await world.person())


async def create_workout(world: World) -> Good:
    return Good(workout_service_pb2.CreateWorkoutRequest(workout=new_workout()), await world.person())


async def update_workout(world: World) -> Good:
    owner = await world.person()
    workout = await world.workout(owner)
    change = workout_pb2.Workout(notes="felt light")
    request = workout_service_pb2.UpdateWorkoutRequest(workout_id=workout.id, workout=change)
    return Good(request, owner)


async def delete_workout(world: World) -> Good:
    owner = await world.person()
    workout = await world.workout(owner)
    return Good(workout_service_pb2.DeleteWorkoutRequest(workout_id=workout.id), owner)


async def undelete_workout(world: World) -> Good:
    owner = await world.person()
    workout = await world.workout(owner)
    delete = workout_service_pb2.DeleteWorkoutRequest(workout_id=workout.id)
    await world.workouts.DeleteWorkout(delete, metadata=owner.metadata)
    return Good(workout_service_pb2.UndeleteWorkoutRequest(workout_id=workout.id), owner)


async def watch_workout_changes(world: World) -> Good:
    owner = await world.person()
    await world.workout(owner)
    return Good(workout_service_pb2.WatchWorkoutChangesRequest(), owner)


async def get_exercise(world: World) -> Good:
    exercise = await world.exercise()
    return Good(exercise_service_pb2.GetExerciseRequest(exercise_id=exercise.id), None)


async def create_exercise(world: World) -> Good:
    return Good(exercise_service_pb2.CreateExerciseRequest(exercise=new_exercise("own")), await world.person())


async def update_exercise(world: World) -> Good:
    owner = await world.person()
    change = exercise_pb2.Exercise(level=exercise_pb2.EXERCISE_LEVEL_EXPERT)
    exercise = await world.own_exercise(owner)
    request = exercise_service_pb2.UpdateExerciseRequest(exercise_id=exercise.id, exercise=change)
    return Good(request, owner)


async def delete_exercise(world: World) -> Good:
    owner = await world.person()
    exercise = await world.own_exercise(owner)
    return Good(exercise_service_pb2.DeleteExerciseRequest(exercise_id=exercise.id), owner)


async def import_exercises(world: World) -> Good:
    request = exercise_service_pb2.ImportExercisesRequest(source="matrix", exercises=[new_exercise("press")])
    return Good(request, world.operator("admin"))


def of_admin(request: Message) -> Callable[[World], Awaitable[Good]]:
    """A request of an administrator about nobody."""

    async def make(world: World) -> Good:
        return Good(request, world.operator("admin"))

    return make


async def erase_subject(world: World) -> Good:
    person = await world.person()
    return Good(audit_service_pb2.EraseSubjectRequest(user_id=person.user_id), world.operator("admin"))


async def list_sagas(world: World) -> Good:
    return Good(gateway_sagas.ListSagasRequest(), world.operator("admin"))


async def list_own_sagas(world: World) -> Good:
    return Good(gateway_sagas.ListOwnSagasRequest(), await world.person())


async def retry_saga(world: World) -> Good:
    return Good(gateway_sagas.RetrySagaRequest(saga_id=(await world.open_saga()).id), world.operator("admin"))


async def retry_service_saga(world: World) -> Good:
    saga = await world.open_saga()
    return Good(mesh_sagas.RetryServiceSagaRequest(service=saga.service, saga_id=saga.id), None)


def plain(request: Message) -> Callable[[World], Awaitable[Good]]:
    """A request that needs nothing and nobody."""

    async def make(_world: World) -> Good:
        return Good(request, None)

    return make


NO_EXERCISE = str(uuid.UUID(int=0))
"""Somebody may ask for what they never did."""


def training_at_time() -> Message:
    request = analytics_service_pb2.GetTrainingAtTimeRequest()
    request.time.FromJsonString("2020-11-20T17:00:00Z")
    return request


GOOD: dict[str, Callable[[World], Awaitable[Good]]] = {
    "/fitnesshub.analytics.v1.AnalyticsService/GetTraining": own(analytics_service_pb2.GetTrainingRequest()),
    "/fitnesshub.analytics.v1.AnalyticsService/ChartTraining": own(analytics_service_pb2.ChartTrainingRequest()),
    "/fitnesshub.analytics.v1.AnalyticsService/ListTrainedExercises": own(
        analytics_service_pb2.ListTrainedExercisesRequest()
    ),
    "/fitnesshub.analytics.v1.AnalyticsService/ListTrainedMuscles": own(
        analytics_service_pb2.ListTrainedMusclesRequest()
    ),
    "/fitnesshub.analytics.v1.AnalyticsService/ChartTrainedMuscles": own(
        analytics_service_pb2.ChartTrainedMusclesRequest()
    ),
    "/fitnesshub.analytics.v1.AnalyticsService/GetStreaks": own(analytics_service_pb2.GetStreaksRequest()),
    "/fitnesshub.analytics.v1.AnalyticsService/GetExerciseProgress": own(
        analytics_service_pb2.GetExerciseProgressRequest(exercise_id=NO_EXERCISE)
    ),
    "/fitnesshub.analytics.v1.AnalyticsService/ChartExerciseProgress": own(
        analytics_service_pb2.ChartExerciseProgressRequest(exercise_id=NO_EXERCISE)
    ),
    "/fitnesshub.analytics.v1.AnalyticsService/GetExerciseBests": own(
        analytics_service_pb2.GetExerciseBestsRequest(exercise_id=NO_EXERCISE)
    ),
    "/fitnesshub.analytics.v1.AnalyticsService/GetTrainingAtTime": own(training_at_time()),
    "/fitnesshub.analytics.v1.AnalyticsService/GetPlatformActivity": of_admin(
        analytics_service_pb2.GetPlatformActivityRequest()
    ),
    "/fitnesshub.audit.v1.AuditService/ListAuditRecords": of_admin(audit_service_pb2.ListAuditRecordsRequest()),
    "/fitnesshub.audit.v1.AuditService/ListOwnAuditRecords": own(audit_service_pb2.ListOwnAuditRecordsRequest()),
    "/fitnesshub.audit.v1.AuditService/VerifyChain": of_admin(audit_service_pb2.VerifyChainRequest()),
    "/fitnesshub.audit.v1.AuditService/ExportAuditRecords": of_admin(audit_service_pb2.ExportAuditRecordsRequest()),
    "/fitnesshub.audit.v1.AuditService/ReplayEvents": plain(audit_service_pb2.ReplayEventsRequest()),
    "/fitnesshub.audit.v1.AuditService/EraseSubject": erase_subject,
    "/fitnesshub.gateway.v1.DocsService/GetDocsFile": plain(docs_service_pb2.GetDocsFileRequest(file="start.js")),
    "/fitnesshub.gateway.v1.DocsService/GetDocsPage": plain(docs_service_pb2.GetDocsPageRequest()),
    "/fitnesshub.gateway.v1.DocsService/GetOpenApi": plain(docs_service_pb2.GetOpenApiRequest()),
    "/fitnesshub.gateway.v1.HealthService/GetHealth": plain(health_service_pb2.GetHealthRequest()),
    "/fitnesshub.gateway.v1.SagaService/ListSagas": list_sagas,
    "/fitnesshub.gateway.v1.SagaService/ListOwnSagas": list_own_sagas,
    "/fitnesshub.gateway.v1.SagaService/RetrySaga": retry_saga,
    "/fitnesshub.mesh.v1.SagaService/ListServiceSagas": plain(mesh_sagas.ListServiceSagasRequest(service="workout")),
    "/fitnesshub.mesh.v1.SagaService/RetryServiceSaga": retry_service_saga,
    "/fitnesshub.mesh.v1.StatusService/GetServiceStatus": plain(
        status_service_pb2.GetServiceStatusRequest(service="workout")
    ),
    "/fitnesshub.user.v1.AuthService/SignUp": sign_up,
    "/fitnesshub.user.v1.AuthService/SignInWithPassword": sign_in_with_password,
    "/fitnesshub.user.v1.AuthService/RefreshSession": refresh_session,
    "/fitnesshub.user.v1.AuthService/SignOut": sign_out,
    "/fitnesshub.user.v1.AuthService/GetCurrentUser": get_current_user,
    "/fitnesshub.user.v1.AuthService/IssueLocalSession": issue_local_session,
    "/fitnesshub.user.v1.GoTrueService/GoTrueSignUp": gotrue_sign_up,
    "/fitnesshub.user.v1.GoTrueService/GoTrueToken": gotrue_token,
    "/fitnesshub.user.v1.GoTrueService/GoTrueLogout": gotrue_logout,
    "/fitnesshub.user.v1.GoTrueService/GoTrueGetUser": gotrue_get_user,
    "/fitnesshub.user.v1.GoTrueService/GoTrueGetSettings": plain(gotrue_service_pb2.GoTrueGetSettingsRequest()),
    "/fitnesshub.user.v1.GoTrueService/GoTrueGetHealth": plain(gotrue_service_pb2.GoTrueGetHealthRequest()),
    "/fitnesshub.user.v1.GoTrueService/GoTrueGetJwks": plain(gotrue_service_pb2.GoTrueGetJwksRequest()),
    "/fitnesshub.user.v1.ProfileService/GetProfile": own(profile_service_pb2.GetProfileRequest()),
    "/fitnesshub.user.v1.ProfileService/UpdateProfile": own(
        profile_service_pb2.UpdateProfileRequest(profile=profile_pb2.Profile(bio="Weaves."))
    ),
    "/fitnesshub.user.v1.ProfileService/GetPublicProfile": get_public_profile,
    "/fitnesshub.user.v1.ProfileService/SearchProfiles": own(profile_service_pb2.SearchProfilesRequest(query="ada")),
    "/fitnesshub.user.v1.ProfileService/GetPreferences": own(profile_service_pb2.GetPreferencesRequest()),
    "/fitnesshub.user.v1.ProfileService/UpdatePreferences": own(
        profile_service_pb2.UpdatePreferencesRequest(preferences=profile_pb2.Preferences(language="de"))
    ),
    "/fitnesshub.user.v1.SessionService/ListSessions": own(session_service_pb2.ListSessionsRequest()),
    "/fitnesshub.user.v1.SessionService/RevokeSession": revoke_session,
    "/fitnesshub.user.v1.StatsService/UpdateStats": update_stats,
    "/fitnesshub.user.v1.StatsService/GetStats": own(stats_service_pb2.GetStatsRequest()),
    "/fitnesshub.user.v1.UserAdminService/ListUsers": list_users,
    "/fitnesshub.user.v1.UserAdminService/GetUser": of_somebody(user_admin_service_pb2.GetUserRequest),
    "/fitnesshub.user.v1.UserAdminService/UpdateRoles": of_somebody(
        user_admin_service_pb2.UpdateRolesRequest, roles=[policy_pb2.ROLE_TRAINER]
    ),
    "/fitnesshub.user.v1.UserAdminService/SuspendUser": of_somebody(
        user_admin_service_pb2.SuspendUserRequest, reason="spam"
    ),
    "/fitnesshub.user.v1.UserAdminService/ReinstateUser": of_somebody(user_admin_service_pb2.ReinstateUserRequest),
    "/fitnesshub.user.v1.UserAdminService/RevokeUserSessions": of_somebody(
        user_admin_service_pb2.RevokeUserSessionsRequest
    ),
    "/fitnesshub.workout.v1.WorkoutService/GetWorkout": get_workout,
    "/fitnesshub.workout.v1.WorkoutService/ListWorkouts": list_workouts,
    "/fitnesshub.workout.v1.WorkoutService/CreateWorkout": create_workout,
    "/fitnesshub.workout.v1.WorkoutService/UpdateWorkout": update_workout,
    "/fitnesshub.workout.v1.WorkoutService/DeleteWorkout": delete_workout,
    "/fitnesshub.workout.v1.WorkoutService/UndeleteWorkout": undelete_workout,
    "/fitnesshub.workout.v1.WorkoutService/ListWorkoutChanges": own(workout_service_pb2.ListWorkoutChangesRequest()),
    "/fitnesshub.workout.v1.WorkoutService/WatchWorkoutChanges": watch_workout_changes,
    "/fitnesshub.workout.v1.WorkoutService/BatchCreateWorkouts": own(
        workout_service_pb2.BatchCreateWorkoutsRequest(workouts=[new_workout()])
    ),
    "/fitnesshub.workout.v1.ExerciseService/GetExercise": get_exercise,
    "/fitnesshub.workout.v1.ExerciseService/ListExercises": plain(exercise_service_pb2.ListExercisesRequest()),
    "/fitnesshub.workout.v1.ExerciseService/SearchExercises": plain(
        exercise_service_pb2.SearchExercisesRequest(query="curl")
    ),
    "/fitnesshub.workout.v1.ExerciseService/DownloadExercises": plain(exercise_service_pb2.DownloadExercisesRequest()),
    "/fitnesshub.workout.v1.ExerciseService/ListExerciseTombstones": plain(
        exercise_service_pb2.ListExerciseTombstonesRequest()
    ),
    "/fitnesshub.workout.v1.ExerciseService/CreateExercise": create_exercise,
    "/fitnesshub.workout.v1.ExerciseService/UpdateExercise": update_exercise,
    "/fitnesshub.workout.v1.ExerciseService/DeleteExercise": delete_exercise,
    "/fitnesshub.workout.v1.ExerciseService/ImportExercises": import_exercises,
}
"""By full path."""
