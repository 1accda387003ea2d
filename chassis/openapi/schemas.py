"""JSON schemas of messages, one component for each way a message is used."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from fitnesshub.options.v1 import rules_pb2
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor

from chassis.contract import Contract
from chassis.edge.envoy_types import Json
from chassis.openapi.comments import Comments, sentences
from chassis.openapi.scalars import WELL_KNOWN, plain_value, ruled_value
from chassis.rule_values import key_and_element, rules_of

SCHEMAS = "#/components/schemas/"


@dataclass(frozen=True)
class Use:
    """How a message is used; each use has a schema of its own."""

    request: bool = False
    """Sent by callers: rules apply, and unknown members are refused."""
    partial: bool = False
    """In an update: absent means unchanged, so nothing is required."""
    declared_names: bool = False
    """In a dialect: members are named as declared."""
    without: frozenset[str] = frozenset()
    """Paths of fields that something else binds."""

    def suffix(self, message: Descriptor) -> str:
        """What the component's name ends with."""
        if not self.request:
            return ""
        if self.partial:
            return "Patch"
        return "" if self.declared_names or message.name.endswith("Request") else "Input"


ANSWER = Use()
REQUEST = Use(request=True)


@dataclass
class Schemas:
    """Makes schemas and keeps those that have a name."""

    comments: Comments
    names: dict[str, str]
    """Component name by full name of a message or enum of ours."""
    components: dict[str, Json] = field(default_factory=dict)
    _made: dict[tuple[str, Use], str] = field(default_factory=dict)

    def message(self, message: Descriptor, use: Use) -> Json:
        """A reference to the message's schema, or the schema of one with a JSON form of its own."""
        if message.full_name in WELL_KNOWN:
            return dict(WELL_KNOWN[message.full_name])
        key = message.full_name, use
        if key not in self._made:
            self._made[key] = self._free_name(self.names.get(message.full_name, message.name) + use.suffix(message))
            self.components[self._made[key]] = {}
            self.components[self._made[key]] = self._object(message, use)
        return {"$ref": SCHEMAS + self._made[key]}

    def value(self, each: FieldDescriptor, use: Use) -> Json:
        """The schema of a field's value, with its description."""
        description = self.comments.of(each.full_name, declared_names=use.declared_names)
        schema = self._value(each, use)
        if use.declared_names and not use.request and "type" in schema and not is_required(each, use):
            schema["type"] = [schema["type"], "null"]
        if rules_of(each).output_only:
            schema["readOnly"] = True
        return schema | ({"description": description} if description else {})

    def _value(self, each: FieldDescriptor, use: Use) -> Json:
        rules = rules_of(each) if use.request and not rules_of(each).output_only else rules_pb2.Rules()
        if not each.is_repeated:
            return self._single(each, rules, use, required=rules.required and not use.partial)
        key, element = key_and_element(each)
        # Elements are replaced, never merged.
        items = self._single(element, rules, replace(use, partial=False, without=frozenset()), required=False)
        if use.request and element.enum_type is not None:
            items["not"] = {"const": element.enum_type.values[0].name}
        if key is not None:
            return {"type": "object", "additionalProperties": items} | _sizes(rules, "Properties", use)
        return {"type": "array", "items": items} | _sizes(rules, "Items", use)

    def _single(self, each: FieldDescriptor, rules: rules_pb2.Rules, use: Use, *, required: bool) -> Json:
        if each.message_type is not None:
            inside = frozenset(path.partition(".")[2] for path in use.without if path.startswith(f"{each.name}."))
            return self.message(each.message_type, replace(use, partial=use.partial or rules.partial, without=inside))
        if each.enum_type is not None:
            schema = self._enum(each.enum_type)
            return schema | ({"not": {"const": each.enum_type.values[0].name}} if required else {})
        if use.request:
            return ruled_value(each, rules, required=required, declared_names=use.declared_names)
        return plain_value(each, declared_names=use.declared_names)

    def _enum(self, enum: EnumDescriptor) -> Json:
        name = self.names.get(enum.full_name, enum.name)
        if name not in self.components:
            listed = [f"- `{each.name}`: {self.comments.of(f'{enum.full_name}.{each.name}')}" for each in enum.values]
            description = sentences([self.comments.of(enum.full_name), "\n".join(listed)])
            self.components[name] = {
                "type": "string",
                "enum": [each.name for each in enum.values],
                "description": description,
            }
        return {"$ref": SCHEMAS + name}

    def _object(self, message: Descriptor, use: Use) -> Json:
        fields = [each for each in message.fields if each.name not in use.without]
        required = [json_name(each, use) for each in fields if is_required(each, use)]
        schema: Json = {
            "type": "object",
            "description": sentences([self.comments.of(message.full_name), *_alternatives(message, use)]),
            "properties": {json_name(each, use): self.value(each, use) for each in fields},
        }
        if required:
            schema["required"] = required
        if use.request:
            schema["additionalProperties"] = use.declared_names
        return schema

    def _free_name(self, name: str) -> str:
        number = 1
        free = name
        while free in self.components:
            number += 1
            free = f"{name}{number}"
        return free


def json_name(each: FieldDescriptor, use: Use) -> str:
    """What a field is called in JSON."""
    return each.name if use.declared_names else str(each.json_name)


def is_required(each: FieldDescriptor, use: Use) -> bool:
    """Whether a member must be there in a request, or is always there in an answer."""
    if use.request or use.declared_names:
        rules = rules_of(each)
        return rules.required and not use.partial and not rules.output_only
    # Envoy prints scalars, lists and maps also when they are zero or empty.
    return not each.has_presence


def component_names(contract: Contract) -> dict[str, str]:
    """Names of the components: a type's own name where it is the only one of that name, else with its domain."""
    types = [each.full_name for file in contract.files for each in _types(file.message_types_by_name.values())]
    types += [each.full_name for file in contract.files for each in file.enum_types_by_name.values()]
    types += [
        enum.full_name
        for file in contract.files
        for message in _types(file.message_types_by_name.values())
        for enum in message.enum_types
    ]
    short = {name: "".join(part for part in name.split(".") if part[:1].isupper()) for name in types}
    used = Counter([*short.values(), "Status", "ErrorInfo", "BadRequest", "RetryInfo", "RequestInfo"])
    return {
        name: own if used[own] == 1 else name.split(".")[1].capitalize() + own for name, own in sorted(short.items())
    }


def _types(messages: Iterable[Descriptor]) -> Iterator[Descriptor]:
    for message in messages:
        if not message.GetOptions().map_entry:
            yield message
            yield from _types(message.nested_types)


def _alternatives(message: Descriptor, use: Use) -> Iterator[str]:
    """Says of each oneof that its members exclude each other."""
    for group in message.oneofs:
        names = [f"`{json_name(each, use)}`" for each in group.fields if each.name not in use.without]
        if len(names) > 1:
            yield f"At most one of {', '.join(names)} is set."


def _sizes(rules: rules_pb2.Rules, what: str, use: Use) -> Json:
    schema: Json = {}
    if rules.required and not use.partial:
        schema[f"min{what}"] = max(1, rules.min_items)
    if rules.HasField("max_items"):
        schema[f"max{what}"] = rules.max_items
    if rules.unique:
        schema["uniqueItems"] = True
    return schema
