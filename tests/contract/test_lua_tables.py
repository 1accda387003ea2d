"""What the Lua filter knows of the contract is the whole contract, and what it can't read stops the generator."""

from collections import Counter
from pathlib import Path

import pytest
from google.rpc import code_pb2

from chassis.contract import Access, ContractError, load_contract, read_contract
from chassis.edge.derived import contract_of
from chassis.edge.lua import MODULES, lua_source
from chassis.edge.lua_tables import REFUSALS, lua_tables, to_lua
from chassis.errors import Failure
from tests.contract import planted
from tests.contract.source import ROOT

CONTRACT = load_contract()
WORKOUT = "fitnesshub.workout.v1."
POST = 'option (google.api.http) = {post: "/plants/{plant_id}" body: "plant"};'
IMPORTS = 'import "google/protobuf/any.proto";\nimport "google/protobuf/struct.proto";\n'


TABLES = lua_tables(CONTRACT)


def test_every_call_over_rest_is_in_it() -> None:
    reachable = [method for method in CONTRACT.methods.values() if method.policy.access != Access.ACCESS_SERVICE]
    wanted = Counter((binding.verb, one.descriptor.input_type.full_name) for one in reachable for binding in one.http)
    assert Counter((call["method"], call["request"]) for call in TABLES["calls"]) == wanted


def test_a_call_is_known_by_its_path() -> None:
    (one,) = (call for call in TABLES["calls"] if call["request"].endswith(".UpdateWorkoutRequest"))
    request = "fitnesshub.workout.v1.UpdateWorkoutRequest"
    path = "api/v1/workouts/*"
    body = {"body": "workout", "most": 1 << 20}
    assert one == {"method": "PATCH", "path": path, "request": request, "bound": ["workoutId"]} | body
    (one,) = (call for call in TABLES["calls"] if call["request"].endswith(".UndeleteWorkoutRequest"))
    assert (one["path"], one["verb"], one["body"], one["bound"]) == (path, "undelete", "*", ["workoutId"])
    (one,) = (call for call in TABLES["calls"] if call["request"].endswith(".GoTrueTokenRequest"))
    assert one["raw"]


def test_fields_have_both_names_and_their_kind() -> None:
    fields = {
        field["name"]: field for each in ("Workout", "WorkoutSet") for field in TABLES["messages"][WORKOUT + each]
    }
    assert fields["exerciseId"] == {"name": "exerciseId", "kind": "string", "other": "exercise_id"}
    unit = {"name": "weightUnit", "kind": "enum", "of": f"{WORKOUT}WeightUnit", "other": "weight_unit"}
    assert fields["weightUnit"] == unit
    assert fields["startTime"] == {"name": "startTime", "kind": "timestamp", "other": "start_time"}
    assert fields["sets"] == {"name": "sets", "kind": "message", "of": f"{WORKOUT}WorkoutSet", "list": True}
    numbers = {"WEIGHT_UNIT_UNSPECIFIED": 0, "WEIGHT_UNIT_KG": 1, "WEIGHT_UNIT_LB": 2}
    assert TABLES["enums"][f"{WORKOUT}WeightUnit"] == numbers


def test_an_internal_message_is_not_in_it() -> None:
    assert not [name for name in TABLES["messages"] if name.endswith("GetServiceStatusRequest")]


@pytest.mark.parametrize("failure", REFUSALS, ids=lambda failure: failure.reason)
def test_a_refusal_has_the_status_of_its_reason(failure: Failure) -> None:
    reason = CONTRACT.reasons[failure.reason]
    usual = {code_pb2.INVALID_ARGUMENT: 400, code_pb2.NOT_FOUND: 404}
    status = reason.http_status or usual[code_pb2.Code.ValueType(reason.code)]
    assert TABLES["reasons"][failure.reason] == {"code": failure.code, "status": status}


@pytest.mark.parametrize("kind", ["google.protobuf.Any", "google.protobuf.NullValue"])
def test_a_kind_without_a_reader_stops_the_generator(tmp_path: Path, kind: str) -> None:
    package = planted.next_package()
    text = IMPORTS + planted.SERVICE % (planted.PUBLIC + POST, f"{kind} strange = 3;")
    made = contract_of(planted.descriptors(tmp_path, text, package))
    added = [file for file in made.files if file.package == package]
    with pytest.raises(ContractError, match=kind):
        lua_tables(read_contract([*CONTRACT.files, *added]))


def test_the_source_is_all_of_the_files() -> None:
    source = lua_source(CONTRACT)
    folder = ROOT / "chassis" / "edge"
    assert {path.stem for path in folder.glob("*.lua")} == {*MODULES, "answers"}
    assert all(path.read_text() in source for path in folder.glob("*.lua"))


def test_lua_literals() -> None:
    assert to_lua({"a": ["x" * 60, "y" * 60]}).count("\n") == 5
    assert to_lua({"a": [1, True, 'x"\\'], "b.c": {}}) == '{\n  a = { 1, true, "x\\"\\\\" },\n  ["b.c"] = {},\n}'
    with pytest.raises(TypeError):
        to_lua(1.5)
