"""Every rule of rules.proto, kept and broken."""

import math
from typing import Any

import pytest
from fitnesshub.options.v1.rules_pb2 import FORMAT_EMAIL, FORMAT_TIME_ZONE, FORMAT_URI, FORMAT_UUID, Rules
from fitnesshub.workout.v1.exercise_pb2 import EXERCISE_LEVEL_BEGINNER, Exercise
from fitnesshub.workout.v1.exercise_service_pb2 import ImportExercisesRequest
from fitnesshub.workout.v1.workout_pb2 import Workout
from fitnesshub.workout.v1.workout_service_pb2 import CreateWorkoutRequest, UpdateWorkoutRequest
from google.protobuf.timestamp_pb2 import Timestamp

from tests.unit.chassis.messages import KINDS, UUID, Field, absent, build, judged, make, problems

INTEGERS = ("int32", "int64", "uint32", "uint64", "sint32", "sint64", "fixed32", "fixed64", "sfixed32", "sfixed64")


class TestRequired:
    @pytest.mark.parametrize("optional", [False, True])
    @pytest.mark.parametrize(
        ("kind", "value"),
        [
            ("string", "x"),
            ("bytes", b"x"),
            ("bool", True),
            ("int32", 3),
            ("double", 0.5),
            ("float", 0.5),
            ("Kind", 1),
            ("google.protobuf.Timestamp", Timestamp(seconds=1)),
        ],
    )
    def test_set_or_not(self, kind: str, value: Any, optional: bool) -> None:
        field = Field("value", kind, Rules(required=True), optional=optional)
        assert absent(field) == [("value", "is required")]
        assert judged(field, value) == []

    @pytest.mark.parametrize("value", ["", " ", "\t\n", "\u2003"])
    def test_a_string_that_is_present_but_blank(self, value: str) -> None:
        assert judged(Field("value", "string", Rules(required=True), optional=True), value) == ["must not be blank"]

    def test_a_blank_string_without_presence(self) -> None:
        assert judged(Field("value", "string", Rules(required=True)), "  ") == ["must not be blank"]
        assert judged(Field("value", "string", Rules(required=True)), "") == ["is required"]

    @pytest.mark.parametrize(("kind", "zero"), [("int32", 0), ("double", 0.0), ("bool", False), ("bytes", b"")])
    def test_zero_counts_as_set_where_presence_tells(self, kind: str, zero: Any) -> None:
        assert judged(Field("value", kind, Rules(required=True), optional=True), zero) == []
        assert judged(Field("value", kind, Rules(required=True)), zero) == ["is required"]

    def test_unspecified_is_refused_even_when_present(self) -> None:
        assert judged(Field("value", "Kind", Rules(required=True), optional=True), 0) == ["must not be unspecified"]
        assert judged(Field("value", "Kind", Rules(required=True, open_enum=True), optional=True), 0) == [
            "must not be unspecified"
        ]

    def test_a_list_and_a_map(self) -> None:
        many = Field("value", "string", Rules(required=True, max_items=3), repeated=True)
        assert absent(many) == [("value", "is required")]
        assert judged(many, ["", "x"]) == []  # required asks for elements, not of elements
        mapped = Field("value", "int32", Rules(required=True, max_items=3), key="string")
        assert absent(mapped) == [("value", "is required")]
        assert judged(mapped, {"a": 0}) == []

    def test_an_empty_message_is_set(self) -> None:
        assert judged(Field("value", "google.protobuf.FieldMask", Rules(required=True)), {}) == []


class TestLengths:
    def test_code_points_count(self) -> None:
        field = Field("value", "string", Rules(min_length=2, max_length=4))
        assert judged(field, "🏋🏋") == []
        assert judged(field, "🏋🏋🏋🏋") == []
        assert judged(field, "🏋") == ["must be at least 2 characters"]
        assert judged(field, "🏋" * 5) == ["must be at most 4 characters"]

    def test_one_is_singular(self) -> None:
        assert judged(Field("value", "string", Rules(max_length=1)), "ab") == ["must be at most 1 character"]

    def test_bytes_count_bytes(self) -> None:
        field = Field("value", "bytes", Rules(min_length=2, max_length=3))
        assert judged(field, b"12") == judged(field, b"123") == []
        assert judged(field, b"1") == ["must be at least 2 bytes"]
        assert judged(field, b"1234") == ["must be at most 3 bytes"]

    @pytest.mark.parametrize(("kind", "empty"), [("string", ""), ("bytes", b"")])
    def test_what_is_not_set_has_no_length(self, kind: str, empty: Any) -> None:
        rules = Rules(min_length=2)
        assert absent(Field("value", kind, rules)) == absent(Field("value", kind, rules, optional=True)) == []
        assert judged(Field("value", kind, rules), empty) == []
        assert len(judged(Field("value", kind, rules, optional=True), empty)) == 1

    def test_each_element_has_a_length(self) -> None:
        field = Field("value", "string", Rules(min_length=1, max_length=2, max_items=5), repeated=True)
        assert problems(make(build(field), value=["ab", "", "abc", "a"])) == [
            ("value[1]", "must be at least 1 character"),
            ("value[2]", "must be at most 2 characters"),
        ]

    def test_required_with_a_least_length(self) -> None:
        field = Field("value", "string", Rules(required=True, min_length=3))
        assert judged(field, "abc") == []
        assert judged(field, "ab") == ["must be at least 3 characters"]


class TestPattern:
    FIELD = Field("value", "string", Rules(pattern="[a-z][a-z0-9-]*", max_length=10))

    def test_the_whole_string_must_match(self) -> None:
        assert judged(self.FIELD, "a-1") == []
        for wrong in ("1a", "a b", "a\n", "xA", "-"):
            assert judged(self.FIELD, wrong) == ["must match the pattern [a-z][a-z0-9-]*"]

    def test_what_is_too_long_is_not_matched(self) -> None:
        assert judged(self.FIELD, "A" * 11) == ["must be at most 10 characters"]

    def test_required_and_patterned(self) -> None:
        field = Field("value", "string", Rules(required=True, pattern="[a-z]+"))
        assert judged(field, "abc") == []
        assert judged(field, "a1") == ["must match the pattern [a-z]+"]
        assert judged(field, "") == ["is required"]
        assert judged(field, " ") == ["must not be blank"]

    def test_classes_are_ascii_as_in_re2(self) -> None:
        field = Field("value", "string", Rules(pattern=r"\d+"))
        assert judged(field, "12") == []
        assert judged(field, "٣") == [r"must match the pattern \d+"]

    def test_pattern_and_format_together(self) -> None:
        field = Field("value", "string", Rules(pattern="0.*", format=FORMAT_UUID))
        assert judged(field, UUID) == []
        assert judged(field, "1" + UUID[1:]) == ["must match the pattern 0.*"]
        assert len(judged(field, "x")) == 2


class TestBounds:
    @pytest.mark.parametrize("kind", INTEGERS)
    def test_integers(self, kind: str) -> None:
        field = Field("value", kind, Rules(min=2, max=9))
        assert [judged(field, value) for value in (2, 9)] == [[], []]
        assert judged(field, 1) == ["must be at least 2"]
        assert judged(field, 10) == ["must be at most 9"]
        assert judged(field, 0) == []  # isn't set

    @pytest.mark.parametrize("kind", ["double", "float"])
    def test_floats(self, kind: str) -> None:
        field = Field("value", kind, Rules(min=-0.1, max=0.1))
        assert [judged(field, value) for value in (-0.1, 0.1, 0.05)] == [[], [], []]
        assert judged(field, -0.11) == ["must be at least -0.1"]
        assert judged(field, 0.11) == ["must be at most 0.1"]

    @pytest.mark.parametrize("kind", ["double", "float"])
    @pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
    @pytest.mark.parametrize("rules", [Rules(min=0), Rules(max=0), Rules(min=0, max=1), Rules(personal=True)])
    def test_only_finite_numbers_where_there_are_rules(self, kind: str, value: float, rules: Rules) -> None:
        assert judged(Field("value", kind, rules), value) == ["must be a finite number"]

    def test_a_double_without_rules_may_be_anything(self) -> None:
        assert judged(Field("value", "double"), math.nan) == []

    @pytest.mark.parametrize("kind", ["double", "float"])
    def test_the_largest_numbers_pass_where_one_bound_is_open(self, kind: str) -> None:
        largest = 3.4028234663852886e38 if kind == "float" else 1.7976931348623157e308
        assert judged(Field("value", kind, Rules(min=0)), largest) == []
        assert judged(Field("value", kind, Rules(max=0)), -largest) == []

    def test_one_bound_of_an_integer(self) -> None:
        assert judged(Field("value", "int64", Rules(min=0)), (1 << 63) - 1) == []
        assert judged(Field("value", "int64", Rules(max=0)), -(1 << 63)) == []
        assert judged(Field("value", "int64", Rules(min=0)), -1) == ["must be at least 0"]

    def test_a_fraction_bounds_an_integer_from_inside(self) -> None:
        field = Field("value", "int32", Rules(min=1.5, max=3.5))
        assert judged(field, 1) == ["must be at least 2"]
        assert judged(field, 4) == ["must be at most 3"]
        assert judged(field, 2) == judged(field, 3) == []

    def test_large_bounds_are_named_exactly(self) -> None:
        assert judged(Field("value", "int64", Rules(max=2.0**53)), 1 << 54) == ["must be at most 9007199254740992"]

    def test_zero_that_is_present(self) -> None:
        field = Field("value", "double", Rules(min=1), optional=True)
        assert judged(field, 0.0) == ["must be at least 1"]
        assert absent(field) == []

    def test_elements_and_map_values(self) -> None:
        rules = Rules(min=1, max_items=3)
        many = make(build(Field("value", "int32", rules, repeated=True)), value=[1, 0])
        assert problems(many) == [("value[1]", "must be at least 1")]
        mapped = make(build(Field("value", "int32", rules, key="string")), value={"a": 0})
        assert problems(mapped) == [('value["a"]', "must be at least 1")]


class TestElements:
    FIELD = Field("value", "int32", Rules(min_items=2, max_items=3), repeated=True)

    def test_numbers_of_elements(self) -> None:
        assert absent(self.FIELD) == []
        assert judged(self.FIELD, [1, 2]) == judged(self.FIELD, [1, 2, 3]) == []
        assert judged(self.FIELD, [1]) == ["must have at least 2 elements"]
        assert judged(self.FIELD, [1, 2, 3, 4]) == ["must have at most 3 elements"]

    def test_elements_of_a_list_that_is_too_long_stay_unseen(self) -> None:
        field = Field("value", "string", Rules(max_items=1, max_length=1), repeated=True)
        assert judged(field, ["abc", "abc"]) == ["must have at most 1 element"]

    def test_a_map(self) -> None:
        field = Field("value", "string", Rules(min_items=2, max_items=2), key="int32")
        assert judged(field, {1: "a", 2: "b"}) == []
        assert judged(field, {1: "a"}) == ["must have at least 2 elements"]
        assert judged(field, {1: "a", 2: "b", 3: "c"}) == ["must have at most 2 elements"]

    def test_unique(self) -> None:
        field = Field("value", "string", Rules(unique=True, max_items=9), repeated=True)
        assert judged(field, ["a", "b", "A"]) == []
        found = problems(make(build(field), value=["a", "b", "a", "a"]))
        assert found == [(f"value[{n}]", "must not be the same as an element before it") for n in (2, 3)]

    def test_unique_messages(self) -> None:
        field = Field("value", "google.protobuf.Timestamp", Rules(unique=True, max_items=9), repeated=True)
        assert judged(field, [Timestamp(seconds=1), Timestamp(seconds=2)]) == []
        assert len(judged(field, [Timestamp(seconds=1), Timestamp(seconds=1)])) == 1


class TestFormats:
    @pytest.mark.parametrize(
        ("form", "good", "bad"),
        [
            (FORMAT_UUID, UUID, UUID.upper()),
            (FORMAT_EMAIL, "ada@example.org", "ada@example"),
            (FORMAT_URI, "https://example.org/a?b#c", "/a"),
            (FORMAT_TIME_ZONE, "Europe/Berlin", "Europe/berlin"),
        ],
    )
    def test_kept_and_broken(self, form: Any, good: str, bad: str) -> None:
        field = Field("value", "string", Rules(format=form))
        assert judged(field, good) == []
        assert absent(field) == []
        assert len(judged(field, bad)) == 1
        assert judged(field, bad)[0].startswith("must be a")
        assert len(judged(Field("value", "string", Rules(format=form), optional=True), "")) == 1
        many = Field("value", "string", Rules(format=form, max_items=3), repeated=True)
        assert [path for path, _ in problems(make(build(many), value=[good, "", bad]))] == ["value[1]", "value[2]"]


class TestEnums:
    PROBLEM = "must be a known value of Kind, not 7"

    @pytest.mark.parametrize("rules", [None, Rules(personal=True)])
    def test_unknown_numbers_are_refused_with_and_without_rules(self, rules: Rules | None) -> None:
        assert judged(Field("value", "Kind", rules), 7) == [self.PROBLEM]
        assert judged(Field("value", "Kind", rules), 2) == judged(Field("value", "Kind", rules), 0) == []

    def test_in_lists_and_maps(self) -> None:
        many = make(build(Field("value", "Kind", Rules(max_items=3), repeated=True), enums=KINDS), value=[0, 1, 7])
        unspecified = self.PROBLEM.replace("7", "0")
        assert problems(many) == [("value[0]", unspecified), ("value[2]", self.PROBLEM)]
        mapped = make(build(Field("value", "Kind", Rules(max_items=3), key="bool"), enums=KINDS), value={True: 7})
        assert problems(mapped) == [('value["true"]', self.PROBLEM)]

    def test_open(self) -> None:
        assert judged(Field("value", "Kind", Rules(open_enum=True)), 7) == []
        assert judged(Field("value", "Kind", Rules(open_enum=True, max_items=2), repeated=True), [7]) == []

    def test_required(self) -> None:
        assert judged(Field("value", "Kind", Rules(required=True)), 7) == [self.PROBLEM]
        assert judged(Field("value", "Kind", Rules(required=True)), 0) == ["is required"]


class TestOutputOnly:
    @pytest.mark.parametrize(
        ("kind", "value", "options"),
        [
            ("string", "x", {}),
            ("string", "x", {"optional": True}),
            ("google.protobuf.Timestamp", Timestamp(seconds=1 << 60), {}),
            ("string", ["x"], {"repeated": True}),
            ("string", {"a": "x"}, {"key": "string"}),
        ],
    )
    def test_what_the_caller_sends_is_cleared_unseen(self, kind: str, value: Any, options: dict[str, Any]) -> None:
        field = Field("value", kind, Rules(output_only=True, personal=True), **options)
        message = make(build(field, Field("other")), value=value, other="kept")
        assert problems(message) == []
        assert message == make(message.DESCRIPTOR, other="kept")

    def test_a_present_zero_is_cleared_too(self) -> None:
        message = make(build(Field("value", "double", Rules(output_only=True), optional=True)), value=0.0)
        assert problems(message) == []
        assert not message.HasField("value")

    def test_inside_lists_and_messages(self) -> None:
        request = CreateWorkoutRequest(workout=Workout(title="a", start_time=Timestamp(), user_id=UUID))
        request.workout.sets.add(exercise_id=UUID, weight_kg=3)
        assert problems(request) == []
        assert request.workout.user_id == ""
        assert not request.workout.sets[0].HasField("weight_kg")


class TestPartial:
    def update(self, **values: Any) -> UpdateWorkoutRequest:
        return UpdateWorkoutRequest(workout_id=UUID, workout=Workout(**values))

    def test_required_is_not_asked_inside(self) -> None:
        assert problems(self.update()) == problems(self.update(notes="x")) == []

    def test_the_message_itself_is_required(self) -> None:
        assert problems(UpdateWorkoutRequest(workout_id=UUID)) == [("workout", "is required")]

    @pytest.mark.parametrize("title", ["", "  "])
    def test_present_but_blank_is_refused(self, title: str) -> None:
        assert problems(self.update(title=title)) == [("workout.title", "must not be blank")]

    def test_other_rules_hold(self) -> None:
        assert problems(self.update(title="x" * 201)) == [("workout.title", "must be at most 200 characters")]

    def test_elements_are_whole(self) -> None:
        # A list is replaced, so absent doesn't mean unchanged in it.
        assert problems(self.update(sets=[{"reps": 1}])) == [("workout.sets[0].exerciseId", "is required")]

    def test_lists_and_maps_may_be_absent(self) -> None:
        rules = Rules(required=True, min_items=2, max_items=5)
        inner = build(Field("many", "int32", rules, repeated=True), Field("mapped", "int32", rules, key="string"))
        outer = build(Field("change", inner.full_name, Rules(partial=True)), Field("whole", inner.full_name))
        assert problems(make(outer, change={})) == []
        assert problems(make(outer, whole={})) == [("whole.many", "is required"), ("whole.mapped", "is required")]
        assert problems(make(outer, change={"many": [1]})) == [("change.many", "must have at least 2 elements")]

    def test_an_empty_text_in_a_change_hints_at_the_mask(self) -> None:
        inner = build(Field("name", "string", Rules(min_length=2), optional=True))
        outer = build(Field("change", inner.full_name, Rules(partial=True)), Field("whole", inner.full_name))
        assert problems(make(outer, change={"name": ""}, whole={"name": ""})) == [
            ("change.name", "must be at least 2 characters; to clear a field, name it in the update mask"),
            ("whole.name", "must be at least 2 characters"),
        ]

    def test_inner_messages_are_partial_too(self) -> None:
        inner = build(Field("value", "string", Rules(required=True)))
        middle = build(Field("inner", inner.full_name, Rules(required=True)))
        outer = build(Field("change", middle.full_name, Rules(partial=True)), Field("whole", middle.full_name))
        assert problems(make(outer, change={"inner": {}}, whole={"inner": {}})) == [
            ("whole.inner.value", "is required")
        ]
        assert problems(make(outer, change={}, whole={})) == [("whole.inner", "is required")]


class TestDeferred:
    def test_elements_stay_unseen(self) -> None:
        request = ImportExercisesRequest(source="a", exercises=[Exercise(name="\0", id="kept", source_id="\0")])
        assert problems(request) == []
        assert request.exercises[0].id == "kept"

    def test_their_number_is_seen(self) -> None:
        assert problems(ImportExercisesRequest(source="a")) == [("exercises", "is required")]
        many = ImportExercisesRequest(source="a", exercises=[Exercise()] * 1001)
        assert problems(many) == [("exercises", "must have at most 1000 elements")]

    def test_a_row_is_checked_by_itself(self) -> None:
        row = Exercise(name=" ", id="x", level=EXERCISE_LEVEL_BEGINNER)
        assert problems(row) == [
            ("name", "must not be blank"),
            ("category", "is required"),
        ]
        assert row.id == ""
