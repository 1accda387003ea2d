"""Rules of profiles: names that nobody may have, days of birth, what others see."""

from datetime import UTC, datetime

import pytest
from fitnesshub.user.v1.profile_pb2 import PROFILE_VISIBILITY_PUBLIC, SEX_FEMALE, Preferences, Profile, PublicProfile
from google.protobuf.timestamp_pb2 import Timestamp

from chassis.errors import InvalidArgument
from services.user.domain.profiles import (
    DEFAULTS,
    PREFERENCES_UPDATABLE,
    PROFILE_UPDATABLE,
    check_profile,
    preferences_etag,
    profile_etag,
    public_profile,
    search_keys,
    settle,
    with_defaults,
)
from services.user.domain.usernames import RESERVED, is_reserved

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize("name", ["admin", "a.d_min", "admin_", "support", "null", "me_"])
def test_names_of_the_platform_are_reserved_however_they_are_written(name: str) -> None:
    assert is_reserved(name)


@pytest.mark.parametrize("name", ["ada", "administratrix", "badmin", "my_coach1"])
def test_other_names_are_free(name: str) -> None:
    assert not is_reserved(name)


def test_the_list_is_written_as_it_is_compared() -> None:
    assert all(name.isascii() and name.isalnum() and name == name.lower() for name in RESERVED)


@pytest.mark.parametrize(
    ("now", "born", "accepted"),
    [
        (NOON, "2026-03-01", True),
        (NOON, "2026-03-02", True),  # in Kiribati it is tomorrow
        (NOON, "2026-03-03", False),
        (NOON.replace(hour=9), "2026-03-02", False),
        (NOON, "1906-03-02", True),
        (NOON, "1906-03-01", False),
        (datetime(2028, 2, 29, tzinfo=UTC), "1908-02-29", True),
        (datetime(2028, 3, 1, tzinfo=UTC), "1908-02-29", False),
    ],
)
def test_nobody_is_born_tomorrow_or_more_than_120_years_ago(now: datetime, born: str, accepted: bool) -> None:
    profile = Profile(birth_date=born)
    if accepted:
        check_profile(profile, ["birth_date"], now)
        return
    with pytest.raises(InvalidArgument) as refused:
        check_profile(profile, ["birth_date"], now)
    assert refused.value.reason == "BIRTH_DATE_INVALID"


def test_what_isnt_changed_isnt_judged() -> None:
    check_profile(Profile(username="admin", birth_date="1800-01-01"), ["bio"], NOON)


def test_blanks_are_no_name() -> None:
    profile = Profile(display_name="  Ada ")
    settle(profile)
    assert profile.display_name == "Ada"
    profile.display_name = " "
    settle(profile)
    assert not profile.HasField("display_name")


def test_facts_about_the_body_are_never_public() -> None:
    secret = {"birth_date", "sex", "height_cm", "visibility"}
    assert PROFILE_UPDATABLE - secret == set(PublicProfile.DESCRIPTOR.fields_by_name) - {"user_id", "join_time"}
    profile = Profile(user_id="u", username="ada", birth_date="1990-12-10", sex=SEX_FEMALE, height_cm=165)
    assert public_profile(profile, Timestamp(seconds=1)) == PublicProfile(
        user_id="u", username="ada", join_time=Timestamp(seconds=1)
    )


def test_only_public_profiles_have_search_keys() -> None:
    profile = Profile(username="ada", display_name="Ada Lovelace")
    assert search_keys(profile) == []
    profile.visibility = PROFILE_VISIBILITY_PUBLIC
    assert [each.key for each in search_keys(profile)] == ["ada", "ada lovelace", "lovelace"]


def test_every_preference_has_a_default_that_a_choice_replaces() -> None:
    assert {field.name for field, _ in DEFAULTS.ListFields()} == PREFERENCES_UPDATABLE
    assert with_defaults(Preferences()) == DEFAULTS
    assert with_defaults(Preferences(language="de", etag="e")).language == "de"
    assert DEFAULTS.language == "en"


def test_etags_of_a_persons_resources_differ() -> None:
    made = {tag("u", version) for tag in (profile_etag, preferences_etag) for version in range(3)}
    assert len(made) == 6
