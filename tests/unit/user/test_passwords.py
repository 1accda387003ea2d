import pytest

from services.user.domain.common_passwords import COMMON_PASSWORDS
from services.user.domain.passwords import MAX_LENGTH, MIN_LENGTH, PasswordRule, broken_rules


@pytest.mark.parametrize("password", ["correct horse", "x7!kQ2#v", "ünïcødé wörds", "a" * 127 + "b"])
def test_good_passwords_break_nothing(password: str) -> None:
    assert broken_rules(password, "ada@example.org") == ()


@pytest.mark.parametrize(
    ("password", "rule"),
    [
        ("short7!", PasswordRule.MIN_LENGTH),
        ("x" * 129, PasswordRule.MAX_LENGTH),
        ("password123", PasswordRule.TOO_COMMON),
        ("PassWord123", PasswordRule.TOO_COMMON),
        ("Ada.Lovelace@Example.org", PasswordRule.SAME_AS_EMAIL),
        ("ada.lovelace", PasswordRule.SAME_AS_EMAIL),
    ],
)
def test_each_rule_is_named_when_broken(password: str, rule: PasswordRule) -> None:
    assert broken_rules(password, "ada.lovelace@example.org") == (rule,)


def test_length_counts_characters_not_bytes() -> None:
    assert broken_rules("é" * MIN_LENGTH, "ada@example.org") == ()
    assert broken_rules("é" * MAX_LENGTH, "ada@example.org") == ()


def test_all_broken_rules_are_told_at_once() -> None:
    assert broken_rules("ada", "ada@example.org") == (PasswordRule.MIN_LENGTH, PasswordRule.SAME_AS_EMAIL)


def test_the_list_holds_only_passwords_that_would_be_accepted_otherwise() -> None:
    for password in COMMON_PASSWORDS:
        assert password == password.lower()
        assert broken_rules(password, "ada@example.org") == (PasswordRule.TOO_COMMON,)
