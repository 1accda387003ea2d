"""ListUsers and GetUser: who is listed by which filter, in which order, page by page."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import pytest
from fitnesshub.options.v1.policy_pb2 import ROLE_ADMIN, ROLE_MEMBER, ROLE_SERVICE, ROLE_TRAINER

from tests.integration.user import people
from tests.integration.user.people import Person, failing
from tests.integration.user.world import World


async def all_ids(admin: Person, page_size: int = 100, **filters: Any) -> list[str]:
    """Of all pages."""
    found: list[str] = []
    token = ""
    while True:
        page = await admin.users(page_size=page_size, page_token=token, **filters)
        found += [user.id for user in page.users]
        token = page.next_page_token
        if not token:
            return found
        assert len(page.users) == page_size


def only(ids: Iterable[str], persons: Iterable[Person]) -> list[str]:
    """The ids of these people, in the order found."""
    wanted = {person.id for person in persons}
    return [each for each in ids if each in wanted]


async def test_everybody_is_listed_once_newest_first(world: World, admin: Person) -> None:
    persons = [await people.member(world) for _ in range(5)]
    ids = await all_ids(admin, page_size=3)
    assert len(ids) == len(set(ids))
    assert ids == sorted(ids, reverse=True)
    assert set(only(ids, persons)) == {person.id for person in persons}


async def test_an_account_in_the_list_is_the_account(admin: Person, ada: Person) -> None:
    page = await admin.users(email_prefix=ada.email)
    assert list(page.users) == [ada.session.user]
    assert await admin.user(ada.id) == ada.session.user


async def test_who_comes_in_between_pages_shifts_nothing(world: World, admin: Person) -> None:
    persons = [await people.member(world) for _ in range(4)]
    first = await admin.users(page_size=2)
    await people.member(world)
    second = await admin.users(page_size=2, page_token=first.next_page_token)
    ids = [user.id for user in (*first.users, *second.users)]
    assert ids == sorted((person.id for person in persons), reverse=True)


async def test_a_prefix_lists_by_address_without_regard_to_case(world: World, admin: Person) -> None:
    prefix = world.address().partition("@")[0]
    emails = [f"{prefix}{end}@example.org" for end in ("b", "a", ".z", "_", "ab")]
    for email in emails:
        await people.member(world, email)
    found: list[str] = []
    token = ""
    while True:
        page = await admin.users(email_prefix=prefix.upper(), page_size=2, page_token=token)
        found += [user.email for user in page.users]
        token = page.next_page_token
        if not token:
            break
    assert found == sorted(emails)
    assert [user.email for user in (await admin.users(email_prefix=f"{prefix}a")).users] == sorted(
        f"{prefix}{end}@example.org" for end in ("a", "ab")
    )


@pytest.mark.parametrize("wildcard", ["%", "_%", "\\"])
async def test_a_prefix_is_no_pattern(admin: Person, wildcard: str) -> None:
    assert list((await admin.users(email_prefix=wildcard)).users) == []


async def test_a_role_lists_who_has_it(world: World, admin: Person) -> None:
    trainer = await people.with_role(world, ROLE_TRAINER)
    both = await people.with_role(world, ROLE_SERVICE)
    await admin.set_roles(both.id, ROLE_SERVICE, ROLE_TRAINER)
    ada = await people.member(world)
    persons = (trainer, both, ada)
    assert only(await all_ids(admin, role=ROLE_TRAINER, page_size=1), persons) == [both.id, trainer.id]
    assert only(await all_ids(admin, role=ROLE_SERVICE), persons) == [both.id]
    assert only(await all_ids(admin, role=ROLE_MEMBER), persons) == [ada.id, both.id, trainer.id]
    assert admin.id in await all_ids(admin, role=ROLE_ADMIN)
    await admin.set_roles(both.id)
    assert only(await all_ids(admin, role=ROLE_TRAINER), persons) == [trainer.id]


async def test_suspended_is_by_the_clock(world: World, admin: Person) -> None:
    forever, for_a_minute, free = [await people.member(world) for _ in range(3)]
    persons = (forever, for_a_minute, free)
    await admin.suspend(forever.id)
    await admin.suspend(for_a_minute.id, until=world.clock.now() + timedelta(minutes=1))
    assert only(await all_ids(admin, suspended=True, page_size=1), persons) == [for_a_minute.id, forever.id]
    assert only(await all_ids(admin, suspended=False), persons) == [free.id]
    assert only(await all_ids(admin), persons) == [free.id, for_a_minute.id, forever.id]

    world.advance(60)

    assert only(await all_ids(admin, suspended=True), persons) == [forever.id]
    assert only(await all_ids(admin, suspended=False), persons) == [free.id, for_a_minute.id]
    page = await admin.users(email_prefix=for_a_minute.email)
    assert not page.users[0].HasField("suspension")


async def test_filters_narrow_together(world: World, admin: Person) -> None:
    trainer, other = await people.with_role(world, ROLE_TRAINER), await people.with_role(world, ROLE_TRAINER)
    await admin.suspend(trainer.id)
    found = await admin.users(email_prefix=trainer.email, role=ROLE_TRAINER, suspended=True)
    assert [user.id for user in found.users] == [trainer.id]
    assert not (await admin.users(email_prefix=trainer.email, role=ROLE_ADMIN)).users
    assert not (await admin.users(email_prefix=other.email, suspended=True)).users
    assert only(await all_ids(admin, role=ROLE_TRAINER, suspended=False), (trainer, other)) == [other.id]


async def test_a_page_token_is_good_for_its_own_filters(world: World, admin: Person) -> None:
    for _ in range(2):
        await people.with_role(world, ROLE_TRAINER)
    token = (await admin.users(role=ROLE_TRAINER, page_size=1)).next_page_token
    assert token
    for filters in ({}, {"role": ROLE_SERVICE}, {"role": ROLE_TRAINER, "suspended": False}):
        with failing("PAGE_TOKEN_INVALID"):
            await admin.users(page_token=token, **filters)
    with failing("PAGE_TOKEN_INVALID"):
        await admin.users(page_token="made-up", role=ROLE_TRAINER)


async def test_a_negative_page_size_is_refused_and_a_large_one_cut(admin: Person) -> None:
    with failing("INVALID_REQUEST"):
        await admin.users(page_size=-1)
    assert len((await admin.users(page_size=1000)).users) <= 100


async def test_an_unknown_user_is_not_found(admin: Person) -> None:
    with failing("USER_NOT_FOUND") as caught:
        await admin.user("01956b1c-0000-7000-8000-000000000001")
    assert caught.value.metadata == {"userId": "01956b1c-0000-7000-8000-000000000001"}


async def test_only_admins_may(world: World, ada: Person) -> None:
    for actor in (ada, await people.moderator(world)):
        with failing("ROLE_REQUIRED"):
            await actor.users()
        with failing("ROLE_REQUIRED"):
            await actor.user(ada.id)
