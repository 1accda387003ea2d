"""What stands in a cell: numbers, times, durations, as the apps write them on phones of any language."""

import re
import unicodedata
from datetime import UTC, datetime, timedelta, timezone
from typing import NamedTuple
from zoneinfo import ZoneInfo

from fitnesshub.workout.v1 import workout_pb2 as pb

from cli.problems import RowRefused, shown

_PLAIN = re.compile(r"-?\d{1,9}(?:\.\d{1,20})?")
_WITH_COMMA = re.compile(r"-?\d{1,9}(?:[.,]\d{1,20})?")
_FEW_DECIMALS = re.compile(r"-?\d{1,9},\d{1,2}")

_CLOCK = r"(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:\.\d+)?)?(?: ?(?P<half>[AaPp])\.?[Mm]\.?)?"
_TIMES = tuple(
    re.compile(f"{day}{_CLOCK}(?P<offset>Z|[+-][0-9]{{2}}:?[0-9]{{2}})?")
    for day in (
        r"(?P<year>\d{4})-(?P<month>\d{2})-(?P<day>\d{2})[ T]",
        r"(?P<day>\d{1,2})\.? (?:de )?(?P<name>[^\W\d]+)\.? (?:de )?(?P<year>\d{4}),? ",
        r"(?P<name>[^\W\d]+)\.? (?P<day>\d{1,2}), (?P<year>\d{4}),? ",
    )
)
"""`2024-03-28 17:29:00`, `28 Mar 2024, 17:29`, `Mar 28, 2024, 5:29 PM`."""
_MONTHS = (
    ("jan", "ene", "gen"),
    ("feb", "fev"),
    ("mar", "mrz", "mrt", "maa"),
    ("apr", "abr", "avr"),
    ("may", "mai", "mag", "mei"),
    ("jun", "juin", "giu"),
    ("jul", "juil", "lug"),
    ("aug", "ago", "aou"),
    ("sep", "set"),
    ("oct", "okt", "ott", "out"),
    ("nov",),
    ("dec", "dez", "dic"),
)
"""How their names begin in English, German, French, Spanish, Italian, Portuguese and Dutch, without accents."""
_DURATION = re.compile(
    r"(?:(?P<hours>\d{1,6}) ?h(?:rs?)?)? ?(?:(?P<minutes>\d{1,6}) ?m(?:in)?)? ?(?:(?P<seconds>\d{1,6}) ?s(?:ec)?)?"
)

EARLIEST, LATEST = 1900, 2200
"""Years. Beyond them a date is a slip, and near the ends of the calendar no time zone can be applied."""

WEIGHT_UNITS = {
    "kg": pb.WEIGHT_UNIT_KG,
    "kgs": pb.WEIGHT_UNIT_KG,
    "lb": pb.WEIGHT_UNIT_LB,
    "lbs": pb.WEIGHT_UNIT_LB,
}
DISTANCE_UNITS = {
    "m": pb.DISTANCE_UNIT_METER,
    "meters": pb.DISTANCE_UNIT_METER,
    "km": pb.DISTANCE_UNIT_KILOMETER,
    "mi": pb.DISTANCE_UNIT_MILE,
    "miles": pb.DISTANCE_UNIT_MILE,
    "yd": pb.DISTANCE_UNIT_YARD,
}


class Units(NamedTuple):
    """What the numbers of a file are in."""

    weight: pb.WeightUnit.ValueType
    distance: pb.DistanceUnit.ValueType


def number(column: str, text: str, separator: str) -> float | None:
    """A decimal number; None for an empty cell. Raises RowRefused.

    A comma is a decimal comma, except where it may separate thousands: before three digits or more in a file that
    separates its cells by commas.
    """
    if not text:
        return None
    form = _WITH_COMMA if separator != "," else _PLAIN
    if form.fullmatch(text) or _FEW_DECIMALS.fullmatch(text):
        return float(text.replace(",", "."))
    raise RowRefused(f"{column} {shown(text)} isn't a number")


def whole_number(column: str, text: str, separator: str) -> int | None:
    """A whole number, which may be written as `12.0`; None for an empty cell. Raises RowRefused."""
    value = number(column, text, separator)
    if value is None or value.is_integer():
        return None if value is None else int(value)
    raise RowRefused(f"{column} {shown(text)} isn't a whole number")


def local_time(column: str, text: str) -> datetime:
    """A time as it is written: without a zone, unless it says its offset. Raises RowRefused."""
    # Phones put narrow and unbreakable spaces into times.
    plain = " ".join(_without_accents(text).split())
    match = next(filter(None, (form.fullmatch(plain) for form in _TIMES)), None)
    try:
        if match is None:
            raise ValueError
        parts = match.groupdict()
        hour = int(parts["hour"])
        if parts["half"]:
            if not 1 <= hour <= 12:
                raise ValueError
            hour = hour % 12 + (12 if parts["half"] in "pP" else 0)
        month = _month(parts["name"]) if parts.get("name") else int(parts["month"])
        year, second = int(parts["year"]), int(parts["second"] or 0)
        if not EARLIEST <= year <= LATEST:
            raise ValueError
        time = datetime(year, month, int(parts["day"]), hour, int(parts["minute"]), second)  # noqa: DTZ001 - on the wall
        return time.replace(tzinfo=_offset(parts["offset"])) if parts["offset"] else time
    except ValueError:
        raise RowRefused(f"{column} {shown(text)} isn't a time such as 2024-03-28 17:29:00") from None


def duration(column: str, text: str) -> timedelta:
    """A length of time, as `1h 5m`, `7 min` or a number of seconds; zero for an empty cell. Raises RowRefused."""
    if re.fullmatch(r"\d{1,9}", text):
        return timedelta(seconds=int(text))
    match = _DURATION.fullmatch(text.lower())
    if match is None:
        raise RowRefused(f"{column} {shown(text)} isn't a duration such as 1h 5m")
    return timedelta(**{unit: int(count) for unit, count in match.groupdict().items() if count})


def instant(time: datetime, zone: ZoneInfo, not_before: datetime | None = None) -> datetime:
    """The moment in UTC of a time on the wall in `zone`.

    An hour that the clocks skip is read as if they hadn't been changed yet. Of an hour that comes twice it is the
    first, or the second where the first is earlier than `not_before`: workouts don't end before they begin.
    """
    if time.tzinfo is not None:
        return time.astimezone(UTC)
    first = time.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if not_before is None or first >= not_before:
        return first
    second = time.replace(tzinfo=zone, fold=1).astimezone(UTC)
    return second if second >= not_before else first


def _month(name: str) -> int:
    # Of all names that begin so the longest counts: juin and juil tell June from July, jui doesn't.
    months = [
        (len(beginning), month)
        for month, beginnings in enumerate(_MONTHS, 1)
        for beginning in beginnings
        if name.lower().startswith(beginning)
    ]
    if not months:
        raise ValueError
    return max(months)[1]


def _offset(text: str) -> timezone:
    if text == "Z":
        return UTC
    sign = -1 if text[0] == "-" else 1
    return timezone(sign * timedelta(hours=int(text[1:3]), minutes=int(text[-2:])))


def _without_accents(text: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
