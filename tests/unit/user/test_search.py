"""The laws of search keys: a query finds a person by the best key only, whatever their names are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.user.domain.search import MAX_KEY, MAX_WORDS, Kind, Query, SearchKey, fold, keys, query


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Ada Lovelace", "ada lovelace"),
        ("  ADA\tLovelace ", "ada lovelace"),
        ("Müller", "muller"),
        ("Mu\u0308ller", "muller"),
        ("Łukasz Sørensen", "lukasz sorensen"),
        ("Đặng Thị", "dang thi"),
        ("Weiß", "weiss"),
        ("İstanbul Iğdır", "istanbul igdir"),  # noqa: RUF001 - two letters of Turkish
        ("O'Brien O’Brien", "obrien obrien"),
        ("Anne-Marie", "anne marie"),
        ("j.r_smith", "j.r_smith"),
        ("ﬃ Ａ", "ffi a"),  # noqa: RUF001 - a ligature and a wide letter
        ("Анна", "анна"),
        ("!?%", ""),
    ],
)
def test_case_accents_and_punctuation_dont_count(text: str, folded: str) -> None:
    assert fold(text) == folded


def test_a_vowel_sign_is_part_of_its_word() -> None:
    assert " " not in fold("हिंदी")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("@Ada", Query("ada", "ada")),
        ("ada.l", Query("ada.l", "ada l")),
        ("ada l", Query("", "ada l")),
        ("ada.", Query("ada", "ada")),
        ("ada_", Query("ada_", "ada_")),
        ("!!", Query("", "")),
    ],
)
def test_a_query_looks_for_usernames_and_names(text: str, expected: Query) -> None:
    assert query(text) == expected


def test_a_person_is_found_by_the_username_and_from_every_word_on() -> None:
    assert keys("ada", "Ada King Lovelace") == [
        SearchKey(Kind.USERNAME, "ada", 0),
        SearchKey(Kind.NAME, "ada king lovelace", 3),
        SearchKey(Kind.NAME, "king lovelace", 0),
        SearchKey(Kind.NAME, "lovelace", 0),
    ]


def test_without_names_nobody_is_found() -> None:
    assert keys("", "") == []
    assert keys("", "!?") == []


def test_keys_are_few_and_short() -> None:
    found = keys("", " ".join(["\u337f" * 40] * 20))
    assert len(found) == MAX_WORDS
    assert max(len(each.key) for each in found) == MAX_KEY


USERNAMES = st.just("") | st.from_regex(r"[ab][ab_]*(\.[ab_]+)*", fullmatch=True).filter(lambda name: len(name) <= 8)


@given(USERNAMES, st.text("abAB ._é'", max_size=12), st.text("ab ._", min_size=1, max_size=5))
def test_a_query_finds_a_person_by_at_most_one_key_and_by_the_best(username: str, name: str, text: str) -> None:
    """As the store asks: the key begins with the query, isn't covered, and no username of theirs begins with it."""
    asked = query(text)
    found = [each for each in keys(username, name) if each.kind is Kind.USERNAME]
    by_username = [each for each in found if asked.username and each.key.startswith(asked.username)]
    matching = [
        each.key
        for each in keys(username, name)
        if each.kind is Kind.NAME and asked.name and each.key.startswith(asked.name)
    ]
    by_name = [
        each.key
        for each in keys(username, name)
        if each.kind is Kind.NAME
        and asked.name
        and each.key.startswith(asked.name)
        and each.covered < len(asked.name)
        and not (asked.username and username.startswith(asked.username))
    ]
    if by_username:
        assert by_name == []
    else:
        assert by_name == sorted(matching)[:1]
