"""Every RPC says who may call it and how, and what it says is possible."""

import re
from pathlib import Path

import pytest
from fitnesshub.options.v1 import policy_pb2

from chassis.contract import Access, Contract, ContractError, Method, load_contract
from chassis.edge.derived import contract_of
from chassis.edge.limits import BY_CLASS, rate_class
from chassis.edge.local_replies import FAILURES
from tests.contract import planted
from tests.contract.source import ROOT

METHODS = sorted(load_contract().methods.values(), key=lambda method: method.path)
IDS = [method.path.removeprefix("/fitnesshub.") for method in METHODS]


@pytest.fixture(scope="module")
def contract() -> Contract:
    return load_contract()


@pytest.mark.parametrize("method", METHODS, ids=IDS)
def test_the_rate_class_is_given_and_has_a_limit(method: Method) -> None:
    assert method.policy.rate_class != policy_pb2.RATE_CLASS_UNSPECIFIED
    assert rate_class(method) in {"", *BY_CLASS}


@pytest.mark.parametrize("method", METHODS, ids=IDS)
def test_callers_are_services_or_the_command_line(method: Method, contract: Contract) -> None:
    assert set(method.policy.callers) <= {*contract.hosts(), "cli"}


@pytest.mark.parametrize("method", METHODS, ids=IDS)
def test_a_write_over_rest_is_no_get(method: Method) -> None:
    for binding in method.http:
        assert (binding.verb == "GET") == method.is_read


def test_http_statuses_of_reasons_are_those_the_edge_passes(contract: Contract) -> None:
    source = (ROOT / "chassis" / "edge" / "answers.lua").read_text()
    passed = {int(status) for status in re.findall(r"\[(\d+)\] = true", source)}
    assert passed == {405, 409, 412, 413, 415, 422}
    wrong = {name: one.http_status for name, one in contract.reasons.items() if one.http_status not in {0, *passed}}
    assert not wrong


def test_what_the_edge_answers_is_declared_with_its_status(contract: Contract) -> None:
    answers = [one for case in FAILURES for one in (case.failure, case.grpc) if one is not None]
    undeclared = {one.reason for one in answers} - set(contract.reasons)
    assert not undeclared
    assert {one.reason: one.code for one in answers} == {
        one.reason: contract.reasons[one.reason].code for one in answers
    }


def test_a_good_contract_is_read(tmp_path: Path) -> None:
    (method,) = planted.contract(tmp_path, planted.PUBLIC).methods.values()
    assert method.policy.access == Access.ACCESS_PUBLIC


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ("", "has no policy"),
        ("option (fitnesshub.options.v1.policy) = {rate_class: RATE_CLASS_READ};", "access isn't given"),
        ("option (fitnesshub.options.v1.policy) = {access: ACCESS_ROLE};", "roles go with ACCESS_ROLE"),
        ("option (fitnesshub.options.v1.policy) = {access: ACCESS_USER roles: [ROLE_ADMIN]};", "roles go with"),
        ("option (fitnesshub.options.v1.policy) = {access: ACCESS_SERVICE};", "without callers"),
        ("option (fitnesshub.options.v1.policy) = {access: ACCESS_USER timeout: {seconds: 7200}};", "timeout must"),
        ("option (fitnesshub.options.v1.policy) = {access: ACCESS_USER success_status: 404};", "must be 2xx"),
        ("option (fitnesshub.options.v1.policy) = {access: ACCESS_USER personal: true};", "goes with ACCESS_PUBLIC"),
        ('option (fitnesshub.options.v1.policy) = {access: ACCESS_USER reasons: ["NOBODY_KNOWS"]};', "NOBODY_KNOWS"),
        (planted.PUBLIC + 'option (google.api.http) = {get: "/x"};', "GET needs idempotency_level"),
    ],
)
def test_an_impossible_policy_is_refused_by_name(tmp_path: Path, options: str, problem: str) -> None:
    with pytest.raises(ContractError, match=problem) as caught:
        planted.contract(tmp_path, options)
    assert "PlantedService.Plant" in str(caught.value)


@pytest.mark.parametrize("kind", ["stream PlantRequest) returns (", "PlantRequest) returns (stream "])
def test_a_stream_that_is_to_be_audited_is_refused(tmp_path: Path, kind: str) -> None:
    options = "option (fitnesshub.options.v1.policy) = {access: ACCESS_USER audited: true};"
    text = planted.SERVICE % (options, "")
    found = planted.descriptors(tmp_path, text.replace("PlantRequest) returns (", kind))
    with pytest.raises(ContractError, match="audited doesn't cover streams"):
        contract_of(found)
