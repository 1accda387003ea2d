"""E-mail addresses as keys: one spelling a mailbox, so that nobody registers twice by accident."""

import hashlib


def normalise(email: str) -> str:
    """The address as it is stored and compared: lower case, no blanks around it."""
    return email.strip().lower()


def fingerprint(email: str) -> bytes:
    """SHA-256 of a normalised address: counts failures for it without keeping strangers' addresses."""
    return hashlib.sha256(email.encode()).digest()
