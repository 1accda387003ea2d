"""UserAdminService: what administrators and moderators do with people's accounts.

What somebody may do is in their access tokens, so a change of it ends their sessions.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from fitnesshub.user.v1 import user_admin_service_pb2 as pb
from fitnesshub.user.v1.events_pb2 import (
    SESSION_END_CAUSE_REVOKED_BY_ADMIN,
    SESSION_END_CAUSE_ROLES_CHANGED,
    SESSION_END_CAUSE_SUSPENDED,
    UserReinstated,
    UserRolesChanged,
    UserSuspended,
)
from fitnesshub.user.v1.user_pb2 import User

from chassis.call import Call, Wire
from chassis.clock import Clock
from chassis.contract import ROLE_NAMES
from chassis.db import Database, WriteSession
from chassis.errors import FailedPrecondition
from chassis.pages import PageTokens, page_size
from chassis.wire import repeated_field, string_field
from services.user.clients.ended_sessions import EndedSessionsFeed
from services.user.domain import addresses, roles, suspensions
from services.user.domain.ended import EndedSession
from services.user.domain.users import AGGREGATE, not_found
from services.user.store import sessions, users


@dataclass(frozen=True)
class UserAdminApi:
    """Lists accounts, and changes what people may do."""

    db: Database
    ended_sessions: EndedSessionsFeed
    clock: Clock
    page_tokens: PageTokens

    async def list_users(self, request: pb.ListUsersRequest, call: Call) -> Wire:
        """The stored bytes of a page, joined."""
        after = ""
        if request.page_token:
            (after,) = self.page_tokens.decode(call.method, request, request.page_token)
        role = ROLE_NAMES.get(request.role, "")
        wires, end = await users.list_users(
            self.db,
            email_prefix=addresses.normalise(request.email_prefix),
            role="" if role == roles.MEMBER else role,
            suspended=request.suspended if request.HasField("suspended") else None,
            after=after,
            size=page_size(request.page_size),
            now=self.clock.now(),
        )
        token = self.page_tokens.encode(call.method, request, (end,)) if end else ""
        return Wire(
            repeated_field(pb.ListUsersResponse.USERS_FIELD_NUMBER, wires)
            + string_field(pb.ListUsersResponse.NEXT_PAGE_TOKEN_FIELD_NUMBER, token)
        )

    async def get_user(self, request: pb.GetUserRequest, _call: Call) -> Wire:
        """The stored bytes, untouched."""
        wire = await users.get_user(self.db, request.user_id, self.clock.now())
        if wire is None:
            raise not_found(request.user_id)
        return Wire(wire)

    async def update_roles(self, request: pb.UpdateRolesRequest, call: Call) -> Wire:
        """Replaces the roles; tokens that carry the old ones die with their sessions."""
        ended: list[EndedSession] = []
        now = self.clock.now()
        async with self.db.write(call) as tx:
            user = await _lock(tx, request.user_id, now)
            was_admin = _is_active_admin(user, now)
            if roles.replace(user, [ROLE_NAMES[role] for role in request.roles]):
                if was_admin and not _is_active_admin(user, now):
                    await _keep_an_admin(tx, user, now)
                await users.save(tx, user, now)
                tx.emit(AGGREGATE, user.id, user.version, UserRolesChanged(user=user), user.id)
                ended = await sessions.end_all(tx, SESSION_END_CAUSE_ROLES_CHANGED, user.id, now)
            answer = tx.answer(user)
        await self.ended_sessions.announce(ended, now)
        return answer

    async def suspend_user(self, request: pb.SuspendUserRequest, call: Call) -> Wire:
        """Suspends the person and ends the sessions, also those that began while nobody looked."""
        ended: list[EndedSession] = []
        now = self.clock.now()
        until = request.until.ToDatetime(UTC) if request.HasField("until") else None
        async with self.db.write(call) as tx:
            user = await _lock(tx, request.user_id, now)
            suspensions.check_allowed(call.user_id, user, by_admin=call.has_role(roles.ADMIN))
            was_admin = _is_active_admin(user, now)
            if suspensions.suspend(user, request.reason, until, now):
                if was_admin:
                    await _keep_an_admin(tx, user, now)
                await users.save(tx, user, now)
                tx.emit(AGGREGATE, user.id, user.version, UserSuspended(user=user), user.id)
                ended = await sessions.end_all(tx, SESSION_END_CAUSE_SUSPENDED, user.id, now)
            answer = tx.answer(user)
        await self.ended_sessions.announce(ended, now)
        return answer

    async def reinstate_user(self, request: pb.ReinstateUserRequest, call: Call) -> Wire:
        """Ends the suspension, if there is one still; sessions stay ended."""
        now = self.clock.now()
        async with self.db.write(call) as tx:
            user = await _lock(tx, request.user_id, now)
            suspensions.check_allowed(call.user_id, user, by_admin=call.has_role(roles.ADMIN))
            if user.HasField("suspension"):
                user.ClearField("suspension")
                await users.save(tx, user, now)
                tx.emit(AGGREGATE, user.id, user.version, UserReinstated(user=user), user.id)
            return tx.answer(user)

    async def revoke_user_sessions(self, request: pb.RevokeUserSessionsRequest, call: Call) -> Wire:
        """Ends all sessions; the person may sign in again."""
        now = self.clock.now()
        async with self.db.write(call) as tx:
            await _lock(tx, request.user_id, now)
            ended = await sessions.end_all(tx, SESSION_END_CAUSE_REVOKED_BY_ADMIN, request.user_id, now)
            answer = tx.answer(pb.RevokeUserSessionsResponse(sessions=len(ended)))
        await self.ended_sessions.announce(ended, now)
        return answer


async def _lock(tx: WriteSession, user_id: str, now: datetime) -> User:
    user = await users.lock(tx, user_id, now)
    if user is None:
        raise not_found(user_id)
    return user


def _is_active_admin(user: User, now: datetime) -> bool:
    return roles.ADMIN in user.roles and not suspensions.is_suspended(user, now)


async def _keep_an_admin(tx: WriteSession, user: User, now: datetime) -> None:
    if await users.is_last_admin(tx, user.id, now):
        raise FailedPrecondition("LAST_ADMIN", "there would be no administrator left")
