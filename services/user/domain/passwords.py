"""What a new password must satisfy. Length beats composition (NIST SP 800-63B), so no character classes."""

from enum import StrEnum

from services.user.domain.common_passwords import COMMON_PASSWORDS

MIN_LENGTH = 8
MAX_LENGTH = 128
"""Characters. Longer ones buy no strength and cost hashing time."""


class PasswordRule(StrEnum):
    """A rule that a password breaks, by the name callers get."""

    MIN_LENGTH = "minLength"
    MAX_LENGTH = "maxLength"
    TOO_COMMON = "tooCommon"
    SAME_AS_EMAIL = "sameAsEmail"


def broken_rules(password: str, email: str) -> tuple[PasswordRule, ...]:
    """The rules that a password breaks for the owner of a normalised address; empty when it may be used."""
    broken = []
    folded = password.strip().lower()
    if len(password) < MIN_LENGTH:
        broken.append(PasswordRule.MIN_LENGTH)
    if len(password) > MAX_LENGTH:
        broken.append(PasswordRule.MAX_LENGTH)
    if folded in COMMON_PASSWORDS:
        broken.append(PasswordRule.TOO_COMMON)
    if folded in (email, email.partition("@")[0]):
        broken.append(PasswordRule.SAME_AS_EMAIL)
    return tuple(broken)
