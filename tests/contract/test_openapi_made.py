"""What the OpenAPI generator makes of each kind of contract, on a small one made for it."""

from pathlib import Path
from typing import Any

import pytest

from chassis.edge.derived import contract_of
from chassis.openapi.comments import Comments, read_comments
from chassis.openapi.document import openapi_document
from chassis.openapi.examples import Examples
from tests.contract import planted

CONTRACT = """
import "fitnesshub/options/v1/media.proto";
import "google/api/httpbody.proto";
import "google/protobuf/empty.proto";
import "google/protobuf/field_mask.proto";
import "google/protobuf/timestamp.proto";
import "google/protobuf/struct.proto";

// Keeps plants. All of them.
service PlantService {
  // Waters one plant, or moves it. Takes `plant_id` and more.
  //
  // Not in winter.
  rpc WaterPlant(WaterPlantRequest) returns (Plant) {
    option (google.api.http) = {
      patch: "/plants/{plant.plant_id}"
      body: "plant"
      additional_bindings {post: "/plants:water" body: "*"}
    };
    option (fitnesshub.options.v1.policy) = {
      access: ACCESS_ROLE roles: [ROLE_ADMIN, ROLE_TRAINER] rate_class: RATE_CLASS_HEAVY max_request_bytes: 2048
      reasons: ["PLANT_WITHERED", "PLANT_CHANGED"]
    };
  }
  // Lists plants: those of all gardens and houses and roofs and balconies of the whole town, by name.
  rpc ListPlants(ListPlantsRequest) returns (stream ListPlantsResponse) {
    option idempotency_level = NO_SIDE_EFFECTS;
    option (google.api.http) = {get: "/plants"};
    option (fitnesshub.options.v1.policy) = {access: ACCESS_USER rate_class: RATE_CLASS_EXEMPT};
  }
  // Draws a plant.
  rpc DrawPlant(DrawPlantRequest) returns (google.api.HttpBody) {
    option idempotency_level = NO_SIDE_EFFECTS;
    option (google.api.http) = {get: "/plants/{plant_id=**}"};
    option (fitnesshub.options.v1.policy) = {access: ACCESS_PUBLIC rate_class: RATE_CLASS_READ};
    option (fitnesshub.options.v1.media) = {content_types: ["image/png", "text/csv"] conditional: true};
  }
  // Hears a plant.
  rpc HearPlant(HearPlantRequest) returns (google.api.HttpBody) {
    option (google.api.http) = {post: "/plants:hear" body: "body"};
    option (fitnesshub.options.v1.policy) = {
      access: ACCESS_PUBLIC rate_class: RATE_CLASS_READ no_idempotency_record: true
    };
    option (fitnesshub.options.v1.media) = {
      request: "%(package)s.Sound" answer: "%(package)s.Sound" error: "%(package)s.Silence" declared_names: true
    };
  }
  // Digs.
  rpc DigPlant(DigPlantRequest) returns (google.protobuf.Empty) {
    option (google.api.http) = {delete: "/plants/{plant_id}"};
    option (fitnesshub.options.v1.policy) = {access: ACCESS_USER rate_class: RATE_CLASS_WRITE success_status: 204};
  }
  // Only over gRPC.
  rpc TalkToPlant(DigPlantRequest) returns (google.protobuf.Empty) {
    option (fitnesshub.options.v1.policy) = {access: ACCESS_USER rate_class: RATE_CLASS_WRITE};
  }
}
// A plant.
message Plant {
  // Its id, as `oak-1`.
  string plant_id = 1 [(fitnesshub.options.v1.rules) = {pattern: "[a-z]+-[0-9]+"}];
  // Its name.
  string name = 2 [(fitnesshub.options.v1.rules) = {required: true, max_length: 20}];
  // Its kind.
  Kind kind = 3 [(fitnesshub.options.v1.rules) = {required: true}];
  // Its height.
  optional double height = 4 [(fitnesshub.options.v1.rules) = {min: 0.5, max: 100}];
  // Its leaves.
  int64 leaves = 5;
  // Its tags.
  map<string, int32> tags = 6 [(fitnesshub.options.v1.rules) = {max_items: 9}];
  // Its kinds of soil.
  repeated Kind soils = 7 [(fitnesshub.options.v1.rules) = {required: true, max_items: 3, unique: true}];
  // When it was seen.
  google.protobuf.Timestamp see_time = 8 [(fitnesshub.options.v1.rules) = {output_only: true}];
  // Its parts.
  repeated Plant parts = 9 [(fitnesshub.options.v1.rules) = {max_items: 3}];
  // Where it stands.
  oneof place {
    // Outside.
    string garden = 10;
    // Inside.
    string house = 11;
  }
  // Its picture.
  bytes picture = 12 [(fitnesshub.options.v1.rules) = {max_length: 10}];
  // Anything.
  google.protobuf.Struct more = 13;
}
// A kind.
enum Kind {
  // None.
  KIND_UNSPECIFIED = 0;
  // A tree.
  KIND_TREE = 1;
}
// How it fails.
enum ErrorReason {
  // Never.
  ERROR_REASON_UNSPECIFIED = 0;
  // It withered. Metadata: `plantId`, the plant.
  PLANT_WITHERED = 1 [(fitnesshub.options.v1.reason) = {code: 9}];
  // It changed.
  PLANT_CHANGED = 2 [(fitnesshub.options.v1.reason) = {code: 10, http_status: 412}];
}
// Which.
message WaterPlantRequest {
  // The plant.
  Plant plant = 1 [(fitnesshub.options.v1.rules) = {required: true, partial: true}];
  // What.
  google.protobuf.FieldMask update_mask = 2;
  // How much.
  Amount amount = 3;
}
// How much.
message Amount {
  // In litres.
  int32 litres = 1 [(fitnesshub.options.v1.rules) = {required: true, min: 1}];
  // Kinds.
  repeated string kinds = 2 [(fitnesshub.options.v1.rules) = {max_items: 2, min_length: 2}];
  // Free.
  google.protobuf.Struct free = 3;
}
// Which.
message ListPlantsRequest {
  // How many.
  int32 page_size = 1 [(fitnesshub.options.v1.rules) = {min: 0}];
}
// Some.
message ListPlantsResponse {
  // One.
  Plant plant = 1;
}
// Which.
message DrawPlantRequest {
  // Which.
  string plant_id = 1;
}
// Which.
message DigPlantRequest {
  // Which.
  string plant_id = 1;
  // Its etag.
  string etag = 2;
}
// What.
message HearPlantRequest {
  // The sound.
  google.api.HttpBody body = 1;
  // How loud, as `very_loud`.
  string how_loud = 2 [(fitnesshub.options.v1.rules) = {max_length: 9}];
}
// A sound.
message Sound {
  // Its length.
  int64 play_length = 1 [(fitnesshub.options.v1.rules) = {required: true}];
  // When it was.
  google.protobuf.Timestamp play_time = 2;
}
// No sound.
message Silence {
  // How long.
  int32 seconds = 1;
}
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder: Path = tmp_path_factory.mktemp("planted")
    package = planted.next_package()
    commented = planted.descriptors(folder, CONTRACT % {"package": package}, package)
    comments = read_comments(commented)
    return openapi_document(contract_of(commented), comments, Examples(comments, {"name": "Oak"}))


@pytest.fixture(scope="module")
def schemas(made: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = made["components"]["schemas"]
    return found


def names(operation: dict[str, Any], place: str) -> list[str]:
    return [each["name"] for each in operation.get("parameters", []) if each.get("in") == place]


def test_each_binding_is_an_operation(made: dict[str, Any]) -> None:
    ids = {(verb, path): each["operationId"] for path, item in made["paths"].items() for verb, each in item.items()}
    assert ids == {
        ("delete", "/plants/{plantId}"): "DigPlant",
        ("get", "/plants"): "ListPlants",
        ("get", "/plants/{plantId}"): "DrawPlant",
        ("patch", "/plants/{plant.plantId}"): "WaterPlant",
        ("post", "/plants:hear"): "HearPlant",
        ("post", "/plants:water"): "WaterPlant2",
    }
    assert made["tags"] == [{"name": "PlantService", "description": "Keeps plants. All of them."}]


def test_comments_become_summary_and_description(made: dict[str, Any]) -> None:
    water, many = made["paths"]["/plants:water"]["post"], made["paths"]["/plants"]["get"]
    assert water["summary"] == "Waters one plant, or moves it"
    rest = "Takes `plantId` and more.\n\nNot in winter.\n\nNeeds the role `admin` or `trainer`."
    assert water["description"].startswith(rest)
    assert "The request may be 2,048 bytes long." in water["description"]
    assert "Rate class heavy: " in water["description"]
    assert many["summary"] == "Lists plants"
    assert many["description"].startswith("Lists plants: those of all gardens")
    assert "No rate limit." in many["description"]


def test_path_query_and_body_share_the_fields_of_the_request(made: dict[str, Any], schemas: dict[str, Any]) -> None:
    change = made["paths"]["/plants/{plant.plantId}"]["patch"]
    assert names(change, "path") == ["plant.plantId"]
    assert names(change, "query") == ["updateMask", "amount.litres", "amount.kinds"]
    assert change["parameters"][0]["required"] is True
    assert change["parameters"][0]["example"] == "oak-1"
    assert "required" not in change["parameters"][1]
    body = change["requestBody"]
    assert (body["required"], body["description"]) == (True, "The plant.")
    assert body["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/PlantPatch"}
    assert "plantId" not in schemas["PlantPatch"]["properties"]
    whole = made["paths"]["/plants:water"]["post"]
    assert names(whole, "query") == []
    assert schemas["WaterPlantRequest"]["required"] == ["plant"]


def test_headers_stand_where_they_mean_something(made: dict[str, Any]) -> None:
    def headers(path: str, verb: str) -> list[str]:
        parameters = made["paths"][path][verb].get("parameters", [])
        return [each["$ref"].rpartition("/")[2] for each in parameters if "$ref" in each]

    assert headers("/plants:water", "post") == ["IdempotencyKey", "IfMatch"]
    assert headers("/plants/{plantId}", "get") == ["IfNoneMatch"]
    assert headers("/plants/{plantId}", "delete") == ["IdempotencyKey"]
    assert headers("/plants", "get") == headers("/plants:hear", "post") == []


def test_rules_bind_requests(schemas: dict[str, Any]) -> None:
    patch = schemas["PlantPatch"]
    assert "required" not in patch
    assert patch["additionalProperties"] is False
    fields = patch["properties"]
    assert fields["name"] == {"type": "string", "maxLength": 20, "description": "Its name."}
    assert (fields["height"]["minimum"], fields["height"]["maximum"]) == (0.5, 100)
    assert fields["leaves"]["type"] == "string"
    assert fields["tags"]["additionalProperties"] == {"type": "integer", "format": "int32"}
    assert fields["tags"]["maxProperties"] == 9
    assert fields["soils"]["items"] == {"$ref": "#/components/schemas/Kind", "not": {"const": "KIND_UNSPECIFIED"}}
    assert (fields["soils"]["maxItems"], fields["soils"]["uniqueItems"]) == (3, True)
    assert fields["seeTime"]["readOnly"] is True
    assert fields["picture"] == {
        "type": "string",
        "contentEncoding": "base64",
        "maxLength": 16,
        "description": "Its picture.",
    }
    # Elements of a list are replaced whole, so what is required is required in them.
    assert fields["parts"]["items"] == {"$ref": "#/components/schemas/PlantInput"}
    inside = schemas["PlantInput"]
    assert inside["required"] == ["name", "kind", "soils"]
    assert inside["properties"]["plantId"]["pattern"] == "^(?:[a-z]+-[0-9]+)$"
    assert inside["properties"]["name"]["pattern"] == r"\S"
    assert inside["properties"]["kind"]["not"] == {"const": "KIND_UNSPECIFIED"}
    assert inside["properties"]["soils"]["minItems"] == 1
    assert "At most one of `garden`, `house` is set." in inside["description"]


def test_answers_have_no_rules_and_everything_that_is_always_sent(schemas: dict[str, Any]) -> None:
    plant = schemas["Plant"]
    assert plant["required"] == ["plantId", "name", "kind", "leaves", "tags", "soils", "parts", "picture"]
    assert "additionalProperties" not in plant
    assert plant["properties"]["plantId"] == {"type": "string", "description": "Its id, as `oak-1`."}
    assert plant["properties"]["more"]["additionalProperties"] is True
    kind = schemas["Kind"]
    assert kind["enum"] == ["KIND_UNSPECIFIED", "KIND_TREE"]
    assert "- `KIND_TREE`: A tree." in kind["description"]


def test_errors_are_grouped_by_status(made: dict[str, Any]) -> None:
    responses = made["paths"]["/plants:water"]["post"]["responses"]
    assert next(iter(responses["400"]["content"]["application/json"]["examples"])) == "PLANT_WITHERED"
    assert list(responses["412"]["content"]["application/json"]["examples"]) == ["PLANT_CHANGED"]
    withered = made["components"]["examples"]["PLANT_WITHERED"]["value"]
    assert withered["code"] == 9
    assert withered["message"] == "it withered"
    assert set(withered["details"][0]["metadata"]) == {"plantId"}


def test_streams_are_server_sent_events(made: dict[str, Any]) -> None:
    (content,) = made["paths"]["/plants"]["get"]["responses"]["200"]["content"].items()
    assert content[0] == "text/event-stream"
    assert content[1]["schema"]["contentSchema"] == {"$ref": "#/components/schemas/ListPlantsResponse"}
    assert content[1]["example"].startswith("data: {")
    assert "X-RateLimit-Limit" not in made["paths"]["/plants"]["get"]["responses"]["200"]["headers"]


def test_free_bodies_are_what_the_contract_says(made: dict[str, Any]) -> None:
    draw = made["paths"]["/plants/{plantId}"]["get"]["responses"]
    assert draw["200"]["content"] == {"image/png": {"schema": {}}, "text/csv": {"schema": {"type": "string"}}}
    assert "ETag" in draw["304"]["headers"]
    assert "content" not in draw["304"]


def test_a_dialect_keeps_its_names_and_its_errors(made: dict[str, Any], schemas: dict[str, Any]) -> None:
    hear = made["paths"]["/plants:hear"]["post"]
    assert names(hear, "query") == ["how_loud"]
    assert hear["parameters"][0]["schema"] == {"type": "string", "maxLength": 9}
    assert schemas["Sound"]["properties"]["play_length"]["type"] == "integer"
    answer = hear["responses"]["200"]["content"]["application/json"]["schema"]
    assert schemas[answer["$ref"].rpartition("/")[2]]["properties"]["play_time"]["type"] == ["string", "null"]
    (shapes,) = hear["responses"]["4XX"]["content"]["application/json"]["schema"].values()
    assert shapes == [{"$ref": "#/components/schemas/Silence"}, {"$ref": "#/components/schemas/Status"}]
    assert not {status for status in hear["responses"] if status.startswith("4")} - {"4XX"}


def test_nothing_has_no_content(made: dict[str, Any]) -> None:
    assert "content" not in made["paths"]["/plants/{plantId}"]["delete"]["responses"]["204"]


@pytest.mark.parametrize(
    ("text", "summary", "rest"),
    [
        ("Does it. Then more.", "Does it", "Then more."),
        ("Does `a.b` at 1.5 m, e.g. here.", "Does a.b at 1.5 m, e.g. here", ""),
        ("Does it", "Does it", ""),
        ("", "", ""),
        ("x" * 50 + ", " + "y" * 50 + ". More.", "x" * 50, "x" * 50 + ", " + "y" * 50 + ". More."),
    ],
)
def test_the_first_sentence_is_the_summary(text: str, summary: str, rest: str) -> None:
    assert Comments({"a": text}, {}).summary("a") == (summary, rest)
