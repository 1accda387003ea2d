"""Registration and sessions, typed (`fitnesshub.user.v1.AuthService`)."""

import math
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from fitnesshub.user.v1 import auth_service_pb2 as pb
from fitnesshub.user.v1.events_pb2 import (
    SESSION_END_CAUSE_SIGNED_OUT,
    SESSION_END_CAUSE_TOKEN_REUSED,
    UserRegistered,
    UserRolesChanged,
    UserSignedIn,
)
from fitnesshub.user.v1.user_pb2 import Session, User
from google.protobuf.empty_pb2 import Empty
from google.protobuf.struct_pb2 import Struct

from chassis.call import Call, Identity, Wire
from chassis.clock import Clock, Ids
from chassis.contract import ROLE_NAMES
from chassis.db import Database, UniqueViolation, WriteSession
from chassis.errors import (
    Aborted,
    AlreadyExists,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    PermissionDenied,
    ResourceExhausted,
    Unauthenticated,
    Violation,
)
from services.user.api.issuing import SessionIssuer
from services.user.clients.ended_sessions import EndedSessionsFeed
from services.user.clients.password_hashes import PasswordHashes
from services.user.domain import addresses, rotation, suspensions
from services.user.domain.devices import device
from services.user.domain.passwords import broken_rules
from services.user.domain.roles import grant
from services.user.domain.rotation import Verdict
from services.user.domain.users import AGGREGATE, MAX_METADATA_BYTES, metadata_bytes, new_user
from services.user.store import sessions, sign_ins, users

PASSWORD = "password"  # noqa: S105 - the name of a way to sign in, as it stands in `amr`
LOCAL = "local"
_END_BY_SCOPE = {
    pb.SIGN_OUT_SCOPE_UNSPECIFIED: sessions.END_ALL_SESSIONS,
    pb.SIGN_OUT_SCOPE_GLOBAL: sessions.END_ALL_SESSIONS,
    pb.SIGN_OUT_SCOPE_LOCAL: sessions.END_THIS_SESSION,
    pb.SIGN_OUT_SCOPE_OTHERS: sessions.END_OTHER_SESSIONS,
}


@dataclass(frozen=True)
class AuthApi:
    """Signs people up, in and out."""

    db: Database
    hashes: PasswordHashes
    issuer: SessionIssuer
    ended_sessions: EndedSessionsFeed
    clock: Clock
    ids: Ids
    sign_up_enabled: bool
    local_tokens: bool

    async def sign_up(self, request: pb.SignUpRequest, call: Call) -> Session:
        if not self.sign_up_enabled:
            raise FailedPrecondition("SIGN_UP_DISABLED", "new sign-ups are switched off")
        email = addresses.normalise(request.email)
        _check_password(request.password, email)
        _check_metadata(request.user_metadata)
        password_hash = await self.hashes.hash(request.password)
        async with self.db.write(call) as tx:
            user = await self._register(tx, email, request.user_metadata, password_hash)
            return await self._begin_session(tx, user, PASSWORD, call)

    async def sign_in_with_password(self, request: pb.SignInWithPasswordRequest, call: Call) -> Session:
        email = addresses.normalise(request.email)
        address_hash = addresses.fingerprint(email)
        _refuse_locked(await sign_ins.locked_for(self.db, address_hash, self.clock.now()))
        found = await self.db.row(users.GET_CREDENTIALS, email=email)
        stored = found["hash"] if found else None
        matches = await self.hashes.verify(stored, request.password)
        if found is None or not matches:
            _refuse_locked(await sign_ins.add_failure(self.db, address_hash, self.clock.now()))
            raise _wrong_credentials()
        replacement = await self.hashes.hash(request.password) if self.hashes.is_outdated(found["hash"]) else ""
        async with self.db.write(call) as tx:
            now = self.clock.now()
            _refuse_locked(await sign_ins.clear_failures(tx, address_hash, now))
            user = await users.lock(tx, str(found["id"]), now)
            if user is None:
                raise _wrong_credentials()
            _refuse_suspended(user, now)
            if replacement:
                await users.replace_hash(tx, user.id, found["hash"], replacement, now)
            user.last_sign_in_time.FromDatetime(now)
            await users.save(tx, user, now)
            session = await self._begin_session(tx, user, PASSWORD, call)
            event = UserSignedIn(user=user, session_id=session.id)
            tx.emit(AGGREGATE, user.id, user.version, event, subject_user_id=user.id)
            return session

    async def refresh_session(self, request: pb.RefreshSessionRequest, call: Call) -> Session:
        async with self.db.write(call) as tx:
            live = await sessions.lock_by_token(tx, request.refresh_token)
            now = self.clock.now()
            if live is None:
                if suspended := await sessions.suspended_owner(tx, request.refresh_token):
                    _refuse_suspended(suspended, now)
                message = "the refresh token is unknown, or its session has ended"
                raise InvalidArgument("REFRESH_TOKEN_NOT_FOUND", message)
            verdict = rotation.judge(live.token_left_at, now)
            if verdict is not Verdict.REUSED:
                if verdict is Verdict.ROTATE:
                    await sessions.leave_generation(tx, live.id, now)
                user = await users.get(tx, live.user_id, now)
                _refuse_suspended(user, now)
                session = self.issuer.issue(
                    user, session_id=live.id, method=live.method, signed_in_at=live.created_at, now=now
                )
                await sessions.extend(tx, session, now)
                return session
        # Apart, because this transaction holds the session, and the user is locked before sessions are.
        async with self.db.write() as tx:
            cause = SESSION_END_CAUSE_TOKEN_REUSED
            ended = await sessions.end(tx, sessions.END_THIS_SESSION, cause, live.user_id, live.id, now)
        await self.ended_sessions.announce(ended, now)
        raise InvalidArgument("REFRESH_TOKEN_ALREADY_USED", "the refresh token was used before; its session has ended")

    async def sign_out(self, request: pb.SignOutRequest, call: Call) -> Empty:
        identity = _caller(call)
        statement = _END_BY_SCOPE.get(request.scope, sessions.END_ALL_SESSIONS)
        async with self.db.write(call) as tx:
            now = self.clock.now()
            cause = SESSION_END_CAUSE_SIGNED_OUT
            ended = await sessions.end(tx, statement, cause, identity.user_id, identity.session_id, now)
        await self.ended_sessions.announce(ended, now)
        return Empty()

    async def get_current_user(self, _request: pb.GetCurrentUserRequest, call: Call) -> Wire:
        identity = _caller(call)
        now = self.clock.now()
        which = {"user_id": identity.user_id, "session_id": identity.session_id}
        row = await self.db.row(users.GET_CURRENT_USER, **which, now=now)
        if row is None:
            raise NotFound("USER_NOT_FOUND", "the user behind the access token doesn't exist any more")
        if not row["signed_in"]:
            raise Unauthenticated("SESSION_ENDED", "this session has ended; sign in again")
        return Wire(users.wire_now(row, now))

    async def issue_local_session(self, request: pb.IssueLocalSessionRequest, call: Call) -> Session:
        if not self.local_tokens:
            raise FailedPrecondition("LOCAL_TOKENS_DISABLED", "this server issues no tokens to its operator's shell")
        user_id = await self._local_user_id(addresses.normalise(request.email), make=not request.must_exist)
        async with self.db.write(call) as tx:
            now = self.clock.now()
            user = await users.lock(tx, user_id, now)
            if user is None:
                raise Aborted("WRITE_CONFLICT", "the user was deleted meanwhile; try again")
            _refuse_suspended(user, now)
            if request.role and grant(user, ROLE_NAMES[request.role]):
                await users.save(tx, user, now)
                tx.emit(AGGREGATE, user.id, user.version, UserRolesChanged(user=user), subject_user_id=user.id)
            return await self._begin_session(tx, user, LOCAL, call)

    async def _local_user_id(self, email: str, *, make: bool) -> str:
        user_id = await self.db.value(users.FIND_USER_ID, email=email)
        if user_id is None:
            if not make:
                raise NotFound("USER_NOT_FOUND", "nobody has registered with this e-mail address")
            password_hash = await self.hashes.hash(secrets.token_urlsafe(32))
            try:
                async with self.db.write() as tx:
                    user_id = (await self._register(tx, email, Struct(), password_hash)).id
            except AlreadyExists:
                user_id = await self.db.value(users.FIND_USER_ID, email=email)
        if user_id is None:
            raise Aborted("WRITE_CONFLICT", "the user was deleted meanwhile; try again")
        return str(user_id)

    async def _register(self, tx: WriteSession, email: str, user_metadata: Struct, password_hash: str) -> User:
        now = self.clock.now()
        user = new_user(self.ids.new(), email, user_metadata, now)
        try:
            await users.insert_user(tx, user, password_hash, now)
        except UniqueViolation:
            message = "somebody has registered with this e-mail address before"
            raise AlreadyExists("EMAIL_ALREADY_REGISTERED", message) from None
        tx.emit(AGGREGATE, user.id, user.version, UserRegistered(user=user), subject_user_id=user.id)
        return user

    async def _begin_session(self, tx: WriteSession, user: User, method: str, call: Call) -> Session:
        now = self.clock.now()
        session = self.issuer.issue(user, session_id=self.ids.new(), method=method, signed_in_at=now, now=now)
        await sessions.begin(tx, session, method, device(call.metadata.get("user-agent"), call.peer_ip), now)
        return session


def _caller(call: Call) -> Identity:
    if call.identity is None:
        raise Unauthenticated("UNAUTHENTICATED", "this call needs an access token")
    return call.identity


def _check_password(password: str, email: str) -> None:
    if broken := broken_rules(password, email):
        raise InvalidArgument(
            "WEAK_PASSWORD",
            f"the password breaks these rules: {', '.join(broken)}",
            violations=[Violation("password", f"breaks the rule {rule}") for rule in broken],
            rules=",".join(broken),
        )


def _check_metadata(user_metadata: Struct) -> None:
    if metadata_bytes(user_metadata) > MAX_METADATA_BYTES:
        violation = Violation("userMetadata", f"must have at most {MAX_METADATA_BYTES} bytes as JSON")
        raise InvalidArgument("INVALID_REQUEST", "userMetadata is too large", violations=[violation])


def _refuse_locked(locked_for: timedelta) -> None:
    if locked_for:
        seconds = str(math.ceil(locked_for.total_seconds()))
        raise ResourceExhausted(
            "SIGN_IN_LOCKED",
            f"too many sign-ins failed; try again in {seconds} s",
            retry_after=locked_for,
            retryAfterSeconds=seconds,
        )


def _refuse_suspended(user: User, now: datetime) -> None:
    if not suspensions.is_suspended(user, now):
        return
    refused = PermissionDenied("USER_SUSPENDED", "the account is suspended", why=user.suspension.reason)
    if user.suspension.HasField("until"):
        refused.metadata["until"] = user.suspension.until.ToJsonString()
    raise refused


def _wrong_credentials() -> InvalidArgument:
    return InvalidArgument("INVALID_CREDENTIALS", "the e-mail address and the password don't belong together")
