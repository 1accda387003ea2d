"""How an import fails: as a whole, or in one row."""

from typing import NamedTuple


class Unusable(Exception):
    """The file can't be imported at all; the text is a sentence for the person at the terminal."""


class RowRefused(Exception):
    """One row can't be taken over; the text says why."""


class Refusal(NamedTuple):
    """A row that wasn't taken over."""

    line: int
    problem: str


def shown(text: str) -> str:
    """A text of the file as messages quote it: short, on one line."""
    return repr(text if len(text) <= 60 else f"{text[:59]}…")
