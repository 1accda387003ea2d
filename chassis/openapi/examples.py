"""Examples for the document, made out of `proto/examples.json`, comments and rules; the same at every run.

What is real about them (names, weights, times) stands in that file, by field.
"""

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from fitnesshub.options.v1 import rules_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor

from chassis.edge.envoy_types import Json
from chassis.openapi.comments import Comments
from chassis.openapi.schemas import Use, is_required, json_name
from chassis.rule_values import key_and_element, rules_of

NOT_SENT = frozenset({"id", "etag", "page_token", "page_size"})
"""Fields that requests may carry and examples of them don't: made up, they would be refused."""
CHANGED = 2
"""Fields in the example of an update."""
_DEPTH = 8
_F = FieldDescriptor
_INTEGERS = frozenset({_F.CPPTYPE_INT32, _F.CPPTYPE_INT64, _F.CPPTYPE_UINT32, _F.CPPTYPE_UINT64})
_LONG = frozenset({_F.CPPTYPE_INT64, _F.CPPTYPE_UINT64})
_P = "google.protobuf."
_BY_TYPE: dict[str, Any] = {
    f"{_P}Timestamp": "2026-11-23T17:00:00Z",
    f"{_P}Duration": "60s",
    f"{_P}FieldMask": "",
    f"{_P}Struct": {},
    f"{_P}Value": "text",
    f"{_P}ListValue": [],
    f"{_P}Any": {"@type": "type.googleapis.com/google.protobuf.Empty"},
    "google.rpc.Status": {"code": 0, "message": "", "details": []},
}
_BY_FORMAT = {
    "FORMAT_EMAIL": "ada@example.org",
    "FORMAT_URI": "https://example.org/ada",
    "FORMAT_TIME_ZONE": "Europe/Berlin",
    "FORMAT_LANGUAGE": "en",
    "FORMAT_DATE": "1990-02-28",
}


class _NoExample(Exception):
    """No value that we have satisfies the rules of the field."""


@dataclass(frozen=True)
class Examples:
    """Makes examples of messages and values."""

    comments: Comments
    fields: dict[str, Any]
    """Values by field name, or by message and field as `Exercise.name`; null: left out where that may be."""
    enums: dict[str, str] = field(default_factory=dict)
    """Values by the name of the enum."""
    violations: dict[str, Json] = field(default_factory=dict)
    """A field violation by the reason that comes with one."""
    tags: dict[str, str] = field(default_factory=dict)
    """What the page calls proto services, in the order it shows them in."""

    def message(self, message: Descriptor, use: Use) -> Any:
        """An example of a message in JSON."""
        return self._message(message, use, ())

    def value(self, each: FieldDescriptor, use: Use) -> Any:
        """An example of a field's value; None when there is none that its rules allow."""
        try:
            return self._field(each, use, ())
        except _NoExample:
            return None

    def text(self, name: str) -> str:
        """An example of a string that has a name and nothing else, as in the metadata of errors."""
        snake = re.sub(r"(?<=[a-z0-9])([A-Z])", lambda found: "_" + found[1].lower(), name)
        return str(self.fields.get(snake) or _by_name(snake))

    def _message(self, message: Descriptor, use: Use, above: tuple[str, ...]) -> Any:
        if message.full_name in _BY_TYPE:
            return _BY_TYPE[message.full_name]
        found: Json = {}
        for each in self._chosen(message, use):
            if len(above) < _DEPTH and not (each.message_type and each.message_type.full_name in above):
                try:
                    found[json_name(each, use)] = self._field(each, use, (*above, message.full_name))
                except _NoExample:
                    if is_required(each, use):
                        found[json_name(each, use)] = _zero(each, use)
            elif is_required(each, use):
                found[json_name(each, use)] = _zero(each, use)
        return found

    def _chosen(self, message: Descriptor, use: Use) -> Iterator[FieldDescriptor]:
        """The fields an example shows: of those that exclude each other the first."""
        shown = 0
        for each in message.fields:
            group = each.containing_oneof
            if each.name in use.without or (group is not None and group.fields[0] is not each):
                continue
            if use.request and (rules_of(each).output_only or (each.name in NOT_SENT and not is_required(each, use))):
                continue
            if not use.request and each.message_type is not None and each.message_type.name == "StreamControl":
                continue
            if use.request and use.partial and (shown == CHANGED or each.message_type is not None):
                continue
            shown += 1
            yield each

    def _field(self, each: FieldDescriptor, use: Use, above: tuple[str, ...]) -> Any:
        if self.fields.get(_keys(each)[0], "") is None:
            raise _NoExample
        if not each.is_repeated:
            return self._single(each, each, replace(use, partial=use.partial or rules_of(each).partial), above)
        inner = replace(use, partial=False, without=frozenset())
        listed = self.fields.get(_keys(each)[0])
        if isinstance(listed, list | dict):
            return listed
        key, element = key_and_element(each)
        value = self._single(each, element, inner, above)
        return [value] if key is None else {"key" if key.type == _F.TYPE_STRING else "1": value}

    def _single(self, each: FieldDescriptor, element: FieldDescriptor, use: Use, above: tuple[str, ...]) -> Any:
        """The value of a field, or one element of it."""
        message, enum = element.message_type, element.enum_type
        known = [self.fields[name] for name in _keys(each) if name in self.fields]
        if message is not None:
            inside = frozenset(path.partition(".")[2] for path in use.without if path.startswith(f"{each.name}."))
            plain = message.full_name in _BY_TYPE and known
            return known[0] if plain else self._message(message, replace(use, without=inside), above)
        if enum is not None:
            return self.enums.get(enum.name, enum.values[min(1, len(enum.values) - 1)].name)
        if element.type == _F.TYPE_BOOL:
            return known[0] if known else True
        if element.type == _F.TYPE_BYTES:
            return known[0] if known else "AAEC"
        if element.type == _F.TYPE_STRING:
            named = _BY_FORMAT.get(_format(each)) or _by_name(_id_name(each), uuid=_format(each) == "FORMAT_UUID")
            given = [self.comments.example(each.full_name), named]
            texts = [one for one in known if isinstance(one, str)]
            if not use.request:
                return [*texts, *(one for one in given if one)][0]
            return _first_that_fits(each, [*texts, *given])
        number = _within(each, next((one for one in known if isinstance(one, int | float)), 1), element)
        return str(number) if element.cpp_type in _LONG and not use.declared_names else number


def read_examples(file: Path, comments: Comments) -> Examples:
    """The examples in a file."""
    content = json.loads(file.read_text())
    return Examples(comments, content["fields"], content["enums"], content["violations"], content["tags"])


def _keys(each: FieldDescriptor) -> tuple[str, str]:
    """Where values for a field are: the nearer place first."""
    owner = each.containing_type
    return f"{owner.name if owner else ''}.{each.name}", each.name


def _zero(each: FieldDescriptor, use: Use) -> Any:
    """What an answer holds when nothing is set."""
    if each.is_repeated:
        return {} if key_and_element(each)[0] else []
    if each.enum_type is not None:
        return each.enum_type.values[0].name
    if each.cpp_type in _LONG and not use.declared_names:
        return "0"
    return each.default_value


def _format(each: FieldDescriptor) -> str:
    return rules_pb2.Format.Name(rules_of(each).format)


def _id_name(each: FieldDescriptor) -> str:
    """What others call an `id`: that of Workout is their `workout_id`."""
    owner = each.containing_type
    if each.name != "id" or owner is None:
        return each.name
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", owner.name).lower() + "_id"


def _by_name(name: str, *, uuid: bool = False) -> str:
    """An id for what is called an id, a version-7 UUID that depends on the name only; else the name in words."""
    if uuid or name == "id" or name.endswith(("_id", "_ids")):
        digits = hashlib.sha256(name.encode()).hexdigest()
        return f"019ab1c2-d3e4-7{digits[:3]}-8{digits[3:6]}-{digits[6:18]}"
    return name.replace("_", " ")


def _first_that_fits(each: FieldDescriptor, values: list[str]) -> str:
    rules = rules_of(each)
    for value in values:
        long_enough = len(value) >= max(rules.min_length, 1)
        short_enough = not rules.HasField("max_length") or len(value) <= rules.max_length
        if long_enough and short_enough and (not rules.pattern or re.fullmatch(rules.pattern, value, re.ASCII)):
            return value
    raise _NoExample


def _within(each: FieldDescriptor, number: float, element: FieldDescriptor) -> float:
    rules = rules_of(each)
    if rules.HasField("min"):
        number = max(number, rules.min)
    if rules.HasField("max"):
        number = min(number, rules.max)
    whole = element.cpp_type in _INTEGERS or float(number).is_integer()
    return int(number) if whole else number
