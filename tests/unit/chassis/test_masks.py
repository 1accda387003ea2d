"""Which fields an update changes."""

from typing import Any

import pytest
from fitnesshub.options.v1.rules_pb2 import Rules
from fitnesshub.workout.v1.workout_pb2 import Workout, WorkoutSet
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.timestamp_pb2 import Timestamp

from chassis.contract import ContractError
from chassis.errors import InvalidArgument
from chassis.masks import apply_update
from tests.unit.chassis.messages import Field, build, make

ALLOWED = frozenset({"title", "notes", "start_time", "end_time", "sets"})


def stored() -> Workout:
    return Workout(
        id="w1",
        title="Push day",
        notes="hard",
        start_time=Timestamp(seconds=100, nanos=5),
        end_time=Timestamp(seconds=200),
        sets=[WorkoutSet(exercise_id="a"), WorkoutSet(exercise_id="b")],
    )


def updated(change: Workout, *paths: str) -> tuple[Workout, list[str]]:
    workout = stored()
    changed = apply_update(workout, change, FieldMask(paths=paths), ALLOWED)
    return workout, changed


class TestImplied:
    def test_what_is_present_is_set_and_nothing_else(self) -> None:
        workout, changed = updated(Workout(title="Pull day", id="w2", user_id="x"))
        expected = stored()
        expected.title = "Pull day"
        assert (workout, changed) == (expected, ["title"])

    def test_presence_tells_empty_from_absent(self) -> None:
        workout, changed = updated(Workout(notes=""))
        assert (workout.notes, workout.HasField("notes"), changed) == ("", True, ["notes"])

    def test_a_list_is_replaced_whole_and_never_cleared(self) -> None:
        workout, changed = updated(Workout(sets=[WorkoutSet(exercise_id="c")]))
        assert ([each.exercise_id for each in workout.sets], changed) == (["c"], ["sets"])
        assert updated(Workout()) == (stored(), [])

    def test_a_time_is_one_value(self) -> None:
        workout, changed = updated(Workout(start_time=Timestamp(seconds=150)))
        assert (workout.start_time, changed) == (Timestamp(seconds=150), ["start_time"])

    def test_the_same_values_change_nothing(self) -> None:
        assert updated(stored()) == (stored(), [])

    def test_order_is_that_of_the_fields(self) -> None:
        change = Workout(sets=[WorkoutSet()], notes="n", title="t", end_time=Timestamp(seconds=1))
        assert updated(change)[1] == ["title", "notes", "end_time", "sets"]


class TestExplicit:
    def test_only_what_is_named(self) -> None:
        workout, changed = updated(Workout(title="x", notes="y"), "notes")
        assert (workout.title, workout.notes, changed) == ("Push day", "y", ["notes"])

    @pytest.mark.parametrize("path", ["title", "notes", "start_time", "end_time", "sets"])
    def test_what_the_change_lacks_is_cleared(self, path: str) -> None:
        workout, changed = updated(Workout(), path)
        expected = stored()
        expected.ClearField(path)  # type: ignore[arg-type]
        assert (workout, changed) == (expected, [path])

    def test_clearing_what_is_not_there_changes_nothing(self) -> None:
        workout = Workout()
        assert apply_update(workout, Workout(), FieldMask(paths=["notes", "sets", "end_time"]), ALLOWED) == []

    def test_everything(self) -> None:
        workout, changed = updated(Workout(title="x", id="other"), "*")
        assert workout == Workout(id="w1", title="x")
        assert changed == ["title", "notes", "start_time", "end_time", "sets"]

    def test_camel_case_and_repetitions(self) -> None:
        workout, changed = updated(Workout(start_time=Timestamp(seconds=1)), "startTime", "start_time", "startTime")
        assert (workout.start_time.seconds, changed) == (1, ["start_time"])

    def test_an_absent_zero_becomes_a_present_one(self) -> None:
        workout = Workout()
        assert apply_update(workout, Workout(notes=""), FieldMask(paths=["notes"]), ALLOWED) == ["notes"]
        assert workout.HasField("notes")

    @pytest.mark.parametrize(
        "path",
        ["id", "user_id", "userId", "etag", "create_time", "nope", "", "sets.reps", "start_time.seconds", "title.x"],
    )
    def test_everything_else_is_refused(self, path: str) -> None:
        with pytest.raises(InvalidArgument) as caught:
            updated(Workout(title="x"), "title", path)
        assert (caught.value.reason, caught.value.metadata) == ("UPDATE_MASK_INVALID", {"path": path})

    def test_the_star_stands_alone(self) -> None:
        with pytest.raises(InvalidArgument) as caught:
            updated(Workout(), "title", "*")
        assert caught.value.metadata == {"path": "*"}

    def test_a_wrong_path_is_repeated_in_part_only(self) -> None:
        with pytest.raises(InvalidArgument) as caught:
            updated(Workout(), "x" * 10_000)
        assert caught.value.metadata == {"path": "x" * 100}


GOAL = build(
    Field("weight", "double", optional=True),
    Field("reps", "int32"),
    Field("due", "google.protobuf.Timestamp"),
    Field("tags", "string", Rules(max_items=5), repeated=True),
    Field("notes", "string", Rules(max_items=5), key="string"),
)
PLAN = build(
    Field("name", "string"), Field("goal", GOAL.full_name), Field("secret_goal", GOAL.full_name), Field("goal_note")
)


class TestNested:
    def plan(self) -> Any:
        return make(
            PLAN,
            name="p",
            goal={"weight": 80, "reps": 5, "due": Timestamp(seconds=9), "tags": ["a"], "notes": {"k": "v"}},
        )

    def update(
        self, change: dict[str, Any], *paths: str, allowed: tuple[str, ...] = ("name", "goal")
    ) -> tuple[Any, Any]:
        plan = self.plan()
        return plan, apply_update(plan, make(PLAN, **change), FieldMask(paths=paths), frozenset(allowed))

    def test_implied_goes_into_messages(self) -> None:
        plan, changed = self.update({"goal": {"weight": 90, "tags": ["b", "c"]}})
        expected = self.plan()
        expected.goal.weight = 90
        expected.goal.tags[:] = ["b", "c"]
        assert (plan, changed) == (expected, ["goal.weight", "goal.tags"])

    def test_implied_replaces_maps_whole(self) -> None:
        plan, changed = self.update({"goal": {"notes": {"x": "y"}}})
        assert (dict(plan.goal.notes), changed) == ({"x": "y"}, ["goal.notes"])

    def test_an_empty_message_changes_nothing_that_is_there(self) -> None:
        assert self.update({"goal": {}}) == (self.plan(), [])

    def test_an_empty_message_is_made_where_there_was_none(self) -> None:
        plan = make(PLAN)
        assert apply_update(plan, make(PLAN, goal={}), FieldMask(), frozenset({"goal"})) == ["goal"]
        assert plan.HasField("goal")

    def test_a_named_message_is_replaced_whole(self) -> None:
        plan, changed = self.update({"goal": {"reps": 3}}, "goal")
        assert (plan, changed) == (make(PLAN, name="p", goal={"reps": 3}), ["goal"])

    def test_a_named_field_inside(self) -> None:
        plan, changed = self.update({"goal": {"reps": 3, "weight": 1}}, "goal.reps")
        assert (plan.goal.reps, plan.goal.weight, changed) == (3, 80, ["goal.reps"])

    def test_a_field_inside_is_cleared_when_its_message_is_absent(self) -> None:
        plan, changed = self.update({}, "goal.weight", "goal.due", "goal.tags", "goal.notes")
        assert plan == make(PLAN, name="p", goal={"reps": 5})
        assert changed == ["goal.weight", "goal.due", "goal.tags", "goal.notes"]

    def test_the_message_is_made_where_there_was_none(self) -> None:
        plan = make(PLAN)
        mask = FieldMask(paths=["goal.reps", "goal.weight"])
        assert apply_update(plan, make(PLAN, goal={"reps": 3}), mask, frozenset({"goal"})) == ["goal.reps"]
        assert plan == make(PLAN, goal={"reps": 3})

    def test_clearing_inside_a_message_that_is_not_there_makes_none(self) -> None:
        plan = make(PLAN)
        assert apply_update(plan, make(PLAN), FieldMask(paths=["goal.reps"]), frozenset({"goal"})) == []
        assert not plan.HasField("goal")

    def test_only_a_part_may_be_allowed(self) -> None:
        part = ("goal.weight",)
        assert self.update({"name": "q", "goal": {"weight": 1, "reps": 1}}, allowed=part)[1] == ["goal.weight"]
        assert self.update({"goal": {"weight": 1, "reps": 1}}, "*", allowed=part)[1] == ["goal.weight"]
        for path in ("goal", "goal.reps", "secret_goal.weight", "goal.weight.x"):
            with pytest.raises(InvalidArgument):
                self.update({"goal": {"weight": 1}}, path, allowed=part)

    def test_camel_case_inside(self) -> None:
        assert self.update({"secret_goal": {"reps": 1}}, "secretGoal.reps", allowed=("secret_goal",))[1] == [
            "secret_goal.reps"
        ]

    @pytest.mark.parametrize("path", ["secret_goal", "goal_note"])
    def test_allowing_a_message_allows_nothing_beside_it(self, path: str) -> None:
        with pytest.raises(InvalidArgument):
            self.update({}, path, allowed=("goal",))

    def test_allowing_what_does_not_exist_is_our_mistake(self) -> None:
        with pytest.raises(ContractError, match="no field nope"):
            self.update({}, allowed=("nope",))
