"""Field masks of updates (AIP-134): which fields a change sets, replaces or clears."""

from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message

from chassis.contract import ContractError
from chassis.errors import InvalidArgument, Violation

EVERYTHING = "*"
_SHOWN = 100
"""Characters of a wrong path that the failure repeats."""

Path = tuple[FieldDescriptor, ...]
"""The fields on the way from a message to one of its fields."""


def apply_update(stored: Message, change: Message, mask: FieldMask, allowed: frozenset[str]) -> list[str]:
    """Puts the fields of `change` that the mask names into `stored`, in place; returns the paths that changed.

    A named field is replaced whole (also a message, list or map), and cleared when `change` lacks it. `*`
    names all allowed fields. Without a mask the fields that `change` has set are taken, inside messages of
    ours one by one, and nothing is cleared. Paths are in snake_case; lowerCamelCase is understood too.

    `allowed` are the fields that callers may change, as `title` or `goal.weight`; a message allows all that
    is in it. Whether the result satisfies the field rules is for the caller to check. Raises InvalidArgument
    when the mask names anything else.
    """
    descriptor: Descriptor = stored.DESCRIPTOR  # type: ignore[assignment] # the stubs also name upb's twin of the class
    paths = _named(descriptor, mask.paths, allowed) if mask.paths else _implied(descriptor, stored, change, allowed)
    return [_dotted(path) for path in paths if _replace(stored, change, path)]


def check_merged(merged: Message, violations_of: Callable[[Message], list[Violation]], field: str) -> None:
    """Checks the rules of a whole resource after `apply_update`: requests are checked as changes, which require less.

    violations_of: what `compile_rules` made for its type. field: of the request, for the paths of violations.
    Raises InvalidArgument (INVALID_REQUEST).
    """
    probe = type(merged)()
    probe.CopyFrom(merged)  # checking clears output-only fields
    if found := violations_of(probe):
        violations = [Violation(f"{field}.{each.field}", each.description) for each in found]
        raise InvalidArgument("INVALID_REQUEST", f"the change would break rules of the {field}", violations=violations)


def _named(descriptor: Descriptor, names: Iterable[str], allowed: frozenset[str]) -> list[Path]:
    unique = list(dict.fromkeys(names))
    if unique == [EVERYTHING]:
        return list(_resolved(descriptor, allowed))
    found: dict[str, Path] = {}
    for name in unique:
        path = _find(descriptor, name)
        if path is None:
            raise _invalid(name, "names no field that can be updated")
        dotted = _dotted(path)
        if not any(dotted == each or dotted.startswith(f"{each}.") for each in allowed):
            raise _invalid(name, "names a field that can't be changed")
        found[dotted] = path
    return list(found.values())


def _implied(descriptor: Descriptor, stored: Message, change: Message, allowed: frozenset[str]) -> Iterator[Path]:
    """The allowed fields that are set in the change."""
    for path in _resolved(descriptor, allowed):
        parent = _parent(change, path, make=False)
        if parent is not None and _is_set(parent, path[-1]):
            yield from _set_within(stored, getattr(parent, path[-1].name), path)


def _set_within(stored: Message, value: Any, path: Path) -> Iterator[Path]:
    """A set field, or when it is a message of ours the fields that are set in it."""
    if not _is_open(path[-1]):
        yield path
        return
    fields = value.ListFields()
    for field, inner in fields:
        yield from _set_within(stored, inner, (*path, field))
    if not fields:
        # An empty message says that there is one, and changes nothing about one that is there.
        parent = _parent(stored, path, make=False)
        if parent is None or not _is_set(parent, path[-1]):
            yield path


def _replace(stored: Message, change: Message, path: Path) -> bool:
    """Makes a field of `stored` what it is in `change`. Returns whether that changed anything."""
    field = path[-1]
    name = field.name
    source = _parent(change, path, make=False)
    source_is_set = source is not None and _is_set(source, field)
    target = _parent(stored, path, make=source_is_set)
    if target is None:
        return False
    if source is None or not source_is_set:
        changed = _is_set(target, field)
        target.ClearField(name)
        return changed
    value = getattr(source, name)
    if _is_set(target, field) and getattr(target, name) == value:
        return False
    target.ClearField(name)
    if field.is_repeated:
        getattr(target, name).MergeFrom(value)
    elif field.message_type is not None:
        getattr(target, name).CopyFrom(value)
    else:
        setattr(target, name, value)
    return True


def _parent(message: Message, path: Path, *, make: bool) -> Message | None:
    """The message that holds the last field of a path; None when it isn't there and isn't to be made."""
    for field in path[:-1]:
        if not make and not message.HasField(field.name):
            return None
        message = getattr(message, field.name)
    return message


def _is_set(message: Message, field: FieldDescriptor) -> bool:
    return message.HasField(field.name) if field.has_presence else bool(getattr(message, field.name))


def _is_open(field: FieldDescriptor) -> bool:
    """Whether a field is a single message whose fields have a meaning of their own; a Timestamp is one value."""
    kind = field.message_type
    return kind is not None and not field.is_repeated and not kind.full_name.startswith("google.protobuf.")


def _find(descriptor: Descriptor, name: str) -> Path | None:
    """The fields of a dotted path; None when there is no such path."""
    path: list[FieldDescriptor] = []
    inside: Descriptor | None = descriptor
    for part in name.split("."):
        field = None if inside is None else inside.fields_by_name.get(part) or inside.fields_by_camelcase_name.get(part)
        if field is None:
            return None
        path.append(field)
        inside = field.message_type if _is_open(field) else None
    return tuple(path)


@lru_cache(maxsize=256)
def _resolved(descriptor: Descriptor, allowed: frozenset[str]) -> tuple[Path, ...]:
    """The allowed paths, in the order of the fields. Raises ContractError when one doesn't exist."""
    paths = []
    for name in allowed:
        path = _find(descriptor, name)
        if path is None:
            raise ContractError(f"{descriptor.full_name} has no field {name} that could be updated")
        paths.append(path)
    return tuple(sorted(paths, key=lambda path: [field.number for field in path]))


def _dotted(path: Path) -> str:
    return ".".join(field.name for field in path)


def _invalid(name: str, problem: str) -> InvalidArgument:
    shown = name[:_SHOWN]
    return InvalidArgument("UPDATE_MASK_INVALID", f"the update mask {problem}: {shown}", path=shown)
