"""Composition root of the user service."""

from fitnesshub.user.v1 import (
    auth_service_pb2,
    gotrue_service_pb2,
    profile_service_pb2,
    session_service_pb2,
    stats_service_pb2,
    user_admin_service_pb2,
)

from chassis.service import Runtime, Service, Worker
from services.user.api.auth_service import AuthApi
from services.user.api.gotrue_service import GoTrueApi
from services.user.api.issuing import SessionIssuer
from services.user.api.profile_service import ProfileApi
from services.user.api.session_service import SessionApi
from services.user.api.stats_service import StatsApi
from services.user.api.upkeep import Upkeep
from services.user.api.user_admin_service import UserAdminApi
from services.user.clients.ended_sessions import EndedSessionsFeed
from services.user.clients.password_hashes import PasswordHashes
from services.user.events.on_subject_erased import UserEraser
from services.user.settings import UserSettings


def build(runtime: Runtime) -> Service:
    """Builds the service.

    Raises SettingsError, FileNotFoundError or ValueError when a setting or a key is missing or wrong.
    """
    settings = runtime.settings(UserSettings)
    database = runtime.database()
    feed = EndedSessionsFeed(runtime.redis())
    keys_file = runtime.secret_file("access-token-keys.json")
    is_local = runtime.process.environment == "local"
    auth = AuthApi(
        db=database,
        hashes=PasswordHashes(settings.hash_threads),
        issuer=SessionIssuer(
            runtime.secret_file("access-token.pem"), keys_file, runtime.process.issuer, settings.access_token_seconds
        ),
        ended_sessions=feed,
        clock=runtime.clock,
        ids=runtime.ids,
        sign_up_enabled=settings.sign_up_enabled,
        local_tokens=is_local if settings.local_tokens is None else settings.local_tokens,
    )
    gotrue = GoTrueApi(auth, keys_file)
    page_tokens = runtime.page_tokens()
    upkeep = Upkeep(database, feed, runtime.clock)
    return Service(
        name=runtime.service,
        apis={
            auth_service_pb2.DESCRIPTOR.services_by_name["AuthService"]: auth,
            gotrue_service_pb2.DESCRIPTOR.services_by_name["GoTrueService"]: gotrue,
            profile_service_pb2.DESCRIPTOR.services_by_name["ProfileService"]: ProfileApi(
                database, runtime.clock, page_tokens
            ),
            session_service_pb2.DESCRIPTOR.services_by_name["SessionService"]: SessionApi(
                database, feed, runtime.clock, page_tokens
            ),
            stats_service_pb2.DESCRIPTOR.services_by_name["StatsService"]: StatsApi(database, runtime.clock),
            user_admin_service_pb2.DESCRIPTOR.services_by_name["UserAdminService"]: UserAdminApi(
                database, feed, runtime.clock, page_tokens
            ),
        },
        erase=UserEraser(database, feed, runtime.clock).erase,
        workers=(
            Worker("republish ended sessions", upkeep.republish_forever),
            Worker("tidy", upkeep.tidy_forever),
        ),
    )
