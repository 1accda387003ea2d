"""The request pipeline: one wrapper a method, compiled from the contract at start.

It doesn't know its host: bytes, metadata and a deadline go in, bytes or a status come out. The order is
telemetry, error mapping, deadline, identity, access, decode, rules, handler, encode; authorising comes
before validating (AIP-211), so that a stranger learns nothing from a violation.
"""

import asyncio
import hashlib
import logging
import re
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from typing import Any

from fitnesshub.options.v1 import policy_pb2
from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.message_factory import GetMessageClass

from chassis import audit, streams
from chassis.call import Call, Identity, Wire
from chassis.contract import Contract, ContractError, Method
from chassis.decoding import compile_decoding
from chassis.endpoint import Endpoint, Incoming, Payload, StatusError, Stream, Unary
from chassis.errors import (
    Cancelled,
    DeadlineExceeded,
    Failure,
    Internal,
    InvalidArgument,
    PermissionDenied,
    Unauthenticated,
    Unavailable,
)
from chassis.idempotency import Replay
from chassis.identity import AccessTokens, EndedSessions, ServiceTokens
from chassis.status import to_status
from chassis.telemetry import context, metrics, traces

log = logging.getLogger(__name__)

CALLER_HEADER = "x-fitnesshub-caller"
HTTP_STATUS_HEADER = "x-http-code"
DEADLINE_SHAVE = 0.02
"""Seconds taken off a caller's deadline, so that we still get to report our own time-out (Boulder's figure)."""
CLOCK_SLACK = 0.05
"""Seconds by which the event loop's timers may be ahead of the clock; more, and a TimeoutError is the handler's own."""
MAX_CALLS = 2000
"""Calls in flight in one process before new unary ones are refused: about a second's worth of work."""

_IDEMPOTENCY_KEY = re.compile(r"[\x21-\x7e]{1,128}")
_OK = 0
_CANCELLED = 1

current_call: ContextVar[Call | None] = ContextVar("current_call", default=None)
"""The call being answered; channels forward its identity, deadline and trace."""


@dataclass(frozen=True)
class Guards:
    """The parts of a process that decide who is calling."""

    access_tokens: AccessTokens
    service_tokens: ServiceTokens
    ended_sessions: EndedSessions


class Pipeline:
    """All methods that a process hosts, by full path."""

    def __init__(self, contract: Contract, guards: Guards, record: audit.Record) -> None:
        """record: puts audited calls into the trail that didn't do so themselves."""
        self.contract = contract
        self.endpoints: dict[str, Endpoint] = {}
        self.active = 0
        self.streams = streams.Streams()
        self._guards = guards
        self._record = record
        self._http_status = {
            name: str(reason.http_status) for name, reason in contract.reasons.items() if reason.http_status
        }

    def add(self, service: ServiceDescriptor, implementation: object) -> None:
        """Compiles every method of a proto service.

        Raises ContractError when the implementation lacks one, or the contract doesn't know the service.
        """
        for descriptor in service.methods:
            path = f"/{service.full_name}/{descriptor.name}"
            if path not in self.contract.methods:
                raise ContractError(f"{descriptor.full_name} isn't in the contract")
            name = snake_case(descriptor.name)
            handler = getattr(implementation, name, None)
            if handler is None:
                raise ContractError(f"{type(implementation).__name__} lacks {name}, which {descriptor.full_name} needs")
            self.endpoints[path] = self._compile(self.contract.methods[path], handler)

    def _compile(self, method: Method, handler: Callable[..., Any]) -> Endpoint:
        if method.descriptor.server_streaming:
            return Endpoint(method, None, self._compile_stream(method, handler))
        unary = self._compile_unary(method, handler)
        if method.policy.audited:
            unary = audit.audited(method.descriptor.input_type, unary, self._record)
        return Endpoint(method, unary, None)

    def _compile_unary(self, method: Method, handler: Callable[..., Any]) -> Unary:
        admit = self._compile_admission(method)
        decode = compile_decoding(method)
        fail = self._fail
        service = method.host or "mesh"
        observe = metrics.bind(service, method.descriptor.name).observe
        response_class = GetMessageClass(method.descriptor.output_type)
        clock = time.monotonic

        async def invoke(payload: Payload, incoming: Incoming) -> bytes:
            started = clock()
            code = _OK
            call = _begin(method, incoming)
            token = current_call.set(call)
            scope = traces.start(call, service)
            self.active += 1
            try:
                if self.active > MAX_CALLS:
                    raise Unavailable("OVERLOADED", "this server has more calls than it takes; try again")
                left = _time_left(method, call, started)
                async with asyncio.timeout(left):
                    admit(call, payload)
                    result = await handler(decode(payload), call)
                if type(result) is Wire:
                    return result.data
                if type(result) is not response_class:
                    raise TypeError(f"{method.path} answered with {type(result).__name__}")
                return result.SerializeToString()
            except Replay as replay:
                call.response_metadata["idempotency-replayed"] = "true"
                if replay.http_status:
                    call.response_metadata[HTTP_STATUS_HEADER] = replay.http_status
                return replay.response
            except BaseException as error:
                status = fail(method, call, error)
                code = status.code
                if isinstance(error, asyncio.CancelledError):
                    raise
                raise status from error
            finally:
                self.active -= 1
                observe(code, clock() - started)
                traces.finish(call, code, started)
                context.unbind(scope)
                current_call.reset(token)

        return invoke

    def _compile_stream(self, method: Method, handler: Callable[..., Any]) -> Stream:
        admit = self._compile_admission(method)
        decode = compile_decoding(method)
        service = method.host or "mesh"
        observe = metrics.bind(service, method.descriptor.name).observe
        has_control = streams.carries_control(method.descriptor.output_type)
        download = streams.is_download(method.descriptor.output_type)

        async def invoke(payload: Payload, incoming: Incoming) -> AsyncGenerator[bytes, None]:
            started = time.monotonic()
            code = _OK
            begun = False
            call = _begin(method, incoming)
            token = current_call.set(call)
            scope = traces.start(call, service)
            over_rest = call.metadata.get(streams.HEADER) == streams.OVER_REST
            in_band = has_control and over_rest
            self.active += 1
            try:
                _time_left(method, call, started)
                if over_rest:
                    streams.leave_room(call)
                admit(call, payload)
                if call.identity is not None:
                    call.recheck = partial(self._identify, str(call.metadata["authorization"]))
                answers = self.streams.run(handler(decode(payload), call), call, heartbeats=in_band, download=download)
                async with aclosing(answers):
                    async for message in answers:
                        begun = True
                        yield message.data if type(message) is Wire else message.SerializeToString()
                if in_band:
                    yield streams.end()
            except GeneratorExit:
                code = _CANCELLED
                raise
            except BaseException as error:
                status = self._fail(method, call, error)
                code = status.code
                if isinstance(error, asyncio.CancelledError):
                    raise
                if not (over_rest and begun):
                    raise status from error
                yield streams.end(status.details) if in_band else streams.CUT
            finally:
                self.active -= 1
                observe(code, time.monotonic() - started)
                traces.finish(call, code, started)
                context.unbind(scope)
                # A generator closed from another context can't reset the variable there, nor need it.
                with suppress(ValueError):
                    current_call.reset(token)

        return invoke

    def _compile_admission(self, method: Method) -> Callable[[Call, Payload], None]:
        """Identity and access: sets who calls, or raises."""
        access = method.policy.access
        callers = frozenset(method.policy.callers)
        roles = method.roles
        is_public = access == policy_pb2.ACCESS_PUBLIC
        is_for_services = access == policy_pb2.ACCESS_SERVICE
        takes_key = method.takes_idempotency_key
        verify_service = self._guards.service_tokens.verify
        identify = self._identify

        def admit(call: Call, payload: Payload) -> None:
            metadata = call.metadata
            if not call.caller and (service_token := metadata.get(CALLER_HEADER)):
                call.caller = verify_service(str(service_token))
            if call.caller and call.caller not in callers:
                raise PermissionDenied(
                    "CALLER_NOT_ALLOWED", f"the service {call.caller} may not call this", caller=call.caller
                )
            if authorization := metadata.get("authorization"):
                try:
                    call.identity = identify(str(authorization))
                except Unauthenticated as problem:
                    if not (is_public or is_for_services):
                        raise
                    call.identity_problem = problem
            if is_for_services:
                if not call.caller:
                    raise PermissionDenied("CALLER_NOT_ALLOWED", "only services may call this")
            elif not is_public:
                _check_user(call, roles)
            if takes_key and (key := metadata.get("idempotency-key")) is not None:
                _take_key(call, key, payload)

        return admit

    def _identify(self, authorization: str) -> Identity:
        """Who the authorization header proves. Raises Unauthenticated."""
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Unauthenticated(
                "UNAUTHENTICATED", "the authorization header must be: Bearer, a space, the access token"
            )
        identity = self._guards.access_tokens.verify(token.strip())
        if self._guards.ended_sessions.contains(identity.session_id):
            raise Unauthenticated("SESSION_ENDED", "this session has ended; sign in again")
        return identity

    def _fail(self, method: Method, call: Call, error: BaseException) -> StatusError:
        """The status of any exception; the only place where unknown ones become INTERNAL."""
        if isinstance(error, Failure):
            failure = error
        elif isinstance(error, TimeoutError) and (call.time_remaining() or 0.0) < CLOCK_SLACK:
            failure = DeadlineExceeded("DEADLINE_EXCEEDED", "the time for this call ran out")
        elif isinstance(error, asyncio.CancelledError):
            failure = Cancelled("CANCELLED", "the caller went away")
        else:
            log.error("unhandled error in %s", method.path, exc_info=error)
            failure = Internal("INTERNAL", "something went wrong on our side; the request id finds it in the log")
        code, message, details = to_status(failure, call.request_id)
        metadata = call.response_metadata
        metadata.pop(HTTP_STATUS_HEADER, None)
        if failure.reason in self._http_status:
            metadata[HTTP_STATUS_HEADER] = self._http_status[failure.reason]
        return StatusError(code, message, details, metadata)


def _check_user(call: Call, roles: frozenset[str]) -> None:
    if call.identity is None:
        raise Unauthenticated("UNAUTHENTICATED", "this call needs an access token")
    if roles and roles.isdisjoint(call.identity.roles):
        names = ", ".join(sorted(roles))
        raise PermissionDenied("ROLE_REQUIRED", f"this call needs one of the roles: {names}", roles=names)


def _take_key(call: Call, key: str | bytes, payload: Payload) -> None:
    if not isinstance(key, str) or not _IDEMPOTENCY_KEY.fullmatch(key):
        raise InvalidArgument(
            "IDEMPOTENCY_KEY_INVALID", "the Idempotency-Key must be 1 to 128 printable ASCII characters"
        )
    call.idempotency_key = key
    if isinstance(payload, bytes):
        call.request_hash = hashlib.sha256(payload).digest()


def _begin(method: Method, incoming: Incoming) -> Call:
    metadata = incoming.metadata
    get = metadata.get
    call = Call(
        method=method.path,
        caller=incoming.caller,
        deadline=incoming.deadline,
        request_id=str(get("x-request-id", "")),
        attempt=_attempt(get("x-envoy-attempt-count")),
        locale=str(get("accept-language", "")) or "en",
        peer_ip=str(get("x-envoy-external-address", "")) or incoming.peer,
        traceparent=str(get("traceparent", "")),
        metadata=metadata,
        response_metadata=incoming.response_metadata,
        audited=method.policy.audited,
        targets=incoming.targets,
    )
    incoming.call = call
    return call


def _attempt(text: str | bytes | None) -> int:
    return int(text) if isinstance(text, str) and text.isdecimal() and len(text) < 4 else 1


def _time_left(method: Method, call: Call, now: float) -> float:
    """Seconds the handler may take; sets the call's deadline. Raises DeadlineExceeded when there are none."""
    left = method.timeout
    if call.deadline is not None:
        left = min(left, call.deadline - now - DEADLINE_SHAVE)
        if left <= 0:
            raise DeadlineExceeded("DEADLINE_EXCEEDED", "the time for this call had run out when it arrived")
    call.deadline = now + left
    return left


def snake_case(name: str) -> str:
    """`CreateWorkout` as `create_workout`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
