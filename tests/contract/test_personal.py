"""What events say of persons is marked `personal`: nobody has to guess what an event gives away."""

from collections.abc import Iterator
from importlib import import_module

from fitnesshub.options.v1 import rules_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor

from tests.contract.source import ROOT

EVENTS = sorted(
    [*ROOT.glob("proto/fitnesshub/*/v1/events.proto"), ROOT / "proto/fitnesshub/event/v1/rpc_audited.proto"]
)
IDS = ("id", "_id", "_ids", "etag")
"""Ends of names of fields that hold what we made ourselves."""
FORMATS = {rules_pb2.FORMAT_UUID, rules_pb2.FORMAT_TIME_ZONE, rules_pb2.FORMAT_LANGUAGE}
"""Of texts that can't hold anything free."""
FREE = {"google.protobuf.Struct", "google.protobuf.Any"}
NOT_OF_PERSONS = {
    "fitnesshub.event.v1.RpcAudited.rpc": "names of the contract",
    "fitnesshub.event.v1.RpcAudited.roles": "names of the contract",
    "fitnesshub.event.v1.RpcAudited.caller": "names of services",
    "fitnesshub.event.v1.RpcAudited.reason": "names of the contract",
    "fitnesshub.event.v1.RpcAudited.targets": "ids",
    "fitnesshub.user.v1.User.roles": "names of the contract",
    "fitnesshub.workout.v1.Workout.source": "a name of a program",
    "fitnesshub.workout.v1.Exercise.source": "empty for a person's own",
    "fitnesshub.workout.v1.Exercise.met_source": "empty for a person's own",
    "fitnesshub.workout.v1.ExerciseDeleted.replaced_by": "an id",
}


def texts(message: Descriptor, seen: set[str]) -> Iterator[FieldDescriptor]:
    """Fields of a message and of those in it that can hold free text."""
    if message.full_name in seen:
        return
    seen.add(message.full_name)
    for field in message.fields:
        inner = field.message_type
        if field.type == FieldDescriptor.TYPE_STRING or (inner is not None and inner.GetOptions().map_entry):
            rules = field.GetOptions().Extensions[rules_pb2.rules]
            if not field.name.endswith(IDS) and rules.format not in FORMATS:
                yield field
        elif inner is not None and inner.full_name in FREE:
            yield field
        elif inner is not None:
            yield from texts(inner, seen)


def free_texts() -> list[FieldDescriptor]:
    seen: set[str] = set()
    found: list[FieldDescriptor] = []
    for file in EVENTS:
        name = ".".join(file.relative_to(ROOT / "proto").with_suffix("").parts) + "_pb2"
        for message in import_module(name).DESCRIPTOR.message_types_by_name.values():
            found += texts(message, seen)
    return found


def test_free_text_in_events_is_marked_personal() -> None:
    unmarked = {
        field.full_name for field in free_texts() if not field.GetOptions().Extensions[rules_pb2.rules].personal
    }
    assert unmarked == set(NOT_OF_PERSONS), "mark it in proto/, or say here why it is nobody's"


def test_the_search_sees_something() -> None:
    found = {field.full_name for field in free_texts()}
    assert {"fitnesshub.user.v1.Profile.bio", "fitnesshub.user.v1.User.user_metadata"} <= found
    assert {"fitnesshub.workout.v1.Workout.notes", "fitnesshub.workout.v1.WorkoutSet.notes"} <= found
