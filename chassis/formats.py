"""Tests of single values that the field rules ask for: well-known string forms, times, free JSON.

Each is a plain function of one value, made or compiled once, because they run for every field of every request.
"""

import math
import re
from collections.abc import Callable, Sequence
from datetime import date
from functools import cache
from ipaddress import AddressValueError, IPv6Address
from typing import Any
from zoneinfo import available_timezones

from fitnesshub.options.v1 import rules_pb2

NUL = "\0"
NUL_PROBLEM = "must not contain the character U+0000"
MAX_DEPTH = 32
"""Levels of nesting in free JSON. Protobuf itself stops reading at 33, three messages a level."""
MAX_VALUES = 5000
"""Values in one piece of free JSON: looking at them takes about 5 ms, the longest that may hold up the loop."""

_MIN_SECONDS, _MAX_SECONDS = -62_135_596_800, 253_402_300_799
"""The years 1 to 9999 of RFC 3339, in Unix time."""
_MAX_DURATION = 315_576_000_000
"""Seconds in 10,000 years, the range of google.protobuf.Duration."""

is_uuid: Callable[[str], Any] = re.compile("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}").fullmatch
"""Canonical lower-case form. As `chassis.clock.is_uuid`, at a quarter of its time."""

_LANGUAGE = re.compile("[a-z]{2,3}(?:-[A-Z][a-z]{3})?(?:-(?:[A-Z]{2}|[0-9]{3}))?")
_DATE = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")

_LABEL = "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_EMAIL = re.compile(rf"(?=.{{3,254}}\Z)(?=[^@]{{1,64}}@){_ATOM}(?:\.{_ATOM})*@(?:{_LABEL}\.)+(?![0-9]+\Z){_LABEL}")
_URI_CHARACTER = r"(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})"
_URI = re.compile(
    rf"[Hh][Tt][Tt][Pp][Ss]?://(?:\[(?P<ipv6>[0-9A-Fa-f:.]+)\]|(?:[A-Za-z0-9._~-]|%[0-9A-Fa-f]{{2}})+)"
    rf"(?::(?P<port>[0-9]{{1,5}}))?(?:/{_URI_CHARACTER}*)*(?:\?(?:{_URI_CHARACTER}|[/?])*)?(?:#(?:{_URI_CHARACTER}|[/?])*)?"
)


def is_email(text: str) -> bool:
    """A mailbox of RFC 5321 as browsers take it: a dot-atom, @, and a domain of at least two labels, all ASCII."""
    return _EMAIL.fullmatch(text) is not None


def is_uri(text: str) -> bool:
    """An absolute http or https URI (RFC 3986). User names in it are refused, as RFC 9110 section 4.2.4 advises."""
    match = _URI.fullmatch(text)
    if match is None or int(match["port"] or 0) > 65535:
        return False
    if match["ipv6"] is not None:
        try:
            IPv6Address(match["ipv6"])
        except AddressValueError:
            return False
    return True


def is_date(text: str) -> bool:
    """A day of the Gregorian calendar, as YYYY-MM-DD."""
    if _DATE.fullmatch(text) is None:
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


@cache
def _time_zones() -> frozenset[str]:
    names = frozenset(available_timezones()) - {"localtime", "Factory"}
    if "Europe/Berlin" not in names:
        raise RuntimeError("no time-zone database on this machine: install the system's tzdata package")
    return names


def _time_zone_test() -> Callable[[str], bool]:
    return _time_zones().__contains__


FORMATS: dict[int, tuple[Callable[[], Callable[[str], Any]], str]] = {
    rules_pb2.FORMAT_UUID: (lambda: is_uuid, "must be a UUID in lower case, as 018f3c9e-7b1a-7c3e-9d2f-0123456789ab"),
    rules_pb2.FORMAT_EMAIL: (lambda: is_email, "must be an e-mail address, as ada@example.org"),
    rules_pb2.FORMAT_URI: (lambda: is_uri, "must be an absolute http or https URI"),
    rules_pb2.FORMAT_TIME_ZONE: (_time_zone_test, "must be a time zone of the IANA database, as Europe/Berlin"),
    rules_pb2.FORMAT_LANGUAGE: (lambda: _LANGUAGE.fullmatch, "must be a language tag, as de or pt-BR"),
    rules_pb2.FORMAT_DATE: (lambda: is_date, "must be a date, as 1990-02-28"),
}
"""By format: what makes its test, and what to say when the test fails."""


def timestamp_problem(value: Any) -> str:
    """What is wrong with a google.protobuf.Timestamp; empty when RFC 3339 can write it."""
    if _MIN_SECONDS <= value.seconds <= _MAX_SECONDS and 0 <= value.nanos <= 999_999_999:
        return ""
    return "must be a time between 0001-01-01T00:00:00Z and 9999-12-31T23:59:59.999999999Z"


def duration_problem(value: Any) -> str:
    """What is wrong with a google.protobuf.Duration; empty when it is valid."""
    seconds, nanos = value.seconds, value.nanos
    if (
        -_MAX_DURATION <= seconds <= _MAX_DURATION
        and -999_999_999 <= nanos <= 999_999_999
        and not (seconds > 0 > nanos or seconds < 0 < nanos)
    ):
        return ""
    return f"must be a duration of at most {_MAX_DURATION} s, seconds and nanos of the same sign"


def json_problem(value: Any) -> str:
    """What is wrong with a google.protobuf.Struct, Value or ListValue; empty when PostgreSQL and JSON can hold it."""
    level = [value]
    seen = 0
    for _ in range(MAX_DEPTH + 1):
        following: list[Any] = []
        for each in level:
            problem, children = _look_into(each)
            if problem:
                return problem
            seen += len(children)
            if seen > MAX_VALUES:
                return f"must hold at most {MAX_VALUES} values"
            following += children
        if not following:
            return ""
        level = following
    return f"must be nested at most {MAX_DEPTH} levels deep"


def _look_into(value: Any) -> tuple[str, Sequence[Any]]:
    """What is wrong with one piece of free JSON, and the pieces directly in it."""
    kind = value.DESCRIPTOR.name
    if kind == "Value":
        field = value.WhichOneof("kind")
        if field is None:
            return "must not contain a value without a kind", ()
        content = getattr(value, field)
        if field in ("struct_value", "list_value"):
            return _look_into(content)
        if field == "string_value" and NUL in content:
            return NUL_PROBLEM, ()
        if field == "number_value" and not math.isfinite(content):
            return "must contain finite numbers only", ()
        return "", ()
    if kind == "ListValue":
        return "", value.values
    if any(NUL in key for key in value.fields):
        return NUL_PROBLEM, ()
    return "", value.fields.values()
