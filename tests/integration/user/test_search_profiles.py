"""SearchProfiles and GetPublicProfile: who is found by what, in which order, and who isn't shown."""

import string
from datetime import timedelta
from typing import Any

import pytest
from fitnesshub.user.v1.profile_pb2 import PROFILE_VISIBILITY_PRIVATE, PROFILE_VISIBILITY_PUBLIC, Profile, PublicProfile
from fitnesshub.user.v1.profile_service_pb2 import GetPublicProfileRequest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chassis.clock import SystemIds
from services.user.domain.search import fold, query
from tests.integration.user import people
from tests.integration.user.people import PROFILES, Person, failing
from tests.integration.user.world import World


def tag() -> str:
    """The beginning of names that no other test uses: letters only."""
    digits = SystemIds().new().replace("-", "")[-12:]
    return "q" + digits.translate(str.maketrans(string.digits, "ghijklmnop"))


async def show(world: World, username: str = "", display_name: str = "", **fields: Any) -> Person:
    """A new person with a public profile."""
    person = await people.with_role(world)
    profile = Profile(visibility=PROFILE_VISIBILITY_PUBLIC, **fields)
    if username:
        profile.username = username
    if display_name:
        profile.display_name = display_name
    await person.update_profile(profile)
    return person


async def search(person: Person, text: str, page_size: int = 100) -> list[str]:
    """Ids of all pages."""
    found: list[str] = []
    token = ""
    while True:
        page = await person.search(text, page_size=page_size, page_token=token)
        found += [each.user_id for each in page.profiles]
        token = page.next_page_token
        if not token:
            return found
        assert len(page.profiles) == page_size


async def test_the_whole_username_comes_before_its_beginning_and_that_before_the_name(
    world: World, ada: Person
) -> None:
    t = tag()
    by_name = await show(world, f"x{t}", f"Somebody {t}sen")
    longer = await show(world, f"{t}.jones")
    whole = await show(world, t)
    long = await show(world, f"{t}_a")
    name_only = await show(world, "", f"{t} Abel")
    assert await search(ada, t) == [whole.id, longer.id, long.id, name_only.id, by_name.id]
    assert await search(ada, t, page_size=2) == [whole.id, longer.id, long.id, name_only.id, by_name.id]


async def test_a_found_profile_is_what_others_see(world: World, ada: Person) -> None:
    t = tag()
    person = await show(
        world, t, "Grace Hopper", bio="Finds bugs.", location="New York", avatar_uri="https://example.org/g.jpg"
    )
    await person.update_profile(Profile(birth_date="1990-12-09", height_cm=167))
    expected = PublicProfile(
        user_id=person.id,
        username=t,
        display_name="Grace Hopper",
        bio="Finds bugs.",
        location="New York",
        avatar_uri="https://example.org/g.jpg",
        join_time=person.session.user.create_time,
    )
    assert list((await ada.search(t)).profiles) == [expected]
    assert await ada.public_profile(person.id) == expected
    request = GetPublicProfileRequest(user_id=person.id)
    assert await world.call(PROFILES, "GetPublicProfile", request, PublicProfile) == expected


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("{t} Müller", "{t} mul"),
        ("{t} Muller", "{t} MÜL"),
        ("Łukasz {t}", "{t}"),
        ("Łukasz{t}", "lukasz{t}"),
        ("Đặng{t}", "dang{t}"),
        ("Søren {t}", "  {T} "),
        ("Weiß{t}", "WEISS{t}"),
        ("O’Brien{t}", "o'brien{t}"),
        ("Dr. {t}", "dr {t}"),
        ("Anna-{t}", "{t}"),
        ("{t}", "{t}%"),
        ("Анна {t}", "анна {t}"),
        ("王芳{t}", "王芳{t}"),
    ],
)
async def test_case_accents_and_punctuation_dont_matter(world: World, ada: Person, name: str, text: str) -> None:
    t = tag()
    person = await show(world, "", name.format(t=t))
    assert await search(ada, text.format(t=t, T=t.upper())) == [person.id]


@pytest.mark.parametrize("text", ["{t}x", "x{t}", "{t} {t}", "_{t}", "%%", "!!", "..", "\\\\", "''"])
async def test_what_isnt_the_beginning_finds_nobody(world: World, ada: Person, text: str) -> None:
    t = tag()
    person = await show(world, f"a{t}", f"{t} Ab")
    assert person.id not in await search(ada, text.format(t=t))


async def test_a_query_with_a_dot_is_a_username_and_words(world: World, ada: Person) -> None:
    t = tag()
    dotted = await show(world, f"{t}.lo", f"{t} Lovelace")
    words = await show(world, f"{t}lo", f"{t} Lovelace")
    assert await search(ada, f"@{t}.l") == [dotted.id, words.id]
    assert set(await search(ada, f"{t} l")) == {dotted.id, words.id}


async def test_everybody_is_found_once(world: World, ada: Person) -> None:
    t = tag()
    person = await show(world, f"{t}.{t}", f"{t} {t}a {t}")
    assert await search(ada, t) == [person.id]
    assert await search(ada, t, page_size=1) == [person.id]


async def test_the_first_eight_words_of_a_name_count(world: World, ada: Person) -> None:
    t = tag()
    person = await show(world, "", f"a b c d e f g h{t} i{t}")
    assert await search(ada, f"h{t}") == [person.id]
    assert await search(ada, f"i{t}") == []


async def test_names_that_grow_when_they_are_taken_apart_are_cut(world: World, ada: Person) -> None:
    person = await show(world, "", "㍿" * 100)  # four characters each
    for text in ("株式会社", "㍿" * 10, "㍿" * 60):
        assert person.id in await search(ada, text)


async def test_private_profiles_look_as_if_there_were_none_except_to_their_owner(
    world: World, ada: Person, bob: Person
) -> None:
    t = tag()
    await ada.update_profile(Profile(username=t, display_name=f"{t} Lovelace"))
    for visibility in (None, PROFILE_VISIBILITY_PRIVATE):
        await ada.update_profile(Profile(visibility=visibility), mask=["visibility"])
        assert await search(bob, t) == []
        assert await search(ada, t) == []
        nobody = "01956b1c-0000-7000-8000-000000000001"
        seen = []
        for user_id in (ada.id, nobody):
            with failing("USER_NOT_FOUND") as caught:
                await bob.public_profile(user_id)
            seen.append(caught.value.message.replace(user_id, ""))
            assert caught.value.metadata == {"userId": user_id}
        assert seen[0] == seen[1]
        assert (await ada.public_profile(ada.id)).username == t
    await ada.update_profile(Profile(visibility=PROFILE_VISIBILITY_PUBLIC))
    assert await search(bob, t) == [ada.id]
    assert (await bob.public_profile(ada.id)).username == t
    await ada.update_profile(mask=["visibility"])
    assert await search(bob, t) == []


async def test_who_filled_nothing_in_sees_that(ada: Person, bob: Person) -> None:
    expected = PublicProfile(user_id=ada.id, join_time=ada.session.user.create_time)
    assert await ada.public_profile(ada.id) == expected
    with failing("USER_NOT_FOUND"):
        await bob.public_profile(ada.id)


async def test_a_new_name_is_found_and_the_old_one_isnt(world: World, ada: Person) -> None:
    t, u = tag(), tag()
    person = await show(world, t, f"{t} Lovelace")
    await person.update_profile(Profile(username=u))
    assert await search(ada, u) == [person.id]
    await person.update_profile(Profile(display_name="Ada Lovelace"))
    assert await search(ada, t) == []


async def test_suspended_people_are_neither_found_nor_shown_until_it_is_over(
    world: World, ada: Person, bob: Person
) -> None:
    admin = await people.admin(world)
    t = tag()
    person = await show(world, t)
    other = await show(world, f"{t}b")
    await admin.suspend(person.id, until=world.clock.now() + timedelta(minutes=1))
    assert await search(ada, t) == [other.id]
    with failing("USER_NOT_FOUND"):
        await ada.public_profile(person.id)
    world.advance(60)
    assert await search(bob, t) == [person.id, other.id]
    assert (await bob.public_profile(person.id)).username == t


async def test_a_page_token_is_good_for_its_own_query(world: World, ada: Person) -> None:
    t = tag()
    for end in "ab":
        await show(world, t + end)
    token = (await ada.search(t, page_size=1)).next_page_token
    assert token
    for text, sent in ((f"{t}a", token), (t, "made-up")):
        with failing("PAGE_TOKEN_INVALID"):
            await ada.search(text, page_token=sent)


async def test_who_appears_between_pages_shifts_nothing(world: World, ada: Person) -> None:
    t = tag()
    first, second = await show(world, f"{t}b"), await show(world, f"{t}d")
    named = await show(world, "", f"{t}d")
    page = await ada.search(t, page_size=1)
    await show(world, f"{t}a")
    later = await show(world, f"{t}c")
    rest = await ada.search(t, page_size=10, page_token=page.next_page_token)
    assert [each.user_id for each in (*page.profiles, *rest.profiles)] == [first.id, later.id, second.id, named.id]


@pytest.mark.parametrize("text", ["", "a", "x" * 101])
async def test_queries_have_two_to_a_hundred_characters(ada: Person, text: str) -> None:
    with failing("INVALID_REQUEST"):
        await ada.search(text)


async def test_searching_needs_a_token(world: World, ada: Person) -> None:
    ada.session.access_token = "none"
    with failing("UNAUTHENTICATED"):
        await ada.search("ada")


NAMES = st.text("ab ._é", max_size=6)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    people_=st.lists(st.tuples(st.text("ab._", max_size=4), NAMES), min_size=1, max_size=6),
    texts=st.lists(st.text("aAb .é", min_size=1, max_size=4), min_size=1, max_size=4),
    page_size=st.integers(1, 3),
)
async def test_the_index_finds_what_reading_everything_would(
    world: World, ada: Person, people_: list[tuple[str, str]], texts: list[str], page_size: int
) -> None:
    t = tag()
    names: dict[str, tuple[str, str]] = {}
    for number, (username, name) in enumerate(people_):
        unique = ".".join(part for part in f"{t}{username}{number}".split(".") if part)
        shown = f"{t}{name}"
        person = await show(world, unique, shown)
        names[person.id] = (unique, shown)
    for text in (f"{t}{each}" for each in texts):
        asked = query(text)

        def rank(user_id: str, asked: object = asked, text: str = text) -> tuple[int, str] | None:
            username, shown = names[user_id]
            looked_for = query(text)
            if looked_for.username and username.startswith(looked_for.username):
                return 0, username
            words = fold(shown).replace(".", " ").split()
            suffixes = sorted(" ".join(words[first:]) for first in range(len(words)))
            found = [each for each in suffixes if looked_for.name and each.startswith(looked_for.name)]
            return (1, found[0]) if found else None

        ranks = {user_id: rank(user_id) for user_id in names}
        expected = sorted((r, user_id) for user_id, r in ranks.items() if r is not None)
        assert await search(ada, text, page_size) == [user_id for _, user_id in expected]
