"""Which days a request asks for."""

from collections.abc import Mapping
from datetime import date
from typing import Protocol

from fitnesshub.analytics.v1 import analytics_pb2 as pb

from chassis.errors import InvalidArgument, Violation
from services.analytics.domain.periods import (
    FIRST_DAY,
    LAST_DAY,
    MOST_PERIODS,
    Period,
    Span,
    counted_day,
    default_start,
    periods,
    spans,
)


class Dated(Protocol):
    """A request with a first and a last day, as `2026-03-01`; empty where it says nothing."""

    @property
    def from_date(self) -> str: ...

    @property
    def to_date(self) -> str: ...


def asked_periods(
    request: Dated, kind: int, today: date, first_weekday: int, defaults: Mapping[int, int]
) -> list[Period]:
    """The periods of a kind from the one with the first day to the one with the last.

    defaults: how many there are when the first day isn't given. Raises InvalidArgument.
    """
    last = _day(request.to_date, today)
    first = _day(request.from_date, default_start(kind, last, first_weekday, defaults[kind]))
    _check_order(request, first, last)
    found = periods(kind, first, last, first_weekday)
    if len(found) > MOST_PERIODS:
        problem = f"must leave at most {MOST_PERIODS} periods until toDate"
        raise InvalidArgument(
            "DATE_RANGE_TOO_LONG",
            f"there are more than {MOST_PERIODS} periods between these days: ask for longer ones or fewer days",
            violations=[Violation("fromDate", problem)],
            limit=str(MOST_PERIODS),
        )
    return found


def asked_spans(request: Dated) -> list[Span]:
    """All days from the first to the last, from the beginning and without an end where none is given.

    Raises InvalidArgument.
    """
    first, last = _day(request.from_date, FIRST_DAY), _day(request.to_date, LAST_DAY)
    _check_order(request, first, last)
    return spans(first, last)


def granularity(asked: int, default: int) -> int:
    """Length of the periods."""
    return default if asked == pb.GRANULARITY_UNSPECIFIED else asked


def _day(text: str, default: date) -> date:
    return counted_day(date.fromisoformat(text) if text else default)


def _check_order(request: Dated, first: date, last: date) -> None:
    if first > last:
        # As they were sent: the days that count may be others.
        sent_first, sent_last = request.from_date or str(first), request.to_date or str(last)
        raise InvalidArgument(
            "DATE_RANGE_INVALID",
            f"the first day, {sent_first}, is after the last one, {sent_last}",
            violations=[Violation("fromDate" if request.from_date else "toDate", "must not be after toDate")],
            fromDate=sent_first,
            toDate=sent_last,
        )
