"""What a field's rules ask of one value, as closures; and which rules can't be meant.

`chassis.rules` runs these for every value of every request, so each is as few Python frames as can be.
"""

import math
import re
import struct
import sys
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from fitnesshub.options.v1 import rules_pb2
from google.protobuf.descriptor import FieldDescriptor

from chassis.formats import FORMATS, NUL, NUL_PROBLEM, is_uuid

_INTEGERS = {
    FieldDescriptor.CPPTYPE_INT32: (-(1 << 31), (1 << 31) - 1),
    FieldDescriptor.CPPTYPE_INT64: (-(1 << 63), (1 << 63) - 1),
    FieldDescriptor.CPPTYPE_UINT32: (0, (1 << 32) - 1),
    FieldDescriptor.CPPTYPE_UINT64: (0, (1 << 64) - 1),
}
_FLOATS = (FieldDescriptor.CPPTYPE_DOUBLE, FieldDescriptor.CPPTYPE_FLOAT)
_ESCAPE_OR_CLASS = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]", re.DOTALL)
_NOT_RE2 = re.compile(r"\(\?(?:[=!>(]|<[=!]|P=)|\\[1-9]|[*+?}]\+")
"""Look-around, back-references, atomic groups, possessive repeats: Python has them, RE2 doesn't."""


class Judge(NamedTuple):
    """How a single value is judged."""

    accept: Callable[[Any], Any]
    """Fast: true when the value is certainly right."""
    explain: Callable[[Any], list[str]]
    """Exact: what is wrong with the value."""


_ANYTHING = Judge(lambda _: True, lambda _: [])


def rules_of(field: FieldDescriptor) -> rules_pb2.Rules:
    """The rules declared on a field; empty ones when there are none."""
    return field.GetOptions().Extensions[rules_pb2.rules]


def key_and_element(field: FieldDescriptor) -> tuple[FieldDescriptor | None, FieldDescriptor]:
    """Key (of a map only) and element of a repeated field; of any other field, itself."""
    entry = field.message_type
    if entry is None or not entry.GetOptions().map_entry:
        return None, field
    return entry.fields_by_name["key"], entry.fields_by_name["value"]


def count(number: int, unit: str) -> str:
    """As `1 byte`, `2 bytes`."""
    return f"{number} {unit}" if number == 1 else f"{number} {unit}s"


def judge_single(field: FieldDescriptor) -> Judge | None:
    """The judge of a scalar that stands alone, with `required`; None when every value is right.

    `accept` may refuse the zero value of a field that isn't set: whether it is must then be looked at.
    """
    rules = rules_of(field)
    if field.type == FieldDescriptor.TYPE_STRING:
        judge: Judge | None = _judge_text(rules, filled=rules.required)
    else:
        judge = judge_element(field, rules)
    if rules.required:
        return _judge_required(field, judge or _ANYTHING)
    if judge is not None and not field.has_presence and not judge.accept(field.default_value):
        # Zero is what unset fields hold; taken here, it doesn't need a look at presence.
        accept = judge.accept
        return Judge(lambda value: not value or accept(value), judge.explain)
    return judge


def _judge_required(field: FieldDescriptor, judge: Judge) -> Judge:
    accept, explain = judge
    if field.type == FieldDescriptor.TYPE_STRING:
        return judge
    if field.enum_type is not None:
        return Judge(
            lambda value: value and accept(value),
            lambda value: explain(value) if value else ["must not be unspecified"],
        )
    if field.has_presence:
        # Zero is a value like others; only presence tells.
        return Judge(lambda _: False, explain)
    return Judge(lambda value: value and accept(value), explain)


def judge_element(field: FieldDescriptor, rules: rules_pb2.Rules) -> Judge | None:
    """The judge of one value of a field's type, as an element of a list; None when every value is right."""
    if field.type == FieldDescriptor.TYPE_STRING:
        return _judge_text(rules, filled=False)
    if field.type == FieldDescriptor.TYPE_BYTES:
        return _judge_bytes(rules)
    if field.enum_type is not None:
        return None if rules.open_enum else _judge_enum(field.enum_type, zero=False)
    if field.cpp_type in _INTEGERS:
        return _judge_integer(rules, *_INTEGERS[field.cpp_type])
    if field.cpp_type in _FLOATS and field.GetOptions().HasExtension(rules_pb2.rules):
        return _judge_float(rules, single_precision=field.cpp_type == FieldDescriptor.CPPTYPE_FLOAT)
    return None


def _judge_text(rules: rules_pb2.Rules, *, filled: bool) -> Judge:
    """`filled`: a blank string is refused."""
    fewest, most = _lengths(rules)
    shapes = _shapes(rules)

    def explain(value: str) -> list[str]:
        if filled and not value.strip():
            return ["must not be blank"]
        problems = [NUL_PROBLEM] if NUL in value else []
        if wrong := _length_problem(value, fewest, most, "character"):
            return [*problems, wrong]  # a pattern never sees what is too long
        return problems + [problem for matches, problem in shapes if not matches(value)]

    unbounded = not fewest and most == sys.maxsize
    if not shapes and unbounded and not filled:
        return Judge(lambda value: NUL not in value, explain)
    if not shapes and not filled:
        return Judge(lambda value: fewest <= len(value) <= most and NUL not in value, explain)
    if not shapes:
        least = fewest or 1
        return Judge(lambda value: least <= len(value) <= most and NUL not in value and not value.isspace(), explain)
    matches = shapes[0][0]
    if matches is is_uuid and unbounded and len(shapes) == 1:
        return Judge(is_uuid, explain)  # neither blank nor with NUL
    if len(shapes) == 1 and not filled:
        return Judge(lambda value: fewest <= len(value) <= most and NUL not in value and matches(value), explain)
    return Judge(lambda value: not explain(value), explain)


def _shapes(rules: rules_pb2.Rules) -> list[tuple[Callable[[str], Any], str]]:
    """What the whole string must look like: tests, and what to say when they fail."""
    shapes: list[tuple[Callable[[str], Any], str]] = []
    if rules.pattern:
        # ASCII: in RE2 too, \d, \w and \s mean ASCII characters only.
        problem = rules.pattern_problem or f"must match the pattern {rules.pattern}"
        shapes.append((re.compile(rules.pattern, re.ASCII).fullmatch, problem))
    if rules.format:
        make, problem = FORMATS[rules.format]
        shapes.append((make(), problem))
    return shapes


def _lengths(rules: rules_pb2.Rules) -> tuple[int, int]:
    return rules.min_length, rules.max_length if rules.HasField("max_length") else sys.maxsize


def _length_problem(value: str | bytes, fewest: int, most: int, unit: str) -> str:
    if len(value) < fewest:
        return f"must be at least {count(fewest, unit)}"
    return f"must be at most {count(most, unit)}" if len(value) > most else ""


def _judge_bytes(rules: rules_pb2.Rules) -> Judge | None:
    fewest, most = _lengths(rules)
    if not fewest and most == sys.maxsize:
        return None

    def explain(value: bytes) -> list[str]:
        problem = _length_problem(value, fewest, most, "byte")
        return [problem] if problem else []

    return Judge(lambda value: fewest <= len(value) <= most, explain)


def _judge_enum(enum: Any, *, zero: bool = True) -> Judge:
    """`zero`: 0 is accepted too, as the value of a field that isn't set."""
    known = frozenset(value.number for value in enum.values if zero or value.number)

    def explain(value: int) -> list[str]:
        return [] if value in known else [f"must be a known value of {enum.name}, not {value}"]

    return Judge(known.__contains__, explain)


def _judge_integer(rules: rules_pb2.Rules, lowest: int, highest: int) -> Judge | None:
    if not (rules.HasField("min") or rules.HasField("max")):
        return None
    low = math.ceil(rules.min) if rules.HasField("min") else lowest
    high = math.floor(rules.max) if rules.HasField("max") else highest
    # A range answers `in` by arithmetic, without a Python frame.
    return Judge(range(low, high + 1).__contains__, lambda value: _bound_problems(value, low, high, digits=12))


def _judge_float(rules: rules_pb2.Rules, *, single_precision: bool) -> Judge:
    low = rules.min if rules.HasField("min") else -sys.float_info.max
    high = rules.max if rules.HasField("max") else sys.float_info.max
    digits = 12
    if single_precision:
        # As the field holds them: 0.1 in 32 bits isn't 0.1 in 64.
        low, high, digits = _in_32_bits(low), _in_32_bits(high), 7
    return Judge(lambda value: low <= value <= high, lambda value: _bound_problems(value, low, high, digits=digits))


def _in_32_bits(bound: float) -> float:
    largest = 3.4028234663852886e38
    return float(struct.unpack("f", struct.pack("f", max(-largest, min(largest, bound))))[0])


def _bound_problems(value: float, low: float, high: float, *, digits: int) -> list[str]:
    if not math.isfinite(value):
        return ["must be a finite number"]
    if low <= value <= high:
        return []
    problem, bound = ("must be at least", low) if value < low else ("must be at most", high)
    return [f"{problem} {bound if isinstance(bound, int) else format(bound, f'.{digits}g')}"]


def contradictions(field: FieldDescriptor) -> Iterable[str]:
    """Why the rules of a field can't be meant: they don't apply to its type, or exclude each other."""
    rules = rules_of(field)
    key, element = key_and_element(field)
    text = element.type == FieldDescriptor.TYPE_STRING
    measured = text or element.type == FieldDescriptor.TYPE_BYTES
    number = element.enum_type is None and (element.cpp_type in _INTEGERS or element.cpp_type in _FLOATS)
    message = element.message_type is not None
    repeated = field.is_repeated
    given = {rule.name for rule, _ in rules.ListFields()}
    fits = {
        "min_length": measured,
        "max_length": measured,
        "pattern": text,
        "format": text,
        "min": number,
        "max": number,
        "min_items": repeated,
        "max_items": repeated,
        "unique": repeated and key is None,
        "open_enum": element.enum_type is not None,
        "deferred": repeated and message,
        "partial": message and not repeated,
    }
    yield from (f"{rule} can't apply to this type of field" for rule in fits if rule in given and not fits[rule])
    yield from (
        f"{low} is above {high}"
        for low, high in (("min_length", "max_length"), ("min", "max"), ("min_items", "max_items"))
        if {low, high} <= given and getattr(rules, low) > getattr(rules, high)
    )
    if not math.isfinite(rules.min) or not math.isfinite(rules.max):
        yield "min and max must be finite"
    if rules.pattern_problem and not rules.pattern:
        yield "pattern_problem tells of no pattern"
    if rules.required and rules.output_only:
        yield "nobody can be required to send what is output_only"
    if rules.format and rules.format not in FORMATS:
        yield f"format {rules.format} is unknown"
    if repeated and not rules.output_only and "max_items" not in given and not _is_foreign(field):
        yield "a repeated field of a request needs max_items"
    if rules.pattern:
        yield from _pattern_problems(rules.pattern)


def _is_foreign(field: FieldDescriptor) -> bool:
    """Whether the field belongs to a type of Google's, which we can't put rules on."""
    return field.full_name.startswith("google.")


def _pattern_problems(pattern: str) -> Iterable[str]:
    try:
        re.compile(pattern, re.ASCII)
    except re.error as error:
        yield f"the pattern {pattern} is no regular expression: {error}"
        return
    outline = _ESCAPE_OR_CLASS.sub(lambda found: found[0] if found[0][1:].isdigit() else "x", pattern)
    if _NOT_RE2.search(outline):
        yield f"the pattern {pattern} uses what RE2 doesn't have"
