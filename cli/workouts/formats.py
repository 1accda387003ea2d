"""Which app a file is from, told by its header."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from cli.problems import Unusable, shown
from cli.workouts import hevy, strong
from cli.workouts.sessions import Reader
from cli.workouts.table import Table
from cli.workouts.values import Units


class Format(NamedTuple):
    """What the export of one app looks like."""

    name: str
    required: frozenset[str]
    """Columns that every generation of it has."""
    reader: Callable[[Table, Units], Reader]
    tells_units: Callable[[Sequence[str]], bool]
    """Whether a file with these columns says what its numbers are in."""


FORMATS = (
    Format("Strong", strong.REQUIRED, strong.Strong, strong.tells_units),
    Format("Hevy", hevy.REQUIRED, hevy.Hevy, lambda _: True),
)


def recognise(columns: Sequence[str]) -> Format:
    """The format of a file with this header. Raises Unusable, which says what was looked for."""
    found = next((each for each in FORMATS if each.required <= set(columns)), None)
    if found is not None:
        return found
    looked_for = "; ".join(f"{each.name}'s has {', '.join(sorted(each.required))}" for each in FORMATS)
    raise Unusable(f"its header {shown(','.join(columns))} is no known export: {looked_for}")
