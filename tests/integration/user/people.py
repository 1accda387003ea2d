"""People of the user service, with the calls that they make."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

import pytest
from fitnesshub.options.v1.policy_pb2 import ROLE_ADMIN, ROLE_MODERATOR, ROLE_UNSPECIFIED, Role
from fitnesshub.user.v1 import auth_service_pb2, profile_service_pb2, session_service_pb2, stats_service_pb2
from fitnesshub.user.v1 import user_admin_service_pb2 as admin_pb
from fitnesshub.user.v1.profile_pb2 import Preferences, Profile, PublicProfile
from fitnesshub.user.v1.user_pb2 import Session, User
from google.protobuf.empty_pb2 import Empty
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message

from chassis.errors import Failure
from tests.integration.user.world import AUTH, World, bearer

T = TypeVar("T", bound=Message)
PROFILES = "fitnesshub.user.v1.ProfileService"
SESSIONS = "fitnesshub.user.v1.SessionService"
STATS = "fitnesshub.user.v1.StatsService"
ADMIN = "fitnesshub.user.v1.UserAdminService"


def failing(reason: str) -> "pytest.RaisesExc[Failure]":
    """Expects a failure with this reason."""
    return pytest.raises(Failure, check=lambda failure: failure.reason == reason)


@dataclass
class Person:
    """Somebody signed in."""

    world: World
    session: Session

    @property
    def id(self) -> str:
        return self.session.user.id

    @property
    def email(self) -> str:
        return self.session.user.email

    async def call(self, service: str, rpc: str, request: Message, answer: type[T], **headers: str) -> T:
        """The answer of an RPC."""
        return await self.world.call(service, rpc, request, answer, authorization=bearer(self.session), **headers)

    async def me(self) -> User:
        return await self.world.current_user(self.session)

    async def sessions(self, **fields: Any) -> session_service_pb2.ListSessionsResponse:
        request = session_service_pb2.ListSessionsRequest(**fields)
        return await self.call(SESSIONS, "ListSessions", request, session_service_pb2.ListSessionsResponse)

    async def revoke(self, session_id: str, **headers: str) -> None:
        request = session_service_pb2.RevokeSessionRequest(session_id=session_id)
        await self.call(SESSIONS, "RevokeSession", request, Empty, **headers)

    async def profile(self) -> Profile:
        return await self.call(PROFILES, "GetProfile", profile_service_pb2.GetProfileRequest(), Profile)

    async def update_profile(self, change: Profile | None = None, mask: Iterable[str] = (), **headers: str) -> Profile:
        request = profile_service_pb2.UpdateProfileRequest(
            profile=change or Profile(), update_mask=FieldMask(paths=list(mask))
        )
        return await self.call(PROFILES, "UpdateProfile", request, Profile, **headers)

    async def public_profile(self, user_id: str) -> PublicProfile:
        request = profile_service_pb2.GetPublicProfileRequest(user_id=user_id)
        return await self.call(PROFILES, "GetPublicProfile", request, PublicProfile)

    async def search(self, query: str, **fields: Any) -> profile_service_pb2.SearchProfilesResponse:
        request = profile_service_pb2.SearchProfilesRequest(query=query, **fields)
        return await self.call(PROFILES, "SearchProfiles", request, profile_service_pb2.SearchProfilesResponse)

    async def preferences(self) -> Preferences:
        return await self.call(PROFILES, "GetPreferences", profile_service_pb2.GetPreferencesRequest(), Preferences)

    async def update_preferences(
        self, change: Preferences | None = None, mask: Iterable[str] = (), **headers: str
    ) -> Preferences:
        request = profile_service_pb2.UpdatePreferencesRequest(
            preferences=change or Preferences(), update_mask=FieldMask(paths=list(mask))
        )
        return await self.call(PROFILES, "UpdatePreferences", request, Preferences, **headers)

    async def stats(self) -> stats_service_pb2.Stats:
        return await self.call(STATS, "GetStats", stats_service_pb2.GetStatsRequest(), stats_service_pb2.Stats)

    async def users(self, **fields: Any) -> admin_pb.ListUsersResponse:
        return await self.call(ADMIN, "ListUsers", admin_pb.ListUsersRequest(**fields), admin_pb.ListUsersResponse)

    async def user(self, user_id: str) -> User:
        return await self.call(ADMIN, "GetUser", admin_pb.GetUserRequest(user_id=user_id), User)

    async def set_roles(self, user_id: str, *roles: "Role.ValueType", **headers: str) -> User:
        request = admin_pb.UpdateRolesRequest(user_id=user_id, roles=roles)
        return await self.call(ADMIN, "UpdateRoles", request, User, **headers)

    async def suspend(self, user_id: str, reason: str = "spam", until: datetime | None = None, **headers: str) -> User:
        request = admin_pb.SuspendUserRequest(user_id=user_id, reason=reason)
        if until is not None:
            request.until.FromDatetime(until)
        return await self.call(ADMIN, "SuspendUser", request, User, **headers)

    async def reinstate(self, user_id: str) -> User:
        return await self.call(ADMIN, "ReinstateUser", admin_pb.ReinstateUserRequest(user_id=user_id), User)

    async def revoke_sessions(self, user_id: str) -> int:
        request = admin_pb.RevokeUserSessionsRequest(user_id=user_id)
        return (await self.call(ADMIN, "RevokeUserSessions", request, admin_pb.RevokeUserSessionsResponse)).sessions


async def member(world: World, email: str = "") -> Person:
    """A new person."""
    return Person(world, await world.sign_up(email))


async def with_role(world: World, role: "Role.ValueType" = ROLE_UNSPECIFIED, email: str = "") -> Person:
    """Somebody with a role, as the operator's shell makes them."""
    request = auth_service_pb2.IssueLocalSessionRequest(email=email or world.address(), role=role)
    return Person(world, await world.call(AUTH, "IssueLocalSession", request, Session, caller="cli"))


async def admin(world: World) -> Person:
    """An administrator."""
    return await with_role(world, ROLE_ADMIN)


async def moderator(world: World) -> Person:
    """A moderator."""
    return await with_role(world, ROLE_MODERATOR)
