"""The Supabase Auth (GoTrue) protocol over `AuthService`, so that `supabase-js` signs in unchanged.

Thin: it translates bodies, calls the typed method, and translates the answer or the failure.
"""

import functools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from fitnesshub.user.v1 import auth_service_pb2 as auth
from fitnesshub.user.v1 import gotrue_service_pb2 as pb
from fitnesshub.user.v1.user_pb2 import User
from google.api.httpbody_pb2 import HttpBody
from google.protobuf.message import Message

from chassis.call import Call
from chassis.errors import Failure, InvalidArgument, Unauthenticated, Violation
from chassis.rules import compile_rules
from chassis.tokens import read_public_keys
from chassis.version import VERSION
from services.user.api import dialect
from services.user.api.auth_service import AuthApi
from services.user.api.dialect import DialectError

_SCOPES = {
    "": auth.SIGN_OUT_SCOPE_GLOBAL,
    "global": auth.SIGN_OUT_SCOPE_GLOBAL,
    "local": auth.SIGN_OUT_SCOPE_LOCAL,
    "others": auth.SIGN_OUT_SCOPE_OTHERS,
}
_JWKS_CACHE = "public, max-age=600"
"""GoTrue's. A new key is published this long before anything is signed with it."""
_CHECKS: dict[type[Message], Callable[[Message], list[Violation]]] = {
    kind: compile_rules(kind.DESCRIPTOR)
    for kind in (auth.SignUpRequest, auth.SignInWithPasswordRequest, auth.RefreshSessionRequest)
}

Request = TypeVar("Request", bound=Message)
Handler = Callable[["GoTrueApi", Request, Call], Awaitable[HttpBody]]


def _in_dialect(handler: Handler[Request]) -> Handler[Request]:
    """Answers client errors in the dialect; what the mesh has to answer for passes through."""

    @functools.wraps(handler)
    async def handle(self: "GoTrueApi", request: Request, call: Call) -> HttpBody:
        try:
            return await handler(self, request, call)
        except DialectError as error:
            kind = Unauthenticated if error.status in (401, 403) else InvalidArgument
            call.failed_with = kind.code, error.code.upper()
            return dialect.error_answer(call, error)
        except Failure as failure:
            answer = dialect.error_answer(call, dialect.error_of(failure))
            call.failed_with = failure.code, failure.reason
            return answer

    return handle


@dataclass(frozen=True)
class GoTrueApi:
    """Speaks the dialect for an AuthApi."""

    auth: AuthApi
    keys_file: Path
    """JSON Web Key Set of the public keys that access tokens are signed with."""

    @_in_dialect
    async def go_true_sign_up(self, request: pb.GoTrueSignUpRequest, call: Call) -> HttpBody:
        content = dialect.body_of(request.body)
        email, password = dialect.text_in(content, "email"), dialect.text_in(content, "password")
        if dialect.text_in(content, "phone"):
            raise DialectError(400, "phone_provider_disabled", "Phone signups are disabled")
        if not email and not password:
            raise DialectError(422, "anonymous_provider_disabled", "Anonymous sign-ins are disabled")
        if not password:
            raise DialectError(400, "validation_failed", "Signup requires a valid password")
        sign_up = auth.SignUpRequest(email=email, password=password, user_metadata=dialect.struct_in(content, "data"))
        session = await self.auth.sign_up(_checked(sign_up), call)
        return dialect.answer(call, dialect.session_json(session))

    @_in_dialect
    async def go_true_token(self, request: pb.GoTrueTokenRequest, call: Call) -> HttpBody:
        match request.grant_type:
            case "password":
                content = dialect.body_of(request.body)
                if dialect.text_in(content, "phone"):
                    raise DialectError(422, "phone_provider_disabled", "Phone logins are disabled")
                sign_in = auth.SignInWithPasswordRequest(
                    email=dialect.text_in(content, "email"), password=dialect.text_in(content, "password")
                )
                session = await self.auth.sign_in_with_password(_checked(sign_in), call)
            case "refresh_token":
                content = dialect.body_of(request.body)
                refresh = auth.RefreshSessionRequest(refresh_token=dialect.text_in(content, "refresh_token"))
                session = await self.auth.refresh_session(_checked(refresh), call)
            case other:
                # GoTrue's code for it, odd as it is.
                message = f"unsupported_grant_type: this server offers password and refresh_token, not {other!r}"
                raise DialectError(400, "invalid_credentials", message)
        return dialect.answer(call, dialect.session_json(session))

    @_in_dialect
    async def go_true_logout(self, request: pb.GoTrueLogoutRequest, call: Call) -> HttpBody:
        _refuse_strangers(call)
        scope = _SCOPES.get(request.scope)
        if scope is None:
            raise DialectError(400, "validation_failed", f'Unsupported logout scope "{request.scope}"')
        await self.auth.sign_out(auth.SignOutRequest(scope=scope), call)
        call.http_status(204)
        return HttpBody()

    @_in_dialect
    async def go_true_get_user(self, _request: pb.GoTrueGetUserRequest, call: Call) -> HttpBody:
        _refuse_strangers(call)
        user = User.FromString((await self.auth.get_current_user(auth.GetCurrentUserRequest(), call)).data)
        return dialect.answer(call, dialect.user_json(user))

    async def go_true_get_settings(self, _request: pb.GoTrueGetSettingsRequest, call: Call) -> HttpBody:
        settings: dict[str, Any] = {
            "external": {"anonymous_users": False, "email": True, "phone": False},
            "disable_signup": not self.auth.sign_up_enabled,
            "mailer_autoconfirm": True,
            "phone_autoconfirm": False,
            "sms_provider": "",
            "saml_enabled": False,
        }
        return dialect.answer(call, settings)

    async def go_true_get_health(self, _request: pb.GoTrueGetHealthRequest, call: Call) -> HttpBody:
        about = "FitnessHub's user registration and authentication API, in the Supabase Auth protocol"
        return dialect.answer(call, {"version": VERSION, "name": "FitnessHub", "description": about})

    async def go_true_get_jwks(self, _request: pb.GoTrueGetJwksRequest, call: Call) -> HttpBody:
        return dialect.answer(call, {"keys": read_public_keys(self.keys_file)}, cache_control=_JWKS_CACHE)


def _checked(request: Request) -> Request:
    """A typed request that satisfies the rules of its fields. Raises InvalidArgument like the pipeline does."""
    violations = _CHECKS[type(request)](request)
    if violations:
        raise InvalidArgument("INVALID_REQUEST", "the request breaks rules of its fields", violations=violations)
    return request


def _refuse_strangers(call: Call) -> None:
    if call.identity is not None:
        return
    problem = call.identity_problem
    if problem is None:
        raise DialectError(401, "no_authorization", "This endpoint requires a valid Bearer token")
    if problem.reason == "SESSION_ENDED":
        raise DialectError(403, "session_not_found", "Session from session_id claim in JWT does not exist")
    raise DialectError(403, "bad_jwt", f"invalid JWT: {problem.message}")
