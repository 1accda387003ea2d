"""Parameters of operations: path and query as Envoy's transcoder binds them, and the headers that mean something."""

from collections.abc import Iterator

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from chassis.contract import Contract, HttpBinding, Method
from chassis.edge.envoy_types import Json
from chassis.edge.paths import parse_template
from chassis.openapi.bodies import Bodies, request_use
from chassis.openapi.media import media_of
from chassis.openapi.scalars import FREE_JSON, WELL_KNOWN
from chassis.openapi.schemas import Use, is_required, json_name
from chassis.rule_values import rules_of

PARAMETERS = "#/components/parameters/"
HEADERS: dict[str, Json] = {
    "IdempotencyKey": {
        "name": "Idempotency-Key",
        "in": "header",
        "description": "Makes it safe to send the request again: for 24 hours the same key with the same request gets "
        "the first answer, with `Idempotency-Replayed: true`, and nothing is done twice.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 128, "pattern": r"^[\x21-\x7e]+$"},
    },
    "IfMatch": {
        "name": "If-Match",
        "in": "header",
        "description": 'The etag that was read, as `"M0pRk3ZbV2xQ"`: the change is refused with 412 when somebody '
        "else's came first. `*`, or no header: the last write wins.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 66, "pattern": r"^[\x21-\x7e]+$"},
    },
    "IfNoneMatch": {
        "name": "If-None-Match",
        "in": "header",
        "description": "The `ETag` of the copy at hand: the answer is 304, without a body, while nothing has changed.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 200, "pattern": r"^[\x20-\x7e]+$"},
    },
}
_LEVELS = 4
"""How deep query parameters reach into messages. Messages that contain themselves have no end."""

Leaf = tuple[tuple[FieldDescriptor, ...], Use]
"""The fields on the way to a value, and how the last one is used."""


def path_key(binding: HttpBinding, method: Method) -> str:
    """The path as OpenAPI writes it, with parameters named as in JSON."""
    path = binding.template
    use = request_use(method)
    template = parse_template(path)
    for variable in template.variables:
        start = path.index("{" + variable)
        name = dotted(_find(method.descriptor.input_type, variable), use)
        path = f"{path[:start]}{{{name}}}{path[path.index('}', start) + 1 :]}"
    return path


def operation_parameters(contract: Contract, method: Method, binding: HttpBinding, bodies: Bodies) -> Iterator[Json]:
    """Path parameters, query parameters, headers, in this order."""
    use = request_use(method)
    variables = parse_template(binding.template).variables
    for variable in variables:
        fields = _find(method.descriptor.input_type, variable)
        yield _parameter(fields, "path", use, bodies)
    for fields, inner in query_leaves(method, binding):
        yield _parameter(fields, "query", inner, bodies)
    for name in _header_names(contract, method):
        yield {"$ref": PARAMETERS + name}


def query_leaves(method: Method, binding: HttpBinding) -> Iterator[Leaf]:
    """Everything that a query parameter can set: fields that neither path nor body binds."""
    if binding.body != "*":
        bound = {*parse_template(binding.template).variables, binding.body}
        yield from _leaves(method.descriptor.input_type, (), bound, request_use(method))


def dotted(fields: tuple[FieldDescriptor, ...], use: Use) -> str:
    """The name of a parameter."""
    return ".".join(json_name(each, use) for each in fields)


def _leaves(message: Descriptor, above: tuple[FieldDescriptor, ...], bound: set[str], use: Use) -> Iterator[Leaf]:
    for each in message.fields:
        fields = (*above, each)
        if ".".join(one.name for one in fields) in bound or rules_of(each).output_only:
            continue
        kind = each.message_type
        if kind is None or (kind.full_name in WELL_KNOWN and kind.full_name not in FREE_JSON):
            yield fields, use
        elif not each.is_repeated and kind.full_name not in FREE_JSON and len(fields) < _LEVELS:
            inside = Use(request=True, partial=True, declared_names=use.declared_names)
            yield from _leaves(kind, fields, bound, inside)


def _parameter(fields: tuple[FieldDescriptor, ...], place: str, use: Use, bodies: Bodies) -> Json:
    schema = bodies.schemas.value(fields[-1], use)
    parameter: Json = {"name": dotted(fields, use), "in": place}
    if description := schema.pop("description", ""):
        parameter["description"] = description
    parameter["schema"] = schema
    # Only what must be given has an example: Swagger UI sends them.
    if place == "path" or is_required(fields[-1], use):
        parameter |= {"required": True, "example": bodies.examples.value(fields[-1], use)}
    return parameter


def _header_names(contract: Contract, method: Method) -> Iterator[str]:
    if method.takes_idempotency_key:
        yield "IdempotencyKey"
    if any(contract.reasons[name].http_status == 412 for name in method.policy.reasons):
        yield "IfMatch"
    if media_of(method.descriptor).conditional:
        yield "IfNoneMatch"


def _find(message: Descriptor, variable: str) -> tuple[FieldDescriptor, ...]:
    fields = []
    for name in variable.split("."):
        fields.append(message.fields_by_name[name])
        message = fields[-1].message_type or message
    return tuple(fields)
