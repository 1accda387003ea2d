"""HTTP paths, request bounds and comments: what the generator refuses, each with its place."""

import re
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.contract import load_contract
from chassis.edge.lint import comment_problems, contract_problems
from chassis.edge.paths import Template, TemplateError, parse_template
from chassis.edge.protoc import read_descriptors
from tests.contract import planted
from tests.contract.source import ROOT

KEY_SET = "no method serves GET /auth/v1/.well-known/jwks.json"


def test_our_contract_has_no_problem() -> None:
    assert not list(contract_problems(load_contract()))


def test_everything_of_ours_has_a_comment() -> None:
    assert not list(comment_problems(read_descriptors(ROOT / "proto", comments=True)))


@pytest.mark.parametrize(
    ("text", "segments", "variables", "verb"),
    [
        ("/health", ("health",), (), ""),
        ("/api/v1/workouts/{workout_id}", ("api", "v1", "workouts", "*"), ("workout_id",), ""),
        ("/v1/{name=users/*/workouts/*}:archive", ("v1", "users", "*", "workouts", "*"), ("name",), "archive"),
        ("/v1/files/{path=**}", ("v1", "files", "**"), ("path",), ""),
        ("/api/v1/exercises:import", ("api", "v1", "exercises"), (), "import"),
        ("/v1/{a.b}/x/{c}", ("v1", "*", "x", "*"), ("a.b", "c"), ""),
    ],
)
def test_a_template_is_parsed(text: str, segments: tuple[str, ...], variables: tuple[str, ...], verb: str) -> None:
    assert parse_template(text) == Template(text, segments, variables, verb)


@pytest.mark.parametrize("text", ["", "/", "x", "/a/", "/a//b", "/{a", "/a}b", "/{a}{b}", "/**/a", "/{a}/{a}", "/{1}"])
def test_a_bad_template_is_refused(text: str) -> None:
    with pytest.raises(TemplateError):
        parse_template(text)


@pytest.mark.parametrize(
    ("left", "right", "overlap"),
    [
        ("/a/{x}", "/a/{y}", True),
        ("/a/me", "/a/{x}", True),
        ("/a/{x}", "/b/{x}", False),
        ("/a/{x}", "/a/{x}/b", False),
        ("/a/{x}:go", "/a/{x}", False),
        ("/a/{x}:go", "/a/{y}:go", True),
        ("/a/{x}:go", "/a/{x}:stop", False),
        ("/a:go", "/a/{x}:go", False),
        ("/files/{x=**}", "/files/{y}/parts", True),
        ("/files/{x=**}", "/photos/{y}", False),
        ("/{x}/b", "/a/{y}", True),
    ],
)
def test_templates_overlap(left: str, right: str, overlap: bool) -> None:
    assert parse_template(left).overlaps(parse_template(right)) is overlap
    assert parse_template(right).overlaps(parse_template(left)) is overlap


SEGMENTS = st.lists(st.sampled_from(["a", "b", "{x}"]), min_size=1, max_size=3)
PATHS = st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=3)


@given(left=SEGMENTS, right=SEGMENTS, path=PATHS)
def test_a_path_that_matches_two_templates_makes_them_overlap(
    left: list[str], right: list[str], path: list[str]
) -> None:
    templates = [
        parse_template("/" + "/".join(part.replace("x", f"v{index}") for index, part in enumerate(parts)))
        for parts in (left, right)
    ]
    text = "/" + "/".join(path)
    if all(re.fullmatch(template.regex, text) for template in templates):
        assert templates[0].overlaps(templates[1])


def test_no_two_of_our_templates_overlap() -> None:
    bindings = [(b.verb, parse_template(b.template)) for m in load_contract().methods.values() for b in m.http]
    assert bindings
    assert not [
        (one, other)
        for (verb, one), (other_verb, other) in combinations(bindings, 2)
        if verb == other_verb and one.overlaps(other)
    ]


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ('post: "/p/{nothing}"', "{nothing} isn't a field in fitnesshub.planted"),
        ('post: "/p/{plant}"', "{plant} isn't a single plain value"),
        ('post: "/p/{plant.nothing}"', "{plant.nothing} isn't a field"),
        ('post: "/p/{many}"', "{many} isn't a single plain value"),
        ('post: "/p" body: "nothing"', "body 'nothing' is no field"),
        ('delete: "/p" body: "plant"', "DELETE /p has a body"),
        ('custom: {kind: "PURGE" path: "/p"}', "HTTP method PURGE"),
        ('post: "/p/{plant_id"', "can't be read"),
        ('post: "/p/{plant_id}" additional_bindings: {post: "/p/self"}', "match one path"),
    ],
)
def test_an_impossible_mapping_is_named(tmp_path: Path, options: str, problem: str) -> None:
    http = f"option (google.api.http) = {{{options}}};"
    many = "repeated string many = 3 [(fitnesshub.options.v1.rules) = {max_items: 3}];"
    problems = list(contract_problems(planted.contract(tmp_path, planted.PUBLIC + http, many)))
    assert any(problem in each and "PlantedService/Plant" in each for each in problems), problems


def test_the_same_path_by_other_methods_is_no_collision(tmp_path: Path) -> None:
    http = (
        'option (google.api.http) = {post: "/p/{plant_id}" additional_bindings: {patch: "/p/{plant_id}"}'
        ' additional_bindings: {post: "/p/{plant_id}:water"}};'
    )
    (only,) = contract_problems(planted.contract(tmp_path, planted.PUBLIC + http))
    assert only.startswith(KEY_SET)


@pytest.mark.parametrize(
    "field",
    ["repeated string many = 3;", "map<string, string> many = 3;", "repeated PlantResponse many = 3;"],
)
def test_a_field_without_bound_is_named(tmp_path: Path, field: str) -> None:
    problems = list(contract_problems(planted.contract(tmp_path, planted.PUBLIC, field)))
    assert any(each.endswith("PlantRequest.many is repeated and has no max_items") for each in problems)


def test_a_field_that_the_server_decides_needs_no_bound(tmp_path: Path) -> None:
    field = "repeated string many = 3 [(fitnesshub.options.v1.rules) = {output_only: true}];"
    assert not [each for each in contract_problems(planted.contract(tmp_path, planted.PUBLIC, field)) if "many" in each]


def test_what_has_no_comment_is_named_with_its_line(tmp_path: Path) -> None:
    text = """
message Bare {
  string field = 1;
  enum Inner { INNER_UNSPECIFIED = 0; }
}
service BareService {
  rpc Call(Bare) returns (Bare);
}
"""
    problems = list(comment_problems(planted.descriptors(tmp_path, text)))
    places = [each.partition(": ")[0].rpartition(":")[2] for each in problems]
    names = [each.partition(": ")[2].partition(" ")[0] for each in problems]
    assert dict(zip(names, places, strict=True)) == {
        "BareService": "13",
        "BareService.Call": "14",
        "Bare": "9",
        "Bare.field": "10",
        "Bare.Inner": "11",
        "Bare.Inner.INNER_UNSPECIFIED": "11",
    }
    assert all(each.startswith("proto/fitnesshub/planted") for each in problems)
