"""What people may do: `member` always, the rest as it is given."""

import pytest
from fitnesshub.user.v1.user_pb2 import User

from chassis.contract import ROLE_NAMES
from services.user.domain.roles import GIVEN, MEMBER, replace


def test_the_contract_knows_the_same_roles() -> None:
    assert {MEMBER, *GIVEN} == set(ROLE_NAMES.values())


@pytest.mark.parametrize(
    ("before", "given", "after"),
    [
        (["member"], ["admin", "trainer"], ["member", "trainer", "admin"]),
        (["member", "admin"], ["trainer"], ["member", "trainer"]),
        (["member", "admin"], [], ["member"]),
        (["member"], ["member", "service"], ["member", "service"]),
    ],
)
def test_roles_are_replaced_and_member_stays(before: list[str], given: list[str], after: list[str]) -> None:
    user = User(roles=before)
    assert replace(user, given)
    assert list(user.roles) == after


def test_the_same_roles_in_another_order_are_no_change() -> None:
    user = User(roles=["member", "admin", "trainer"])
    assert not replace(user, ["trainer", "admin"])
    assert list(user.roles) == ["member", "admin", "trainer"]
