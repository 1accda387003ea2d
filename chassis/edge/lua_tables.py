"""What the Lua filter knows of the contract: calls by path, messages field by field, enums, reasons."""

from collections.abc import Iterable, Iterator

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor

from chassis.contract import Access, Contract, ContractError, Method
from chassis.edge.envoy_types import Json
from chassis.edge.files import LINE
from chassis.edge.paths import parse_template
from chassis.errors import InvalidArgument, NotFound, ResourceExhausted, Unimplemented
from chassis.status import DOMAIN

RAW = "google.api.HttpBody"
REFUSALS = (
    NotFound("ROUTE_NOT_FOUND", ""),
    Unimplemented("METHOD_NOT_ALLOWED", ""),
    InvalidArgument("UNSUPPORTED_MEDIA_TYPE", ""),
    InvalidArgument("MALFORMED_REQUEST", ""),
    InvalidArgument("INVALID_REQUEST", ""),
    ResourceExhausted("REQUEST_TOO_LARGE", ""),
)
"""What the filter answers with. The words are in the Lua files, as they name what is wrong."""
_HTTP_STATUSES = {3: 400, 5: 404}
"""Of the codes of REFUSALS, for reasons that declare none."""
_SCALARS = {
    FieldDescriptor.TYPE_STRING: "string",
    FieldDescriptor.TYPE_BYTES: "bytes",
    FieldDescriptor.TYPE_BOOL: "bool",
    FieldDescriptor.TYPE_DOUBLE: "double",
    FieldDescriptor.TYPE_FLOAT: "float",
    FieldDescriptor.TYPE_INT32: "int32",
    FieldDescriptor.TYPE_SINT32: "int32",
    FieldDescriptor.TYPE_SFIXED32: "int32",
    FieldDescriptor.TYPE_UINT32: "uint32",
    FieldDescriptor.TYPE_FIXED32: "uint32",
    FieldDescriptor.TYPE_INT64: "int64",
    FieldDescriptor.TYPE_SINT64: "int64",
    FieldDescriptor.TYPE_SFIXED64: "int64",
    FieldDescriptor.TYPE_UINT64: "uint64",
    FieldDescriptor.TYPE_FIXED64: "uint64",
}
_WELL_KNOWN = {
    "google.protobuf.Timestamp": "timestamp",
    "google.protobuf.Duration": "duration",
    "google.protobuf.FieldMask": "mask",
    RAW: "object",  # where it isn't the body
    "google.protobuf.Struct": "object",
    "google.protobuf.ListValue": "list",
    "google.protobuf.Value": "value",
    "google.protobuf.StringValue": "string",
    "google.protobuf.BytesValue": "bytes",
    "google.protobuf.BoolValue": "bool",
    "google.protobuf.DoubleValue": "double",
    "google.protobuf.FloatValue": "float",
    "google.protobuf.Int32Value": "int32",
    "google.protobuf.UInt32Value": "uint32",
    "google.protobuf.Int64Value": "int64",
    "google.protobuf.UInt64Value": "uint64",
}
"""Types with a JSON form of their own, and the kind of value that is."""
_UNSUPPORTED = ("google.protobuf.Any", "google.protobuf.NullValue")
"""Their JSON forms aren't read here; nothing needs them."""


def lua_tables(contract: Contract) -> Json:
    """The tables. Raises ContractError when a request has a field whose JSON form isn't known here."""
    methods = [contract.methods[path] for path in sorted(contract.methods)]
    methods = [method for method in methods if method.http and method.policy.access != Access.ACCESS_SERVICE]
    messages = _messages(method.descriptor.input_type for method in methods)
    enums = {each.full_name: each for message in messages for each in _enums(message)}
    return {
        "domain": DOMAIN,
        "reasons": {failure.reason: _reason(contract, failure.reason) for failure in REFUSALS},
        "enums": {name: {each.name: each.number for each in enums[name].values} for name in sorted(enums)},
        "messages": {message.full_name: [_field(field) for field in message.fields] for message in messages},
        "calls": [call for method in methods for call in _calls(method)],
    }


def to_lua(content: object, indent: str = "") -> str:
    """A Lua table constructor or literal. What holds no other named values stands on one line, if it fits."""
    match content:
        case bool():
            return str(content).lower()
        case int():
            return str(content)
        case str():
            return '"' + content.replace("\\", "\\\\").replace('"', '\\"') + '"'
        case dict():
            items = [f"{_key(key)} = {to_lua(value, indent + '  ')}" for key, value in content.items()]
        case list():
            items = [to_lua(value, indent + "  ") for value in content]
        case _:
            raise TypeError(f"no Lua for {content!r}")
    values = content.values() if isinstance(content, dict) else content
    line = "{ " + ", ".join(items) + " }" if items else "{}"
    if len(indent) + len(line) > LINE or "\n" in line or any(isinstance(value, dict) for value in values):
        return "{\n" + "".join(f"{indent}  {item},\n" for item in items) + indent + "}"
    return line


def _key(name: str) -> str:
    return name if name.isidentifier() else f'["{name}"]'


def _reason(contract: Contract, name: str) -> Json:
    reason = contract.reasons[name]
    return {"code": reason.code, "status": reason.http_status or _HTTP_STATUSES[reason.code]}


def _calls(method: Method) -> Iterator[Json]:
    request = method.descriptor.input_type
    for binding in method.http:
        template = parse_template(binding.template)
        call: Json = {"method": binding.verb, "path": "/".join(template.segments), "request": request.full_name}
        if template.custom_verb:
            call["verb"] = template.custom_verb
        if binding.body:
            call["body"] = _json_name(request, binding.body)
        if template.variables:
            call["bound"] = [_json_path(request, variable) for variable in template.variables]
        if _is_raw(request, binding.body) or method.descriptor.client_streaming:
            call["raw"] = True
        if not method.descriptor.client_streaming:
            call["most"] = method.max_request_bytes
        yield call


def _json_path(message: Descriptor, path: str) -> str:
    """`workout.start_time` as `workout.startTime`."""
    name, _, rest = path.partition(".")
    field = message.fields_by_name[name]
    return f"{field.json_name}.{_json_path(field.message_type, rest)}" if field.message_type else field.json_name


def _json_name(request: Descriptor, body: str) -> str:
    return body if body == "*" else request.fields_by_name[body].json_name


def _is_raw(request: Descriptor, body: str) -> bool:
    kind = request if body == "*" else request.fields_by_name[body].message_type if body else None
    return kind is not None and kind.full_name == RAW


def _messages(roots: Iterable[Descriptor]) -> list[Descriptor]:
    """The messages and all in them, by name; without those that have a JSON form of their own."""
    found: dict[str, Descriptor] = {}
    waiting = list(roots)
    while waiting:
        message = waiting.pop()
        if message.full_name in found or message.full_name in _WELL_KNOWN:
            continue
        found[message.full_name] = message
        waiting += [value.message_type for field in message.fields if (value := _value(field)).message_type]
    return [found[name] for name in sorted(found)]


def _entry(field: FieldDescriptor) -> Descriptor | None:
    """Of a map the message of its entries, else None."""
    kind = field.message_type
    return kind if kind is not None and kind.GetOptions().map_entry else None


def _value(field: FieldDescriptor) -> FieldDescriptor:
    """Of a map the field of its values, else the field itself."""
    entry = _entry(field)
    return entry.fields_by_name["value"] if entry else field


def _enums(message: Descriptor) -> Iterator[EnumDescriptor]:
    for field in message.fields:
        kind = _value(field).enum_type
        if kind is not None:
            yield kind


def _field(field: FieldDescriptor) -> Json:
    known: Json = {"name": field.json_name} | _kind(_value(field))
    if field.name != field.json_name:
        known["other"] = field.name
    entry = _entry(field)
    if entry:
        known["keys"] = _SCALARS[entry.fields_by_name["key"].type]
    elif field.is_repeated:
        known["list"] = True
    choice = field.containing_oneof
    # For an `optional` field protoc makes a oneof of one.
    if choice is not None and len(choice.fields) > 1:
        known["choice"] = choice.name
    return known


def _kind(value: FieldDescriptor) -> Json:
    kind = value.message_type or value.enum_type
    if kind is None:
        return {"kind": _SCALARS[value.type]}
    if kind.full_name in _UNSUPPORTED:
        raise ContractError(f"{value.full_name}: the edge doesn't read a {kind.full_name} from JSON")
    if value.enum_type is not None:
        return {"kind": "enum", "of": kind.full_name}
    if kind.full_name in _WELL_KNOWN:
        return {"kind": _WELL_KNOWN[kind.full_name]}
    return {"kind": "message", "of": kind.full_name}
