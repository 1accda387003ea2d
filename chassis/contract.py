"""The contract as data: methods, policies, reasons, read from descriptors.

The one reader of our proto options. The pipeline (at start), the edge generators and the contract tests
all go through it, so that an option means the same everywhere.
"""

import importlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import fitnesshub
from fitnesshub.options.v1 import policy_pb2
from google.api import annotations_pb2, http_pb2
from google.protobuf import descriptor_pb2
from google.protobuf.descriptor import EnumDescriptor, FileDescriptor, MethodDescriptor, ServiceDescriptor

Access = policy_pb2.Access
TIMEOUTS = {
    policy_pb2.TIMEOUT_CLASS_UNSPECIFIED: 5.0,
    policy_pb2.TIMEOUT_CLASS_INTERACTIVE: 5.0,
    policy_pb2.TIMEOUT_CLASS_BULK: 60.0,
    policy_pb2.TIMEOUT_CLASS_STREAM: 3600.0,
}
"""Seconds by timeout class; 5 s is the seed's."""
DEFAULT_MAX_REQUEST_BYTES = 1 << 20
ROLE_NAMES = {number: name.removeprefix("ROLE_").lower() for name, number in policy_pb2.Role.items() if number}
"""Role names as they stand in access tokens, by enum number."""
SHARED_REASONS_ENUM = "fitnesshub.mesh.v1.ErrorReason"


class ContractError(Exception):
    """The contract itself is wrong: no policy, an impossible one, colliding paths."""


@dataclass(frozen=True)
class HttpBinding:
    """One REST mapping of a method."""

    verb: str
    """Upper-case HTTP method."""
    template: str
    """Path template, as `/api/v1/workouts/{workout_id}`."""
    body: str
    """Request field that the body fills, `*` for the whole message, empty for none."""


@dataclass(frozen=True)
class Method:
    """One RPC with everything the contract says about it."""

    descriptor: MethodDescriptor
    policy: policy_pb2.Policy

    @cached_property
    def path(self) -> str:
        """As `/fitnesshub.workout.v1.WorkoutService/GetWorkout`."""
        return f"/{self.descriptor.containing_service.full_name}/{self.descriptor.name}"

    @cached_property
    def host(self) -> str:
        """Name of the service (folder) that hosts it; empty when every process does."""
        return host_of(self.descriptor.containing_service)

    @cached_property
    def timeout(self) -> float:
        """Seconds the call may take."""
        if self.policy.HasField("timeout"):
            return self.policy.timeout.seconds + self.policy.timeout.nanos / 1e9
        return TIMEOUTS[self.policy.timeout_class]

    @cached_property
    def max_request_bytes(self) -> int:
        """Largest request message."""
        return self.policy.max_request_bytes or DEFAULT_MAX_REQUEST_BYTES

    @cached_property
    def roles(self) -> frozenset[str]:
        """Role names of which one is needed."""
        return frozenset(ROLE_NAMES[role] for role in self.policy.roles)

    @cached_property
    def is_read(self) -> bool:
        """Without side effects."""
        return self._idempotency == descriptor_pb2.MethodOptions.NO_SIDE_EFFECTS

    @cached_property
    def is_retriable(self) -> bool:
        """Safe to repeat as it is: a read, or declared idempotent."""
        return self._idempotency != descriptor_pb2.MethodOptions.IDEMPOTENCY_UNKNOWN

    @cached_property
    def takes_idempotency_key(self) -> bool:
        """An Idempotency-Key makes a repeat return the first answer."""
        return not self.is_read and not self.policy.no_idempotency_record and not self.is_streaming

    @cached_property
    def is_streaming(self) -> bool:
        """Either side streams."""
        return self.descriptor.client_streaming or self.descriptor.server_streaming

    @cached_property
    def http(self) -> tuple[HttpBinding, ...]:
        """REST mappings, the main one first; empty when the method has none."""
        options = self.descriptor.GetOptions()
        if not options.HasExtension(annotations_pb2.http):
            return ()
        rule = options.Extensions[annotations_pb2.http]
        return tuple(_binding(each) for each in (rule, *rule.additional_bindings))

    @property
    def _idempotency(self) -> int:
        return self.descriptor.GetOptions().idempotency_level


@dataclass(frozen=True)
class Reason:
    """An `ErrorReason` value and the status it is sent with."""

    name: str
    code: int
    http_status: int
    """0 when the code's own HTTP status applies."""
    enum: str
    comment: str = ""


@dataclass(frozen=True)
class Contract:
    """All methods and reasons of a set of proto files."""

    methods: dict[str, Method]
    """By full path."""
    reasons: dict[str, Reason]
    """By name. Names are unique over the whole contract."""
    files: tuple[FileDescriptor, ...]

    def hosts(self) -> list[str]:
        """Names of the services, sorted, without the empty one."""
        return sorted({method.host for method in self.methods.values()} - {""})

    def services(self) -> list[ServiceDescriptor]:
        """Descriptors of the proto services, by full name."""
        services = [method.descriptor.containing_service for method in self.methods.values()]
        found = {service.full_name: service for service in services}
        return [found[name] for name in sorted(found)]


def _binding(rule: http_pb2.HttpRule) -> HttpBinding:
    verb = rule.WhichOneof("pattern") or ""
    if verb == "custom":
        return HttpBinding(rule.custom.kind.upper(), rule.custom.path, rule.body)
    return HttpBinding(verb.upper(), getattr(rule, verb), rule.body) if verb else HttpBinding("", "", rule.body)


def host_of(service: ServiceDescriptor) -> str:
    """The service folder that hosts a proto service; empty for those that every process hosts."""
    options = service.GetOptions()
    if options.HasExtension(policy_pb2.host):
        return options.Extensions[policy_pb2.host]
    domain = service.full_name.split(".")[1]
    return "" if domain == "mesh" else domain


def read_method(descriptor: MethodDescriptor) -> Method:
    """The method with its policy. Raises ContractError when it has none, or an impossible one."""
    options = descriptor.GetOptions()
    name = descriptor.full_name
    if not options.HasExtension(policy_pb2.policy):
        raise ContractError(f"{name} has no policy: declare option (fitnesshub.options.v1.policy)")
    method = Method(descriptor, options.Extensions[policy_pb2.policy])
    problems = list(_policy_problems(method))
    if problems:
        raise ContractError(f"{name}: " + "; ".join(problems))
    return method


def _policy_problems(method: Method) -> Iterator[str]:
    policy = method.policy
    yield from _access_problems(method)
    if not 0.1 <= method.timeout <= 3600:
        yield "timeout must be between 100 ms and 1 h"
    if policy.success_status and not 200 <= policy.success_status <= 299:
        yield "success_status must be 2xx"
    if method.is_read and policy.no_idempotency_record:
        yield "no_idempotency_record means nothing on a read"
    if policy.audited and method.is_streaming:
        yield "audited doesn't cover streams"
    if len(set(policy.reasons)) != len(policy.reasons):
        yield "reasons are listed twice"
    for binding in method.http:
        if binding.verb == "GET" and not method.is_read:
            yield "GET needs idempotency_level = NO_SIDE_EFFECTS"
        if not binding.template.startswith("/"):
            yield "the HTTP path must start with /"


def _access_problems(method: Method) -> Iterator[str]:
    policy = method.policy
    if policy.access == policy_pb2.ACCESS_UNSPECIFIED:
        yield "access isn't given"
    if (policy.access == policy_pb2.ACCESS_ROLE) != bool(policy.roles):
        yield "roles go with ACCESS_ROLE, and only with it"
    if policy.personal and policy.access != policy_pb2.ACCESS_PUBLIC:
        yield "personal goes with ACCESS_PUBLIC: other access always depends on who asks"
    if policy_pb2.ROLE_UNSPECIFIED in policy.roles:
        yield "ROLE_UNSPECIFIED grants nothing"
    if policy.access == policy_pb2.ACCESS_SERVICE:
        if not policy.callers:
            yield "ACCESS_SERVICE without callers lets nobody in"
        if method.http:
            yield "ACCESS_SERVICE has no HTTP mapping"


def read_contract(files: Iterable[FileDescriptor]) -> Contract:
    """Reads all methods and reasons of the files. Raises ContractError on the first that is wrong."""
    methods: dict[str, Method] = {}
    reasons: dict[str, Reason] = {}
    kept = tuple(files)
    for file in kept:
        for service in file.services_by_name.values():
            for descriptor in service.methods:
                method = read_method(descriptor)
                methods[method.path] = method
        for enum in file.enum_types_by_name.values():
            if enum.name != "ErrorReason":
                continue
            for reason in _read_reasons(enum):
                if reason.name in reasons:
                    other = reasons[reason.name].enum
                    raise ContractError(f"reason {reason.name} is declared in {enum.full_name} and {other}")
                reasons[reason.name] = reason
    for method in methods.values():
        for name in method.policy.reasons:
            if name not in reasons:
                raise ContractError(f"{method.descriptor.full_name}: reason {name} is declared in no ErrorReason")
    return Contract(methods, reasons, kept)


def _read_reasons(enum: EnumDescriptor) -> Iterator[Reason]:
    for value in enum.values:
        if value.number == 0:
            continue
        options = value.GetOptions()
        if not options.HasExtension(policy_pb2.reason):
            name = f"{enum.full_name}.{value.name}"
            raise ContractError(f"{name} has no status: declare option (fitnesshub.options.v1.reason)")
        reason = options.Extensions[policy_pb2.reason]
        yield Reason(value.name, reason.code, reason.http_status, enum.full_name)


def load_contract() -> Contract:
    """The whole contract, from the generated stubs. Raises ContractError when it is wrong."""
    names = {
        f"fitnesshub.{'.'.join(path.relative_to(root).with_suffix('').parts)}"
        for root in map(Path, fitnesshub.__path__)
        for path in root.rglob("*_pb2.py")
    }
    return read_contract(importlib.import_module(name).DESCRIPTOR for name in sorted(names))
