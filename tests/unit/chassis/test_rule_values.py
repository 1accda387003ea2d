"""The fast and the exact judgement of a value agree, whatever the rules."""

from typing import Any

from fitnesshub.options.v1.rules_pb2 import FORMAT_EMAIL, FORMAT_TIME_ZONE, FORMAT_URI, FORMAT_UUID, Rules
from hypothesis import given
from hypothesis import strategies as st

from chassis.rule_values import judge_element, judge_single, rules_of
from tests.unit.chassis.messages import KINDS, UUID, Field, build

FORMS = (FORMAT_UUID, FORMAT_EMAIL, FORMAT_URI, FORMAT_TIME_ZONE)
SHAPES: list[dict[str, Any]] = [
    {},
    {"pattern": "[a-c]*"},
    {"pattern": "[0-9a-f-]*", "format": FORMAT_UUID},
    *({"format": form} for form in FORMS),
]
LENGTHS: list[dict[str, Any]] = [{}, {"min_length": 2}, {"max_length": 3}, {"min_length": 1, "max_length": 40}]
TEXT_RULES = [Rules(**shape, **length, required=r) for shape in SHAPES for length in LENGTHS for r in (False, True)]
NUMBER_RULES = [Rules(), Rules(min=-2), Rules(max=2.5), Rules(min=1, max=3, required=True), Rules(required=True)]
TEXTS = st.sampled_from(["", " ", "ab", "abcd", "\0", "a\0", UUID, "a@b.cd", "http://a.b", "UTC"]) | st.text(max_size=5)
FIELDS = {
    kind: [
        build(Field("value", kind, rules, optional=optional), enums=KINDS)
        for rules in given_rules
        for optional in (False, True)
    ]
    for kind, given_rules in {
        "string": TEXT_RULES,
        "bytes": [Rules(), Rules(min_length=2), Rules(max_length=3), Rules(required=True, max_length=3)],
        "int32": NUMBER_RULES,
        "double": NUMBER_RULES,
        "float": NUMBER_RULES,
        "Kind": [Rules(), Rules(open_enum=True), Rules(required=True), Rules(required=True, open_enum=True)],
        "bool": [Rules(), Rules(required=True)],
    }.items()
}


def agree(kind: str, value: Any) -> None:
    for descriptor in FIELDS[kind]:
        field = descriptor.fields_by_name["value"]
        element = judge_element(field, rules_of(field))
        if element is not None:
            assert bool(element.accept(value)) == (not element.explain(value)), rules_of(field)
        single = judge_single(field)
        # Alone, what is refused fast may be an unset field, or need a look at presence; what is accepted is right.
        if single is not None and single.accept(value):
            assert not single.explain(value) or (not value and not field.has_presence), rules_of(field)
        if single is not None and value and not field.has_presence:
            assert bool(single.accept(value)) == (not single.explain(value)), rules_of(field)


@given(TEXTS)
def test_texts(value: str) -> None:
    agree("string", value)


@given(st.binary(max_size=5))
def test_bytes(value: bytes) -> None:
    agree("bytes", value)


@given(st.integers(-5, 5) | st.integers(-(1 << 31), (1 << 31) - 1))
def test_integers(value: int) -> None:
    agree("int32", value)


@given(st.floats(width=64) | st.floats(-4, 4))
def test_doubles(value: float) -> None:
    agree("double", value)


@given(st.floats(width=32))
def test_floats(value: float) -> None:
    agree("float", value)


@given(st.integers(-3, 5))
def test_enums(value: int) -> None:
    agree("Kind", value)


@given(st.booleans())
def test_booleans(value: bool) -> None:
    agree("bool", value)
