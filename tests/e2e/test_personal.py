"""Reads that the contract doesn't call personal look the same to everybody."""

from collections.abc import Callable

import httpx
import pytest

from chassis.contract import Access, Method, load_contract

IMPERSONAL = [
    method
    for method in load_contract().methods.values()
    if method.policy.access == Access.ACCESS_PUBLIC and not method.policy.personal and method.is_read and method.http
]
TIMES = 20


@pytest.fixture
async def owner(http: httpx.AsyncClient, token: Callable[..., str]) -> dict[str, str]:
    """The headers of somebody who would see something of their own first."""
    bearer = {"authorization": f"Bearer {token(None, 'ada@personal.dev')}"}
    exercise = {"name": "A lift of my own", "category": "EXERCISE_CATEGORY_STRENGTH", "level": "EXERCISE_LEVEL_EXPERT"}
    answer = await http.post("/api/v1/exercises", json=exercise, headers=bearer | {"idempotency-key": "mine"})
    assert answer.status_code == 201, answer.text
    return bearer


@pytest.mark.parametrize("method", IMPERSONAL, ids=lambda method: method.descriptor.name)
async def test_a_token_changes_nothing(http: httpx.AsyncClient, owner: dict[str, str], method: Method) -> None:
    path = method.http[0].template.replace("{file}", "start.js")
    for _ in range(TIMES):
        before, asked, after = [await http.get(path, headers=headers) for headers in ({}, owner, {})]
        assert before.status_code == 200
        # An answer that changes with time is asked for again.
        if before.content == after.content:
            assert (asked.status_code, asked.content) == (200, before.content)
            return
    pytest.fail(f"never the same twice in {TIMES} times")
