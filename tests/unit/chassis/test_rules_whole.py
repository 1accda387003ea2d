"""Rules that need no declaring, paths through whole requests, and rules that cannot be meant."""

import math

import pytest
from fitnesshub.options.v1.rules_pb2 import FORMAT_EMAIL, FORMAT_TIME_ZONE, FORMAT_URI, FORMAT_UUID, Rules
from fitnesshub.workout.v1.workout_pb2 import Workout
from fitnesshub.workout.v1.workout_service_pb2 import CreateWorkoutRequest
from google.protobuf.timestamp_pb2 import Timestamp

from chassis.contract import ContractError
from chassis.errors import Violation
from chassis.rules import compile_rules
from tests.unit.chassis.messages import KINDS, UUID, Field, build, judged, make, problems


class TestNul:
    PROBLEM = "must not contain the character U+0000"

    @pytest.mark.parametrize(
        "rules",
        [
            None,
            Rules(max_length=5),
            Rules(required=True),
            Rules(pattern="(?s:.)*"),
            Rules(required=True, pattern="(?s:.)*"),
        ],
    )
    def test_in_every_string(self, rules: Rules | None) -> None:
        assert judged(Field("value", "string", rules), "a\0b") == [self.PROBLEM]

    def test_in_formatted_strings(self) -> None:
        for form in (FORMAT_UUID, FORMAT_EMAIL, FORMAT_URI, FORMAT_TIME_ZONE):
            assert self.PROBLEM in judged(Field("value", "string", Rules(format=form)), "\0")

    def test_in_lists_maps_and_keys(self) -> None:
        many = make(build(Field("value", "string", Rules(max_items=3), repeated=True)), value=["", "\0"])
        assert problems(many) == [("value[1]", self.PROBLEM)]
        mapped = make(build(Field("value", "string", Rules(max_items=3), key="string")), value={"k": "\0"})
        assert problems(mapped) == [('value["k"]', self.PROBLEM)]
        keyed = make(build(Field("value", "int32", Rules(max_items=3), key="string")), value={"k\0": 1})
        assert problems(keyed) == [('value["k\\u0000"]', self.PROBLEM)]

    def test_not_in_bytes(self) -> None:
        assert judged(Field("value", "bytes", Rules(max_length=5)), b"\0") == []

    def test_in_a_field_mask(self) -> None:
        found = problems(make(build(Field("value", "google.protobuf.FieldMask")), value={"paths": ["a", "\0"]}))
        assert found == [("value.paths[1]", self.PROBLEM)]

    def test_in_free_json(self) -> None:
        field = Field("value", "google.protobuf.Struct")
        assert judged(field, {"a": ["b", {"c": "d"}]}) == []
        assert judged(field, {"a": ["b", {"c": "\0"}]}) == judged(field, {"a": {"\0": 1}}) == [self.PROBLEM]


class TestPathsAndNesting:
    def test_all_at_once_with_json_paths(self) -> None:
        request = CreateWorkoutRequest()
        request.workout.id = "x"
        request.workout.start_time.nanos = -1
        for number in range(3):
            request.workout.sets.add(exercise_id=UUID, reps=number)
        request.workout.sets[1].exercise_id = ""
        request.workout.sets[2].reps = -1
        request.workout.sets[2].rpe = 11
        request.workout.sets[2].weight_unit = 9  # type: ignore[assignment]
        paths = [path for path, _ in problems(request)]
        assert sorted(paths) == [
            "workout.id",
            "workout.sets[1].exerciseId",
            "workout.sets[2].reps",
            "workout.sets[2].rpe",
            "workout.sets[2].weightUnit",
            "workout.startTime",
            "workout.title",
        ]

    def test_violations_are_violations(self) -> None:
        found = compile_rules(CreateWorkoutRequest.DESCRIPTOR)(CreateWorkoutRequest())
        assert found == [Violation("workout", "is required")]

    def test_long_map_keys_are_cut(self) -> None:
        field = Field("value", "int32", Rules(min=1, max_items=3), key="string")
        (path, _) = problems(make(build(field), value={"k" * 500: 0}))[0]
        assert path == f'value["{"k" * 64}"]'

    def test_messages_in_maps(self) -> None:
        inner = build(Field("value", "string", Rules(required=True)), Field("own", "string", Rules(output_only=True)))
        outer = make(build(Field("value", inner.full_name, Rules(max_items=3), key="int64")))
        outer.value[5].own = "x"
        assert problems(outer) == [('value["5"].value', "is required")]
        assert outer.value[5].own == ""

    def test_a_type_that_contains_itself(self) -> None:
        sample = build(
            Field("name", "string", Rules(max_length=2)),
            Field("child", "Self"),
            Field("children", "Self", Rules(max_items=5), repeated=True),
        )
        message = make(sample, name="ok", child={"child": {"name": "long"}}, children=[{}, {"name": "long"}])
        problem = "must be at most 2 characters"
        assert problems(message) == [("child.child.name", problem), ("children[1].name", problem)]

    def test_a_type_that_contains_nothing_but_itself(self) -> None:
        sample = build(Field("child", "Self"))
        assert problems(make(sample, child={"child": {}})) == []

    def test_what_is_in_an_any_is_unknown(self) -> None:
        sample = build(Field("value", "google.protobuf.Any"))
        assert problems(make(sample, value={"type_url": "\0"})) == []

    def test_a_message_without_anything_to_check(self) -> None:
        assert problems(make(build(Field("value", "int32"), Field("flag", "bool")), value=3)) == []

    def test_the_same_rules_serve_many_messages(self) -> None:
        check = compile_rules(CreateWorkoutRequest.DESCRIPTOR)
        bad = check(CreateWorkoutRequest())
        bad.append(Violation("x", "y"))
        assert check(CreateWorkoutRequest(workout=Workout(title="a", start_time=Timestamp()))) == []
        assert len(check(CreateWorkoutRequest())) == 1


class TestTimes:
    @pytest.mark.parametrize(
        ("seconds", "nanos", "right"),
        [
            (0, 0, True),
            (-62135596800, 0, True),
            (253402300799, 999999999, True),
            (-62135596801, 999999999, False),
            (253402300800, 0, False),
            (0, -1, False),
            (0, 1000000000, False),
        ],
    )
    def test_timestamps(self, seconds: int, nanos: int, right: bool) -> None:
        field = Field("value", "google.protobuf.Timestamp")
        assert (judged(field, {"seconds": seconds, "nanos": nanos}) == []) is right

    @pytest.mark.parametrize(
        ("seconds", "nanos", "right"),
        [
            (0, 0, True),
            (0, -999999999, True),
            (-5, -1, True),
            (315576000000, 999999999, True),
            (315576000001, 0, False),
            (-315576000001, 0, False),
            (1, -1, False),
            (-1, 1, False),
            (0, 1000000000, False),
        ],
    )
    def test_durations(self, seconds: int, nanos: int, right: bool) -> None:
        field = Field("value", "google.protobuf.Duration")
        assert (judged(field, {"seconds": seconds, "nanos": nanos}) == []) is right


class TestImpossibleRules:
    @pytest.mark.parametrize(
        ("field", "words"),
        [
            (Field("value", "int32", Rules(min_length=1)), "min_length can't apply"),
            (Field("value", "bool", Rules(max_length=1)), "max_length can't apply"),
            (Field("value", "bytes", Rules(pattern="a")), "pattern can't apply"),
            (Field("value", "int32", Rules(format=FORMAT_UUID)), "format can't apply"),
            (Field("value", "string", Rules(min=1)), "min can't apply"),
            (Field("value", "bool", Rules(max=1)), "max can't apply"),
            (Field("value", "Kind", Rules(min=1)), "min can't apply"),
            (Field("value", "google.protobuf.Timestamp", Rules(max=1)), "max can't apply"),
            (Field("value", "string", Rules(min_items=1)), "min_items can't apply"),
            (Field("value", "string", Rules(max_items=1)), "max_items can't apply"),
            (Field("value", "string", Rules(unique=True)), "unique can't apply"),
            (Field("value", "string", Rules(unique=True, max_items=1), key="string"), "unique can't apply"),
            (Field("value", "string", Rules(open_enum=True)), "open_enum can't apply"),
            (Field("value", "string", Rules(deferred=True, max_items=1), repeated=True), "deferred can't apply"),
            (Field("value", "google.protobuf.Struct", Rules(deferred=True)), "deferred can't apply"),
            (Field("value", "string", Rules(partial=True)), "partial can't apply"),
            (Field("value", "Self", Rules(partial=True, max_items=1), repeated=True), "partial can't apply"),
            (Field("value", "string", Rules(min_length=2, max_length=1)), "min_length is above max_length"),
            (Field("value", "int32", Rules(min=2, max=1)), "min is above max"),
            (Field("value", "int32", Rules(min_items=2, max_items=1), repeated=True), "min_items is above max_items"),
            (Field("value", "double", Rules(min=math.nan)), "min and max must be finite"),
            (Field("value", "double", Rules(max=math.inf)), "min and max must be finite"),
            (Field("value", "string", Rules(required=True, output_only=True)), "output_only"),
            (Field("value", "string", Rules(format=99)), "format 99 is unknown"),  # type: ignore[arg-type]
            (Field("value", "string", repeated=True), "needs max_items"),
            (Field("value", "string", key="string"), "needs max_items"),
            (Field("value", "string", Rules(pattern="(")), "no regular expression"),
            (Field("value", "string", Rules(pattern="(?=a)b")), "RE2"),
            (Field("value", "string", Rules(pattern="(?<!a)b")), "RE2"),
            (Field("value", "string", Rules(pattern=r"(a)\1")), "RE2"),
            (Field("value", "string", Rules(pattern="a++")), "RE2"),
        ],
    )
    def test_they_stop_the_start(self, field: Field, words: str) -> None:
        with pytest.raises(ContractError, match=words) as caught:
            compile_rules(build(field, enums=KINDS))
        assert "Sample.value: " in str(caught.value)

    @pytest.mark.parametrize("pattern", [r"\(\?=a\)", r"a\+\+", r"\\1x", "(?P<n>a)(?:b)(?i:c)", r"[*+?]\+"])
    def test_re2_patterns_that_look_alike_pass(self, pattern: str) -> None:
        compile_rules(build(Field("value", "string", Rules(pattern=pattern))))

    def test_deep_inside_a_request(self) -> None:
        inner = build(Field("value", "int32", Rules(pattern="a")))
        with pytest.raises(ContractError, match="pattern can't apply"):
            compile_rules(build(Field("inner", inner.full_name, Rules(max_items=1), repeated=True)))
