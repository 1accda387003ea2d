"""Generated requests against every operation of the OpenAPI document, through the front door of a running stack.

No answer is a server error, and each has a status, a content type and a body that the document names.
"""

import json
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from requests.adapters import HTTPAdapter
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from chassis.contract import load_contract
from chassis.edge.limits import rate_class
from tests.contract.source import ROOT
from tests.e2e.doorway import fresh_address

DOCUMENT = json.loads((ROOT / "gen/fitnesshub/openapi.json").read_text())
SCHEMA = schemathesis.openapi.from_dict(DOCUMENT)
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
AnyCase = Case[Any]
EVENT_STREAM = "text/event-stream"
"""Such an answer has no end; tests/edge has tests of streams."""
MEMBER_REQUESTS, NOBODY_REQUESTS = 12, 4
"""For each operation: below the limits of a user and of an address without a token, and all within a minute."""
SECONDS = 10


def operations() -> Iterator[tuple[str, str, Any]]:
    """Operation id, RPC, operation."""
    for result in SCHEMA.get_all_operations():
        assert isinstance(result, Ok), result
        operation = result.ok()
        raw = DOCUMENT["paths"][operation.path][operation.method]
        if not any(EVENT_STREAM in each.get("content", {}) for each in raw["responses"].values()):
            yield raw["operationId"], "/" + raw["description"].rpartition("Over gRPC: `")[2].rstrip("`."), operation


OPERATIONS = {name: operation for name, _, operation in operations()}
METHODS = load_contract().methods
ADMINISTRATION = [
    name
    for name, rpc, _ in operations()
    # Imports would fill the library that other tests of the run look at.
    if "admin" in METHODS[rpc].roles and rate_class(METHODS[rpc]) != "heavy"
]


class FromAddress(HTTPAdapter):
    """Calls from a loopback address of its own: the real rate limits are on."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, source_address=(fresh_address(), 0), **kwargs)


def session(token: str = "") -> requests.Session:
    made = requests.Session()
    made.mount("http://", FromAddress())
    if token:
        made.headers["authorization"] = f"Bearer {token}"
    return made


@pytest.fixture
def member(edge_url: str) -> requests.Session:
    """Somebody who has just signed up."""
    body = {"email": f"{uuid.uuid4().hex}@example.org", "password": uuid.uuid4().hex}
    answer = session().post(f"{edge_url}/auth/v1/signup", json=body, timeout=SECONDS)
    assert answer.status_code == 200, answer.text
    return session(answer.json()["access_token"])


def known(operation: Any, edge_url: str, member: requests.Session) -> dict[str, str]:
    """Ids of things that are there, by the name of the path parameter that takes them."""
    if "{" not in operation.path:
        return {}
    me = member.get(f"{edge_url}/api/v1/users/me", timeout=SECONDS).json()
    body = {"title": "Push day", "startTime": "2026-11-23T17:00:00Z"}
    workout = member.post(f"{edge_url}/api/v1/workouts", json=body, timeout=SECONDS).json()
    sessions = member.get(f"{edge_url}/api/v1/users/me/sessions", timeout=SECONDS).json()["sessions"]
    return {"userId": me["id"], "workoutId": workout["id"], "sessionId": sessions[0]["id"], "file": "start.js"}


def check(operation: Any, number: int, url: str, caller: requests.Session, ids: dict[str, str]) -> None:
    """Calls with generated requests, right and wrong ones; half of those with ids in the path name what is there."""
    right = operation.as_strategy(generation_mode=GenerationMode.POSITIVE)
    wrong = operation.as_strategy(generation_mode=GenerationMode.NEGATIVE)

    @settings(
        max_examples=number,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=st.one_of(right, wrong), there=st.booleans())
    def run(case: AnyCase, there: bool) -> None:
        if there and case.path_parameters:
            case.path_parameters.update({name: ids[name] for name in case.path_parameters if name in ids})
        case.validate_response(case.call(base_url=url, session=caller, timeout=SECONDS), checks=CHECKS)

    run()


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_member_gets_what_the_document_says(name: str, edge_url: str, member: requests.Session) -> None:
    check(OPERATIONS[name], MEMBER_REQUESTS, edge_url, member, known(OPERATIONS[name], edge_url, member))


@pytest.mark.parametrize("name", OPERATIONS)
def test_nobody_gets_what_the_document_says(name: str, edge_url: str) -> None:
    check(OPERATIONS[name], NOBODY_REQUESTS, edge_url, session(), {})


@pytest.mark.parametrize("name", ADMINISTRATION)
def test_an_administrator_gets_what_the_document_says(
    name: str, edge_url: str, member: requests.Session, token: Callable[..., str]
) -> None:
    check(
        OPERATIONS[name], MEMBER_REQUESTS, edge_url, session(token("admin")), known(OPERATIONS[name], edge_url, member)
    )
