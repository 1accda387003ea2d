"""Operations: one for each HTTP binding of an RPC."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from google.protobuf.descriptor import ServiceDescriptor

from chassis.contract import DEFAULT_MAX_REQUEST_BYTES, Access, Contract, HttpBinding, Method
from chassis.edge.envoy_types import Json
from chassis.edge.limits import BY_CLASS, rate_class
from chassis.openapi.comments import sentences
from chassis.openapi.examples import Examples
from chassis.openapi.media import media_of
from chassis.openapi.parameters import operation_parameters, path_key
from chassis.openapi.responses import Responses

BEARER = "bearerAuth"


@dataclass(frozen=True)
class Operations:
    """Describes all operations of a contract."""

    contract: Contract
    responses: Responses

    def paths(self) -> Json:
        """The `paths` of the document, sorted."""
        found: Json = {}
        ids = operation_ids(self.contract)
        for method, number, binding in bindings(self.contract):
            item = found.setdefault(path_key(binding, method), {})
            operation_id = ids[method.path] + (str(number) if number > 1 else "")
            item[binding.verb.lower()] = self._operation(method, binding, operation_id)
        return dict(sorted(found.items()))

    def _operation(self, method: Method, binding: HttpBinding, operation_id: str) -> Json:
        bodies = self.responses.bodies
        names = media_of(method.descriptor).declared_names
        summary, rest = bodies.schemas.comments.summary(method.descriptor.full_name, declared_names=names)
        operation: Json = {
            "operationId": operation_id,
            "summary": summary,
            "description": sentences([rest, *_notes(method)]),
            "tags": [tag_of(method.descriptor.containing_service, bodies.examples)],
            "security": _security(method),
        }
        if parameters := list(operation_parameters(self.contract, method, binding, bodies)):
            operation["parameters"] = parameters
        if body := bodies.request(method, binding):
            operation["requestBody"] = body
        return operation | {"responses": self.responses.of(method, binding)}


def bindings(contract: Contract) -> Iterator[tuple[Method, int, HttpBinding]]:
    """Every method that can be called over REST with each of its bindings, numbered from 1, by path of the method."""
    for path in sorted(contract.methods):
        method = contract.methods[path]
        if method.policy.access != Access.ACCESS_SERVICE:
            for number, binding in enumerate(method.http, 1):
                yield method, number, binding


def tag_of(service: ServiceDescriptor, examples: Examples) -> str:
    """What the page calls a proto service."""
    return examples.tags.get(service.name, service.name)


def operation_ids(contract: Contract) -> dict[str, str]:
    """Names of RPCs by full path: their own where no other RPC has it, else with the proto service's before it."""
    methods = {method.path: method for method, _, _ in bindings(contract)}
    used = Counter(method.descriptor.name for method in methods.values())
    return {
        path: method.descriptor.name
        if used[method.descriptor.name] == 1
        else f"{method.descriptor.containing_service.name}_{method.descriptor.name}"
        for path, method in methods.items()
    }


def _security(method: Method) -> list[Json]:
    """A token where it is needed or changes the answer; elsewhere none is asked for, as pages draw a lock for it."""
    token: Json = {BEARER: []}
    if method.policy.access != Access.ACCESS_PUBLIC:
        return [token]
    return [{}, token] if method.policy.personal else []


def _notes(method: Method) -> Iterator[str]:
    if method.roles:
        roles = " or ".join(f"`{role}`" for role in sorted(method.roles))
        yield f"Needs the role {roles}."
    if method.max_request_bytes != DEFAULT_MAX_REQUEST_BYTES:
        yield f"The request may be {method.max_request_bytes:,} bytes long."
    limits = "No rate limit."
    if name := rate_class(method):
        limit = BY_CLASS[name]
        limits = f"Rate class {name}: {limit.calls} calls in {limit.seconds:g} s for a user."
    yield f"{limits} Takes at most {method.timeout:g} s. Over gRPC: `{method.path[1:]}`."
