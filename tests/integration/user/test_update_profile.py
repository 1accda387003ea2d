"""UpdateProfile and GetProfile: what changes, what is refused, and that concurrent changes lose nothing."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from fitnesshub.user.v1.events_pb2 import ProfileUpdated
from fitnesshub.user.v1.profile_pb2 import (
    PROFILE_VISIBILITY_PUBLIC,
    SEX_FEMALE,
    Profile,
    ProfileVisibility,
    Sex,
)

from chassis.clock import SystemIds
from chassis.errors import Aborted, AlreadyExists, InvalidArgument
from tests.integration.user import people
from tests.integration.user.people import Person, failing
from tests.integration.user.world import World


def new_name() -> str:
    """A username that nobody has."""
    return f"u{SystemIds().new().replace('-', '')[-20:]}"


async def test_before_the_first_change_it_is_empty_and_has_an_etag(ada: Person, bob: Person) -> None:
    found = await ada.profile()
    assert found == Profile(user_id=ada.id, etag=found.etag)
    assert found.etag
    assert found.etag != (await bob.profile()).etag


async def test_everything_that_can_be_changed(world: World, ada: Person) -> None:
    change = Profile(
        username=new_name(),
        display_name="Ada Lovelace",
        bio="Weaves algebraic patterns.",
        location="London",
        avatar_uri="https://example.org/ada.jpg",
        birth_date="1990-12-10",
        sex=SEX_FEMALE,
        height_cm=165.5,
        visibility=PROFILE_VISIBILITY_PUBLIC,
    )

    after = await ada.update_profile(change)

    assert await ada.profile() == after
    assert after.update_time.ToDatetime(UTC) == world.clock.now()
    expected = Profile(user_id=ada.id, etag=after.etag, update_time=after.update_time)
    expected.MergeFrom(change)
    assert after == expected


async def test_without_a_mask_what_is_present_is_changed(ada: Person) -> None:
    before = await ada.update_profile(Profile(bio="Weaves.", location="London"))
    after = await ada.update_profile(Profile(bio=""))
    assert (after.HasField("bio"), after.bio, after.location) == (True, "", "London")
    assert after.etag != before.etag


async def test_a_mask_clears_what_is_absent_and_leaves_the_rest(ada: Person) -> None:
    name = new_name()
    await ada.update_profile(Profile(username=name, bio="Weaves.", height_cm=165, sex=SEX_FEMALE))
    after = await ada.update_profile(Profile(location="London", bio="ignored"), mask=["heightCm", "username"])
    assert not after.HasField("height_cm")
    assert not after.HasField("username")
    assert (after.bio, after.sex, after.HasField("location")) == ("Weaves.", SEX_FEMALE, False)
    assert (await ada.update_profile(Profile(username=name))).username == name


async def test_a_star_replaces_everything(ada: Person) -> None:
    await ada.update_profile(Profile(bio="Weaves.", location="London"))
    after = await ada.update_profile(Profile(display_name="Ada"), mask=["*"])
    assert (after.display_name, after.HasField("bio"), after.HasField("location")) == ("Ada", False, False)


@pytest.mark.parametrize("path", ["user_id", "etag", "update_time", "nonsense", ""])
async def test_a_mask_that_names_something_else_is_refused(ada: Person, path: str) -> None:
    with failing("UPDATE_MASK_INVALID") as caught:
        await ada.update_profile(Profile(bio="Weaves."), mask=["bio", path])
    assert caught.value.metadata == {"path": path}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (Profile(username="ab"), "username"),
        (Profile(username="Ada"), "username"),
        (Profile(username="1ada"), "username"),
        (Profile(username="ada-l"), "username"),
        (Profile(username=".ada"), "username"),
        (Profile(username="ada."), "username"),
        (Profile(username="ada..l"), "username"),
        (Profile(username="аda"), "username"),  # noqa: RUF001 - a Cyrillic letter
        (Profile(username="a" * 31), "username"),
        (Profile(display_name=""), "displayName"),
        (Profile(display_name="Ada\nLovelace"), "displayName"),
        (Profile(display_name="x" * 101), "displayName"),
        (Profile(bio="x" * 501), "bio"),
        (Profile(avatar_uri="javascript:alert(1)"), "avatarUri"),
        (Profile(birth_date="1990-02-30"), "birthDate"),
        (Profile(height_cm=49), "heightCm"),
        (Profile(height_cm=float("nan")), "heightCm"),
        (Profile(sex=Sex.ValueType(9)), "sex"),
        (Profile(visibility=ProfileVisibility.ValueType(0)), "visibility"),
    ],
)
async def test_broken_rules_are_named(ada: Person, change: Profile, field: str) -> None:
    before = await ada.profile()
    with failing("INVALID_REQUEST") as caught:
        await ada.update_profile(change)
    assert {each.field for each in caught.value.violations} == {f"profile.{field}"}
    assert await ada.profile() == before


@pytest.mark.parametrize("name", ["admin", "ad.min", "_admin"[1:] + "_", "fitness_hub", "me_"])
async def test_names_of_the_platform_are_kept(ada: Person, name: str) -> None:
    with failing("USERNAME_RESERVED") as caught:
        await ada.update_profile(Profile(username=name))
    assert caught.value.metadata == {"username": name}
    assert [each.field for each in caught.value.violations] == ["profile.username"]


async def test_a_username_belongs_to_one_person(ada: Person, bob: Person) -> None:
    name = new_name()
    await ada.update_profile(Profile(username=name))
    with failing("USERNAME_TAKEN") as caught:
        await bob.update_profile(Profile(username=name, bio="Builds."))
    assert isinstance(caught.value, AlreadyExists)
    assert caught.value.metadata == {"username": name}
    assert not (await bob.profile()).HasField("bio")
    await ada.update_profile(Profile(username=new_name()))
    assert (await bob.update_profile(Profile(username=name))).username == name


async def test_of_many_who_want_a_username_at_once_one_gets_it(world: World) -> None:
    persons = [await people.with_role(world) for _ in range(5)]
    name = new_name()
    outcomes = await asyncio.gather(
        *(person.update_profile(Profile(username=name)) for person in persons), return_exceptions=True
    )
    assert [type(each) for each in outcomes].count(Profile) == 1
    assert [type(each) for each in outcomes].count(AlreadyExists) == 4


@pytest.mark.parametrize(
    ("days", "years", "accepted"), [(0, 0, True), (1, 0, False), (0, 120, True), (-1, 120, False), (365, 120, True)]
)
async def test_birth_dates(ada: Person, world: World, days: int, years: int, accepted: bool) -> None:
    """Judged by the day that it is in Kiribati, where days begin first."""
    latest = (world.clock.now() + timedelta(hours=14)).date()
    born = latest.replace(year=latest.year - years) + timedelta(days=days)
    change = Profile(birth_date=f"{born:%Y-%m-%d}")
    if accepted:
        assert (await ada.update_profile(change)).birth_date == change.birth_date
        return
    with failing("BIRTH_DATE_INVALID") as caught:
        await ada.update_profile(change)
    assert [each.field for each in caught.value.violations] == ["profile.birthDate"]


async def test_blanks_around_a_name_are_dropped_and_nothing_else_is_no_name(ada: Person) -> None:
    before = await ada.profile()
    assert await ada.update_profile(Profile(display_name="  ")) == before
    assert (await ada.update_profile(Profile(display_name=" Ada "))).display_name == "Ada"
    assert not (await ada.update_profile(Profile(display_name=" "))).HasField("display_name")


async def test_a_change_of_nothing_writes_nothing(world: World, ada: Person) -> None:
    before = await ada.update_profile(Profile(bio="Weaves."))
    world.advance(60)
    assert await ada.update_profile(Profile(bio="Weaves.")) == before
    assert await ada.update_profile() == before
    assert (await world.event_types(ada.id)).count("ProfileUpdated") == 1


async def test_the_event_carries_the_whole_profile_and_its_version(world: World, ada: Person) -> None:
    await ada.update_profile(Profile(bio="Weaves."))
    after = await ada.update_profile(Profile(location="London"))
    said = ProfileUpdated()
    event = [event for event in await world.events(ada.id) if event.data.Unpack(said)][-1]
    assert said.profile == after
    assert (event.aggregate_type, event.aggregate_id, event.aggregate_version) == ("profile", ada.id, 2)
    assert event.subject_user_id == ada.id


async def test_the_etag_read_before_lets_a_change_through_once(ada: Person) -> None:
    empty = await ada.profile()
    first = await ada.update_profile(Profile(bio="Weaves.", etag=empty.etag))
    for change, headers in (
        (Profile(bio="Builds.", etag=empty.etag), {}),
        (Profile(bio="Builds."), {"if_match": f'"{empty.etag}"'}),
    ):
        with failing("PROFILE_ETAG_MISMATCH") as caught:
            await ada.update_profile(change, **headers)
        assert isinstance(caught.value, Aborted)
        assert caught.value.metadata == {"etag": first.etag}
    assert await ada.profile() == first
    second = await ada.update_profile(Profile(bio="Builds."), if_match=f'"{first.etag}"')
    assert second.bio == "Builds."


async def test_changes_of_different_fields_at_the_same_time_are_kept(world: World, ada: Person) -> None:
    for round_ in range(2):  # the first finds no profile, the second one
        changes = [
            Profile(bio=f"bio {round_}"),
            Profile(location=f"location {round_}"),
            Profile(height_cm=160 + round_),
            Profile(display_name=f"name {round_}"),
        ]
        await asyncio.gather(*(ada.update_profile(change) for change in changes))
        after = await ada.profile()
        assert (after.bio, after.location, after.height_cm, after.display_name) == (
            f"bio {round_}",
            f"location {round_}",
            160 + round_,
            f"name {round_}",
        )
    versions = [each.aggregate_version for each in await world.events(ada.id) if each.type.endswith("ProfileUpdated")]
    assert sorted(versions) == list(range(1, 9))


async def test_of_two_changes_with_the_same_etag_one_wins(ada: Person) -> None:
    for _ in range(2):
        etag = (await ada.profile()).etag
        calls = [ada.update_profile(Profile(bio=f"{etag} {each}", etag=etag)) for each in range(4)]
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
        won = [each for each in outcomes if isinstance(each, Profile)]
        assert [await ada.profile()] == won
        assert {getattr(each, "reason", "") for each in outcomes if each not in won} == {"PROFILE_ETAG_MISMATCH"}


async def test_a_repeat_under_the_same_key_changes_once(ada: Person) -> None:
    etag = (await ada.profile()).etag
    first = await ada.update_profile(Profile(bio="Weaves.", etag=etag), idempotency_key="profile-1")
    assert await ada.update_profile(Profile(bio="Weaves.", etag=etag), idempotency_key="profile-1") == first


async def test_a_user_who_is_gone_is_not_found(world: World, ada: Person) -> None:
    await ada.update_profile(Profile(username=new_name(), visibility=PROFILE_VISIBILITY_PUBLIC))
    await world.delete_user(ada.id)
    for call in (ada.profile(), ada.update_profile(Profile(bio="Weaves.")), ada.preferences()):
        with failing("USER_NOT_FOUND"):
            await call


async def test_a_change_that_was_accepted_before_a_rule_stays(ada: Person, world: World) -> None:
    """A birth date doesn't expire: other fields of somebody older than the rule allows can still be changed."""
    born = world.clock.now() - timedelta(days=119 * 365)
    await ada.update_profile(Profile(birth_date=f"{born:%Y-%m-%d}"))
    clock = world.clock.time
    try:
        world.clock.time = datetime(clock.year + 3, 1, 1, 12, tzinfo=UTC)
        later = Person(world, await world.sign_in(ada.email))
        assert (await later.update_profile(Profile(bio="Weaves."))).birth_date == f"{born:%Y-%m-%d}"
        with pytest.raises(InvalidArgument):
            await later.update_profile(Profile(birth_date=f"{born - timedelta(days=1):%Y-%m-%d}"))
    finally:
        world.clock.time = clock
