"""JSON schemas of single values: what protobuf's JSON mapping makes of a type, and what a field's rules ask of it."""

import math

from fitnesshub.options.v1 import rules_pb2
from google.protobuf.descriptor import FieldDescriptor

from chassis.edge.envoy_types import Json

_UUID = "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"
_SOMETHING = r"\S"
"""What a string that must not be blank matches."""
_SIGNED_64: Json = {"type": "string", "format": "int64", "pattern": "^-?[0-9]{1,19}$"}
_UNSIGNED_64: Json = {"type": "string", "format": "uint64", "pattern": "^[0-9]{1,20}$"}
_SIGNED_32: Json = {"type": "integer", "format": "int32"}
_UNSIGNED_32: Json = {"type": "integer", "format": "int32", "minimum": 0}
_NUMBER: Json = {"type": "number", "format": "double"}

_F = FieldDescriptor
_TYPES: dict[int, Json] = {
    _F.TYPE_BOOL: {"type": "boolean"},
    _F.TYPE_STRING: {"type": "string"},
    _F.TYPE_BYTES: {"type": "string", "contentEncoding": "base64"},
    _F.TYPE_DOUBLE: _NUMBER,
    _F.TYPE_FLOAT: {"type": "number", "format": "float"},
    **dict.fromkeys((_F.TYPE_INT32, _F.TYPE_SINT32, _F.TYPE_SFIXED32), _SIGNED_32),
    **dict.fromkeys((_F.TYPE_UINT32, _F.TYPE_FIXED32), _UNSIGNED_32),
    **dict.fromkeys((_F.TYPE_INT64, _F.TYPE_SINT64, _F.TYPE_SFIXED64), _SIGNED_64),
    **dict.fromkeys((_F.TYPE_UINT64, _F.TYPE_FIXED64), _UNSIGNED_64),
}
_P = "google.protobuf."
WELL_KNOWN: dict[str, Json] = {
    f"{_P}Timestamp": {"type": "string", "format": "date-time"},
    f"{_P}Duration": {"type": "string", "pattern": r"^-?[0-9]{1,12}(\.[0-9]{1,9})?s$"},
    f"{_P}FieldMask": {"type": "string"},
    f"{_P}Struct": {"type": "object", "additionalProperties": True},
    f"{_P}Value": {},
    f"{_P}ListValue": {"type": "array", "items": {}},
    f"{_P}Empty": {"type": "object"},
    f"{_P}Any": {"type": "object", "properties": {"@type": {"type": "string"}}, "additionalProperties": True},
    f"{_P}BoolValue": {"type": "boolean"},
    f"{_P}StringValue": {"type": "string"},
    f"{_P}BytesValue": {"type": "string", "contentEncoding": "base64"},
    f"{_P}DoubleValue": _NUMBER,
    f"{_P}FloatValue": {"type": "number", "format": "float"},
    f"{_P}Int32Value": _SIGNED_32,
    f"{_P}UInt32Value": _UNSIGNED_32,
    f"{_P}Int64Value": _SIGNED_64,
    f"{_P}UInt64Value": _UNSIGNED_64,
    "google.rpc.Status": {"$ref": "#/components/schemas/Status"},
}
"""Google's messages that have a JSON form, or a schema, of their own."""
FREE_JSON = (f"{_P}Struct", f"{_P}Value", f"{_P}ListValue", f"{_P}Any")
"""Those that a query parameter can't hold."""

FORMATS: dict[str, Json] = {
    "FORMAT_UUID": {"format": "uuid", "pattern": _UUID},
    "FORMAT_EMAIL": {"format": "email"},
    "FORMAT_URI": {"format": "uri", "pattern": "^[Hh][Tt][Tt][Pp][Ss]?://"},
    "FORMAT_TIME_ZONE": {"pattern": _SOMETHING},
    "FORMAT_LANGUAGE": {"pattern": "^[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?$"},
    "FORMAT_DATE": {"format": "date"},
}
"""What JSON Schema can say of a format; the comment of its field says the rest."""


def plain_value(field: FieldDescriptor, *, declared_names: bool) -> Json:
    """The schema of a scalar, whatever its rules. `declared_names`: in a dialect, 64-bit integers are numbers."""
    schema = _TYPES[field.type]
    if declared_names and schema.get("format") in ("int64", "uint64"):
        return {"type": "integer", "format": "int64"}
    return dict(schema)


def ruled_value(field: FieldDescriptor, rules: rules_pb2.Rules, *, required: bool, declared_names: bool) -> Json:
    """The schema of a scalar in a request. `required`: it stands alone, and isn't to be its type's zero."""
    schema = plain_value(field, declared_names=declared_names)
    if field.type == _F.TYPE_STRING:
        return schema | _text(rules, required=required)
    if field.type == _F.TYPE_BYTES:
        return schema | _base64(rules)
    if schema["type"] in ("integer", "number"):
        schema |= _bounds(rules, whole=schema["type"] == "integer")
        if required and not field.has_presence:
            schema["not"] = {"const": 0}
    return schema


def _text(rules: rules_pb2.Rules, *, required: bool) -> Json:
    schema: Json = {}
    shape = FORMATS.get(rules_pb2.Format.Name(rules.format), {})
    fewest = max(rules.min_length, 1 if required else 0)
    if fewest and "format" not in shape:
        schema["minLength"] = fewest
    if rules.HasField("max_length"):
        schema["maxLength"] = rules.max_length
    if rules.pattern:
        schema["pattern"] = f"^(?:{rules.pattern})$"
    elif required:
        schema["pattern"] = _SOMETHING
    return schema | shape


def _base64(rules: rules_pb2.Rules) -> Json:
    if not rules.HasField("max_length"):
        return {}
    return {"maxLength": (rules.max_length + 2) // 3 * 4}


def _bounds(rules: rules_pb2.Rules, *, whole: bool) -> Json:
    schema: Json = {}
    if rules.HasField("min"):
        schema["minimum"] = _number(math.ceil(rules.min) if whole else rules.min)
    if rules.HasField("max"):
        schema["maximum"] = _number(math.floor(rules.max) if whole else rules.max)
    return schema


def _number(value: float) -> float:
    """Without a fraction of zero, which JSON would show."""
    return int(value) if float(value).is_integer() else value
