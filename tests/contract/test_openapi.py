"""The OpenAPI document says what the contract says, and its examples are true."""

import json
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from fitnesshub.options.v1 import media_pb2, rules_pb2
from google.protobuf.json_format import ParseDict
from google.protobuf.message_factory import GetMessageClass
from jsonschema_rs import Draft202012Validator

from chassis.contract import SHARED_REASONS_ENUM, Access, Contract, HttpBinding, Method, load_contract
from chassis.openapi.document import messages_of
from chassis.openapi.failures import APPLIES, failures_of
from chassis.openapi.media import is_free, media_of
from chassis.openapi.operations import bindings
from chassis.openapi.parameters import path_key
from chassis.openapi.scalars import FORMATS
from chassis.rules import compile_rules
from services.workout.catalogue.entries import load
from tests.contract.source import ROOT

JSON = "application/json"
Place = tuple[str, Any, Any]
"""Where an example stands, its schema, the example."""


@cache
def document() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((ROOT / "gen/fitnesshub/openapi.json").read_text())
    return found


@cache
def contract() -> Contract:
    return load_contract()


BOUND = [(method, binding) for method, _, binding in bindings(contract())]
IDS = [f"{method.descriptor.name}-{binding.verb}" for method, binding in BOUND]


def resolved(content: Any) -> Any:
    """What a reference refers to; anything else as it is."""
    while isinstance(content, dict) and "$ref" in content:
        name = content["$ref"].removeprefix("#/")
        content = document()
        for part in name.split("/"):
            content = content[part]
    return content


def operation(method: Method, binding: HttpBinding) -> dict[str, Any]:
    found: dict[str, Any] = document()["paths"][path_key(binding, method)][binding.verb.lower()]
    return found


def in_content(place: str, content: dict[str, Any]) -> Iterator[Place]:
    for kind, media in content.items():
        if "example" in media:
            yield f"{place} {kind}", media["schema"], media["example"]
        for name, example in media.get("examples", {}).items():
            yield f"{place} {kind} {name}", media["schema"], resolved(example)["value"]


def examples() -> Iterator[Place]:
    """All of them, those of shared answers too."""
    for path, item in document()["paths"].items():
        for verb, each in item.items():
            place = f"{verb} {path}"
            for parameter in map(resolved, each.get("parameters", [])):
                if "example" in parameter:
                    yield f"{place} {parameter['name']}", parameter["schema"], parameter["example"]
            yield from in_content(place, each.get("requestBody", {}).get("content", {}))
            for status, response in each["responses"].items():
                yield from in_content(f"{place} {status}", resolved(response).get("content", {}))


def problems(schema: Any, value: Any) -> list[str]:
    whole = {**schema, "components": document()["components"]}
    validator = Draft202012Validator(whole, validate_formats=True)
    return [f"{'/'.join(map(str, one.instance_path))}: {one.message}" for one in validator.iter_errors(value)]


def test_every_example_satisfies_its_schema() -> None:
    wrong = [f"{place}: {problem}" for place, schema, example in examples() for problem in problems(schema, example)]
    assert not wrong, "values for examples stand in proto/examples.json:\n" + "\n".join(wrong)


def test_a_wrong_example_is_noticed() -> None:
    schema = {"$ref": "#/components/schemas/Status"}
    good = resolved(next(iter(document()["components"]["examples"].values())))["value"]
    assert problems(schema, good) == []
    assert problems(schema, {**good, "code": "5"})
    assert problems(schema, {"code": 5})


@pytest.mark.parametrize(("method", "binding"), BOUND, ids=IDS)
def test_the_example_of_a_request_is_one_that_the_rules_accept(method: Method, binding: HttpBinding) -> None:
    content = operation(method, binding).get("requestBody", {}).get("content", {}).get(JSON, {})
    request = GetMessageClass(method.descriptor.input_type)()
    target = request
    if binding.body not in ("", "*"):
        field = method.descriptor.input_type.fields_by_name[binding.body]
        if field.message_type is None or is_free(field.message_type):
            return
        target = getattr(request, binding.body)
    if binding.body:
        ParseDict(content["example"], target)
    for parameter in map(resolved, operation(method, binding).get("parameters", [])):
        if "example" in parameter:
            ParseDict({parameter["name"]: parameter["example"]}, request)
    assert [f"{one.field}: {one.description}" for one in compile_rules(method.descriptor.input_type)(request)] == []


@pytest.mark.parametrize(("method", "binding"), BOUND, ids=IDS)
def test_an_operation_says_what_its_rpc_is(method: Method, binding: HttpBinding) -> None:
    found = operation(method, binding)
    assert found["summary"]
    assert method.path[1:] in found["description"]
    (tag,) = found["tags"]
    assert tag in [each["name"] for each in document()["tags"]]
    assert not tag.endswith("Service"), "its words stand in proto/examples.json"
    token: dict[str, list[str]] = {"bearerAuth": []}
    if method.policy.access != Access.ACCESS_PUBLIC:
        assert found["security"] == [token]
    else:
        assert found["security"] == ([{}, token] if method.policy.personal else [])
    assert str(method.policy.success_status or 200) in found["responses"]
    names = [resolved(parameter)["name"] for parameter in found.get("parameters", [])]
    assert ("Idempotency-Key" in names) == method.takes_idempotency_key
    assert len(names) == len(set(names))


@pytest.mark.parametrize(("method", "binding"), BOUND, ids=IDS)
def test_an_operation_lists_every_way_to_fail(method: Method, binding: HttpBinding) -> None:
    responses = operation(method, binding)["responses"]
    for status, reasons in failures_of(contract(), method, binding).items():
        if media_of(method.descriptor).error and status < 500:
            assert "4XX" in responses
            continue
        listed = resolved(responses[str(status)])["content"][JSON]["examples"]
        assert list(listed) == [reason.name for reason in reasons]


def test_operations_have_one_name_each() -> None:
    names = [each["operationId"] for item in document()["paths"].values() for each in item.values()]
    assert len(names) == len(set(names)) == len(BOUND)


def test_health_is_told_with_a_status_of_failures_too() -> None:
    answer = document()["paths"]["/health"]["get"]["responses"]["503"]["content"][JSON]
    names = [each["$ref"].rpartition("/")[2] for each in answer["schema"]["anyOf"]]
    assert names == ["MeshHealth", "Status"]


def test_of_every_shared_reason_is_known_when_it_can_happen() -> None:
    shared = {reason.name for reason in contract().reasons.values() if reason.enum == SHARED_REASONS_ENUM}
    assert set(APPLIES) == shared


def test_every_format_is_known() -> None:
    assert set(FORMATS) == {name for name in rules_pb2.Format.keys() if name != "FORMAT_UNSPECIFIED"}  # noqa: SIM118


def test_free_bodies_are_described() -> None:
    silent, unknown = [], []
    for method, binding in BOUND:
        body = method.descriptor.input_type.fields_by_name.get(binding.body)
        if not (is_free(method.descriptor.output_type) or (body is not None and is_free(body.message_type))):
            continue
        if not method.descriptor.GetOptions().HasExtension(media_pb2.media):
            silent.append(method.path)
        media = media_of(method.descriptor)
        named = {media.answer, media.request, media.error} - {""}
        unknown += [name for name in named if name not in messages_of(contract())]
    assert not silent, f"declare option (fitnesshub.options.v1.media): {silent}"
    assert not unknown


def test_values_for_examples_are_of_fields_that_exist() -> None:
    fields: set[str] = set()
    enums: set[str] = set()
    for message in messages_of(contract()).values():
        fields |= {name for each in message.fields for name in (each.name, f"{message.name}.{each.name}")}
    for file in contract().files:
        enums |= set(file.enum_types_by_name)
    texts = {"limit", "retry_after_seconds", "max_bytes", "accepted", "path", "rules"}
    given = json.loads((ROOT / "proto/examples.json").read_text())
    assert set(given["fields"]) - fields - texts == set()
    assert set(given["enums"]) - enums == set()
    assert set(given["violations"]) - set(contract().reasons) == set()
    assert set(given["tags"]) == {method.descriptor.containing_service.name for method, _ in BOUND}
    assert [each["name"] for each in document()["tags"]] == list(given["tags"].values())


def test_examples_name_an_exercise_that_every_installation_has() -> None:
    given = json.loads((ROOT / "proto/examples.json").read_text())["fields"]["exercise_id"]
    assert given in load().entries


def test_unknown_members_are_refused_in_requests_and_allowed_in_answers() -> None:
    for method, binding in BOUND:
        found = operation(method, binding)
        body = resolved(found.get("requestBody", {}).get("content", {}).get(JSON, {}).get("schema", {}))
        if body.get("properties") and not media_of(method.descriptor).declared_names:
            assert body["additionalProperties"] is False
        answer = next(iter(found["responses"].values())).get("content", {}).get(JSON, {}).get("schema", {})
        assert resolved(answer).get("additionalProperties", True) is True


def test_what_the_server_decides_is_read_only() -> None:
    for message in messages_of(contract()).values():
        schema = document()["components"]["schemas"].get(message.name)
        for field in message.fields if schema else ():
            rules = field.GetOptions().Extensions[rules_pb2.rules]
            shown = schema["properties"].get(field.json_name, {})
            assert not rules.output_only or shown.get("readOnly") is True, field.full_name


def test_the_reference_names_every_reason_and_every_event() -> None:
    errors, events = ((ROOT / "docs" / name).read_text() for name in ("errors.md", "events.md"))
    assert [name for name in contract().reasons if f"| `{name}` |" not in errors] == []
    for method in contract().methods.values():
        for reason in method.policy.reasons:
            (line,) = (line for line in errors.splitlines() if line.startswith(f"| `{reason}` |"))
            assert f"`{method.descriptor.containing_service.name}.{method.descriptor.name}`" in line
    for file in contract().files:
        if file.name.endswith("/events.proto"):
            assert [name for name in file.message_types_by_name if f"### {name}\n" not in events] == []
