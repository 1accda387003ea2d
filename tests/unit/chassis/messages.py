"""Builds message types in a test, so that every rule can be tried on every type of field."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any

from fitnesshub.options.v1 import rules_pb2
from fitnesshub.options.v1.rules_pb2 import Rules
from google.protobuf import any_pb2, descriptor_pb2, duration_pb2, field_mask_pb2, struct_pb2, timestamp_pb2
from google.protobuf.descriptor import Descriptor
from google.protobuf.descriptor_pool import Default
from google.protobuf.message_factory import GetMessageClass

from chassis.rules import compile_rules

_numbers = count(1)
_FOREIGN = (any_pb2, duration_pb2, field_mask_pb2, struct_pb2, timestamp_pb2, rules_pb2)
"""Files that a built type may use; importing them has put them into the default pool."""


@dataclass(frozen=True)
class Field:
    """A field to build. `type` is a scalar's name in proto, or the full name of a message or enum, or `Self`."""

    name: str
    type: str = "string"
    rules: Rules | None = None
    optional: bool = False
    repeated: bool = False
    key: str = ""
    """Type of a map's keys."""


def build(*fields: Field, enums: Mapping[str, Iterable[str]] = {}) -> Descriptor:
    """A message type `Sample` with these fields; `enums` are nested in it."""
    package = f"rulestest.n{next(_numbers)}"
    file = descriptor_pb2.FileDescriptorProto(
        name=f"{package.replace('.', '/')}.proto", package=package, syntax="proto3"
    )
    built = (Default().FindMessageTypeByName(each.type) for each in fields if each.type.startswith("rulestest."))
    file.dependency[:] = sorted({*(each.DESCRIPTOR.name for each in _FOREIGN), *(each.file.name for each in built)})
    message = file.message_type.add(name="Sample")
    for name, values in enums.items():
        enum = message.enum_type.add(name=name)
        for number, value in enumerate(values):
            enum.value.add(name=value, number=number)
    for number, each in enumerate(fields, 1):
        _add(message, number, each, f".{package}.Sample")
    for number, each in enumerate((each for each in fields if each.optional), 0):
        message.oneof_decl.add(name=f"_{each.name}")
        next(f for f in message.field if f.name == each.name).oneof_index = number
    Default().AddSerializedFile(file.SerializeToString())
    return Default().FindMessageTypeByName(f"{package}.Sample")


def _add(message: descriptor_pb2.DescriptorProto, number: int, spec: Field, own_name: str) -> None:
    label = descriptor_pb2.FieldDescriptorProto.LABEL_REPEATED
    added = message.field.add(name=spec.name, number=number)
    added.label = label if spec.repeated or spec.key else descriptor_pb2.FieldDescriptorProto.LABEL_OPTIONAL
    added.proto3_optional = spec.optional
    if spec.rules is not None:
        added.options.Extensions[rules_pb2.rules].CopyFrom(spec.rules)
    if spec.key:
        entry = message.nested_type.add(name=spec.name.title().replace("_", "") + "Entry")
        entry.options.map_entry = True
        _type(entry.field.add(name="key", number=1, label=1), spec.key, own_name)
        _type(entry.field.add(name="value", number=2, label=1), spec.type, own_name)
        added.type = descriptor_pb2.FieldDescriptorProto.TYPE_MESSAGE
        added.type_name = f"{own_name}.{entry.name}"
    else:
        _type(added, spec.type, own_name)


def _type(added: descriptor_pb2.FieldDescriptorProto, name: str, own_name: str) -> None:
    if f"TYPE_{name.upper()}" in descriptor_pb2.FieldDescriptorProto.Type.keys():  # noqa: SIM118 - an enum wrapper
        added.type = descriptor_pb2.FieldDescriptorProto.Type.Value(f"TYPE_{name.upper()}")
        return
    enum = name.endswith("Kind")
    kinds = descriptor_pb2.FieldDescriptorProto
    added.type = kinds.TYPE_ENUM if enum else kinds.TYPE_MESSAGE
    added.type_name = own_name if name == "Self" else f"{own_name}.{name}" if enum else f".{name}"


UUID = "018f3c9e-7b1a-7c3e-9d2f-0123456789ab"
KINDS = {"Kind": ("KIND_UNSPECIFIED", "KIND_A", "KIND_B")}
"""An enum for fields of the type `Kind`."""


def problems(message: Any) -> list[tuple[str, str]]:
    """Path and description of everything wrong with a message."""
    return [(each.field, each.description) for each in compile_rules(message.DESCRIPTOR)(message)]


def judged(field: Field, value: Any) -> list[str]:
    """What is said of a field with this value; it must be said of this field."""
    found = problems(make(build(field, enums=KINDS), **{field.name: value}))
    assert all(path.startswith(field.name) for path, _ in found)
    return [problem for _, problem in found]


def absent(field: Field) -> list[tuple[str, str]]:
    """What is said of a field that isn't there."""
    return problems(make(build(field, enums=KINDS)))


def make(descriptor: Descriptor, **values: Any) -> Any:
    """A message of a built type."""
    return GetMessageClass(descriptor)(**values)
