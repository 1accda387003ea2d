"""UpdatePreferences and GetPreferences: what was chosen, and the defaults where nothing was."""

import asyncio
from datetime import UTC

import pytest
from fitnesshub.user.v1.events_pb2 import PreferencesUpdated
from fitnesshub.user.v1.profile_pb2 import EFFORT_SCALE_RIR, EFFORT_SCALE_RPE, EffortScale, Preferences
from fitnesshub.workout.v1.workout_pb2 import (
    DISTANCE_UNIT_KILOMETER,
    DISTANCE_UNIT_MILE,
    WEIGHT_UNIT_KG,
    WEIGHT_UNIT_LB,
    WeightUnit,
)
from google.type.dayofweek_pb2 import MONDAY, SUNDAY

from tests.integration.user.people import Person, failing
from tests.integration.user.world import World


def chosen(preferences: Preferences) -> Preferences:
    """Without what the server says of a change."""
    rest = Preferences()
    rest.CopyFrom(preferences)
    rest.ClearField("etag")
    rest.ClearField("update_time")
    return rest


DEFAULTS = Preferences(
    weight_unit=WEIGHT_UNIT_KG,
    distance_unit=DISTANCE_UNIT_KILOMETER,
    time_zone="UTC",
    first_day_of_week=MONDAY,
    language="en",
    effort_scale=EFFORT_SCALE_RPE,
)


async def test_until_somebody_chooses_there_are_defaults_and_an_etag(ada: Person, bob: Person) -> None:
    found = await ada.preferences()
    assert chosen(found) == DEFAULTS
    assert found.etag
    assert not found.HasField("update_time")
    assert found.etag != (await bob.preferences()).etag


async def test_everything_that_can_be_chosen(world: World, ada: Person) -> None:
    change = Preferences(
        weight_unit=WEIGHT_UNIT_LB,
        distance_unit=DISTANCE_UNIT_MILE,
        time_zone="America/New_York",
        first_day_of_week=SUNDAY,
        language="pt-BR",
        effort_scale=EFFORT_SCALE_RIR,
    )
    after = await ada.update_preferences(change)
    assert chosen(after) == change
    assert after.update_time.ToDatetime(UTC) == world.clock.now()
    assert await ada.preferences() == after


async def test_what_is_present_is_changed_and_a_mask_brings_defaults_back(ada: Person) -> None:
    await ada.update_preferences(Preferences(weight_unit=WEIGHT_UNIT_LB, language="de"))
    after = await ada.update_preferences(Preferences(time_zone="Europe/Berlin"))
    assert (after.weight_unit, after.language, after.time_zone) == (WEIGHT_UNIT_LB, "de", "Europe/Berlin")
    after = await ada.update_preferences(mask=["weight_unit", "timeZone"])
    assert (after.weight_unit, after.language, after.time_zone) == (WEIGHT_UNIT_KG, "de", "UTC")
    assert chosen(await ada.update_preferences(mask=["*"])) == DEFAULTS


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (Preferences(time_zone="Mars/Olympus"), "timeZone"),
        (Preferences(language="english"), "language"),
        (Preferences(weight_unit=WeightUnit.ValueType(77)), "weightUnit"),
        (Preferences(effort_scale=EffortScale.ValueType(0)), "effortScale"),
        (Preferences(first_day_of_week=8), "firstDayOfWeek"),
    ],
)
async def test_broken_rules_are_named(ada: Person, change: Preferences, field: str) -> None:
    with failing("INVALID_REQUEST") as caught:
        await ada.update_preferences(change)
    assert [each.field for each in caught.value.violations] == [f"preferences.{field}"]


@pytest.mark.parametrize("path", ["etag", "update_time", "nonsense"])
async def test_a_mask_that_names_something_else_is_refused(ada: Person, path: str) -> None:
    with failing("UPDATE_MASK_INVALID"):
        await ada.update_preferences(Preferences(language="de"), mask=[path])


async def test_the_event_carries_the_preferences_with_their_defaults(world: World, ada: Person) -> None:
    after = await ada.update_preferences(Preferences(language="de"))
    assert await ada.update_preferences(Preferences(language="de")) == after
    said = PreferencesUpdated()
    [event] = [event for event in await world.events(ada.id) if event.data.Unpack(said)]
    assert (said.user_id, said.preferences) == (ada.id, after)
    assert (event.aggregate_type, event.aggregate_id, event.aggregate_version) == ("preferences", ada.id, 1)


async def test_the_etag_read_before_lets_a_change_through_once(ada: Person) -> None:
    empty = await ada.preferences()
    first = await ada.update_preferences(Preferences(language="de", etag=empty.etag))
    with failing("PREFERENCES_ETAG_MISMATCH") as caught:
        await ada.update_preferences(Preferences(language="fr"), if_match=f'"{empty.etag}"')
    assert caught.value.metadata == {"etag": first.etag}
    with failing("PREFERENCES_ETAG_MISMATCH"):
        await ada.update_preferences(Preferences(language="fr", etag=empty.etag))
    assert (await ada.update_preferences(Preferences(language="fr", etag=first.etag))).language == "fr"


async def test_changes_of_different_fields_at_the_same_time_are_kept(ada: Person) -> None:
    changes = [
        Preferences(language="de"),
        Preferences(time_zone="Europe/Berlin"),
        Preferences(first_day_of_week=SUNDAY),
        Preferences(weight_unit=WEIGHT_UNIT_LB),
    ]
    await asyncio.gather(*(ada.update_preferences(change) for change in changes))
    after = await ada.preferences()
    assert (after.language, after.time_zone, after.first_day_of_week, after.weight_unit) == (
        "de",
        "Europe/Berlin",
        SUNDAY,
        WEIGHT_UNIT_LB,
    )


async def test_a_repeat_under_the_same_key_changes_once(ada: Person) -> None:
    etag = (await ada.preferences()).etag
    change = Preferences(language="de", etag=etag)
    first = await ada.update_preferences(change, idempotency_key="preferences-1")
    assert await ada.update_preferences(change, idempotency_key="preferences-1") == first


async def test_a_user_who_is_gone_is_not_found(world: World, ada: Person) -> None:
    await world.delete_user(ada.id)
    with failing("USER_NOT_FOUND"):
        await ada.update_preferences(Preferences(language="de"))
