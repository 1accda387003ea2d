"""A contract with a field of every kind that JSON can carry, to send through a real Envoy."""

from pathlib import Path

import httpx
from google.protobuf import descriptor_pool
from google.protobuf.json_format import Parse
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from chassis.contract import Contract, load_contract, read_contract
from chassis.edge.derived import contract_of
from tests.contract import planted
from tests.edge.world import World

PACKAGE = "fitnesshub.kinds.v1"
PUT, PATCH, FIND = (f"/{PACKAGE}.KindsService/{name}Kinds" for name in ("Put", "Patch", "Find"))
PROTO = """
import "google/protobuf/duration.proto";
import "google/protobuf/field_mask.proto";
import "google/protobuf/struct.proto";
import "google/protobuf/timestamp.proto";
import "google/protobuf/wrappers.proto";
// Takes everything.
service KindsService {
  option (fitnesshub.options.v1.host) = "workout";
  // The whole request is the body.
  rpc PutKinds(Kinds) returns (Kinds) {
    option (google.api.http) = {post: "/kinds" body: "*"};
    option (fitnesshub.options.v1.policy) = {access: ACCESS_PUBLIC rate_class: RATE_CLASS_EXEMPT};
  }
  // A field is the body, the path gives another, the query the rest.
  rpc PatchKinds(PatchKindsRequest) returns (Kinds) {
    option (google.api.http) = {
      patch: "/kinds/{kinds_id}" body: "kinds"
      additional_bindings {post: "/kinds/{kinds_id}:replace" body: "*"}
      additional_bindings {post: "/kinds/{kinds_id}/parts/{the_filter.part_name}:touch"}
    };
    option (fitnesshub.options.v1.policy) = {access: ACCESS_PUBLIC rate_class: RATE_CLASS_EXEMPT};
  }
  // All in the query.
  rpc FindKinds(FindKindsRequest) returns (Kinds) {
    option idempotency_level = NO_SIDE_EFFECTS;
    option (google.api.http) = {get: "/kinds"};
    option (fitnesshub.options.v1.policy) = {access: ACCESS_PUBLIC rate_class: RATE_CLASS_EXEMPT};
  }
}
// One of everything.
message Kinds {
  string text = 1;
  bytes data = 2;
  bool flag = 3;
  int32 small_number = 4;
  uint32 small_count = 5;
  int64 big_number = 6;
  uint64 big_count = 7;
  sint32 s32 = 8;
  fixed64 f64 = 9;
  float single = 10;
  double real = 11;
  Colour colour = 12;
  google.protobuf.Timestamp at_time = 13;
  google.protobuf.Duration long_time = 14;
  google.protobuf.FieldMask mask = 15;
  google.protobuf.Struct object = 16;
  google.protobuf.Value value = 17;
  google.protobuf.ListValue listed = 18;
  google.protobuf.StringValue maybe_text = 19;
  google.protobuf.Int64Value maybe_number = 20;
  google.protobuf.BoolValue maybe_flag = 21;
  Kinds inner = 22;
  repeated Kinds inners = 23;
  repeated string texts = 24;
  repeated Colour colours = 25;
  map<string, int32> counts = 26;
  map<int32, string> names = 27;
  map<bool, Kinds> sides = 28;
  optional string chosen = 29;
  oneof target {
    string target_text = 30;
    int32 target_number = 31;
    Kinds target_kinds = 32;
  }
  repeated google.protobuf.Value values = 33;
  int32 odd = 34 [json_name = "@odd"];
}
// Some colours.
enum Colour {
  COLOUR_UNSPECIFIED = 0;
  COLOUR_RED = 1;
  COLOUR_BLUE = 2;
}
// A change.
message PatchKindsRequest {
  string kinds_id = 1;
  Kinds kinds = 2;
  bool dry_run = 3;
  Filter the_filter = 4;
  string note = 5;
}
// A question.
message FindKindsRequest {
  int32 page_size = 1;
  Colour colour = 2;
  repeated Colour colours = 3;
  google.protobuf.Timestamp at_time = 4;
  google.protobuf.Duration long_time = 5;
  bool flag = 6;
  double real = 7;
  uint64 big_count = 8;
  Filter filter = 9;
  string text = 10;
}
// A part of a question.
message Filter {
  string text = 1;
  int32 small_number = 2;
  string part_name = 3;
}
"""


def kinds_contract(folder: Path) -> Contract:
    """Ours and this one. Once a process: a package can't be declared twice."""
    made = contract_of(planted.descriptors(folder, PROTO, PACKAGE))
    return read_contract([*load_contract().files, *(file for file in made.files if file.package == PACKAGE)])


def message(name: str, text: str | bytes) -> Message:
    """A message of the contract: what protobuf's own reader makes of JSON. Raises ParseError."""
    return Parse(text, kind(name)())


def parsed(name: str, data: bytes) -> Message:
    """A message of the contract from its bytes. Raises DecodeError."""
    return kind(name).FromString(data)


def kind(name: str) -> type[Message]:
    """The class of a message of the contract."""
    return GetMessageClass(descriptor_pool.Default().FindMessageTypeByName(f"{PACKAGE}.{name}"))


def plain_caller(world: World, address: str, token: str) -> httpx.Client:
    """A caller without an event loop, for hypothesis. To be closed."""
    transport = httpx.HTTPTransport(local_address=address, verify=False)
    headers = {"content-type": "application/json", "authorization": f"Bearer {token}"}
    return httpx.Client(base_url=world.url, transport=transport, timeout=10, headers=headers)
