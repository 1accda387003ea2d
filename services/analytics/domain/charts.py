"""Charts as SVG: plain text that every browser draws, readable by people and screen readers, light and dark."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 720, 320
LEFT, RIGHT, TOP, BOTTOM = 64, 16, 44, 36
"""Margins: numbers of up to ten characters at the left, the heading above, one line of names below."""
PLOT_WIDTH, PLOT_HEIGHT = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
MOST_TICKS = 6
LABEL_WIDTH = 78
"""Room for `2026-03-01` in 11 px type, and a gap."""
ROW_HEIGHT = 22
ROW_NAMES = 120
"""Room for names at the left of rows, and a gap; the longest muscle has 11 letters."""
ROW_VALUES = 80
"""Room for numbers at the right of rows."""

# Colours: contrast of at least 4.5 : 1 for text and 3 : 1 for shapes on either background (WCAG 2.2, 1.4.3, 1.4.11).
_STYLE = (
    "svg{color-scheme:light dark}"
    "text{font:11px system-ui,sans-serif;fill:#4b5563}"
    ".heading{font-size:14px;font-weight:600;fill:#111827}"
    ".back{fill:#ffffff}.grid{stroke:#e5e7eb}.axis{stroke:#6b7280}"
    ".bar,.dot{fill:#2563eb}.line{fill:none;stroke:#2563eb;stroke-width:2;stroke-linejoin:round}"
    "@media (prefers-color-scheme:dark){"
    "text{fill:#9ca3af}.heading{fill:#f9fafb}"
    ".back{fill:#111827}.grid{stroke:#1f2937}.axis{stroke:#9ca3af}"
    ".bar,.dot{fill:#60a5fa}.line{stroke:#60a5fa}}"
)
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 can't hold, even escaped."""


@dataclass(frozen=True, slots=True)
class Text:
    """What a chart says in words."""

    heading: str
    description: str
    """For those who don't see it."""
    unit: str
    """Of the values, as `kg`."""
    empty: str
    """What stands in it when there is nothing to draw."""


def bars(text: Text, values: Sequence[tuple[str, float]], *, whole: bool = False) -> str:
    """A bar for each named value; values are at least 0. whole: they are counts, which have nothing between."""
    if not any(value for _, value in values):
        return _document(text, _words_for_nothing(text))
    ticks = ticks_for(0.0, max(value for _, value in values), whole=whole)
    width = PLOT_WIDTH / len(values)
    parts = [_scale(ticks)]
    every = math.ceil(LABEL_WIDTH / width)
    for number, (name, value) in enumerate(values):
        x = LEFT + number * width
        y = _height_of(value, ticks)
        told = _xml(f"{name}: {number_text(value)} {text.unit}")
        place = f'x="{_px(x + width * 0.1)}" y="{_px(y)}" width="{_px(width * 0.8)}"'
        parts.append(f'<rect class="bar" {place} height="{_px(TOP + PLOT_HEIGHT - y)}"><title>{told}</title></rect>')
        if number % every == 0 and x + width / 2 <= WIDTH - LABEL_WIDTH / 2:
            parts.append(_label(x + width / 2, name))
    return _document(text, "".join(parts))


def rows(text: Text, values: Sequence[tuple[str, float]]) -> str:
    """A bar from left to right for each named value, one below the other; values are at least 0."""
    if not any(value for _, value in values):
        return _document(text, _words_for_nothing(text))
    most = max(value for _, value in values)
    width = WIDTH - ROW_NAMES - ROW_VALUES
    parts = []
    for number, (name, value) in enumerate(values):
        y = TOP + number * ROW_HEIGHT
        length = width * value / most
        told = _xml(f"{name}: {number_text(value)} {text.unit}")
        place = f'x="{ROW_NAMES}" y="{y + 3}" width="{_px(length)}" height="{ROW_HEIGHT - 6}"'
        parts.append(f'<text x="{ROW_NAMES - 8}" y="{y + 15}" text-anchor="end">{_xml(name)}</text>')
        parts.append(f'<rect class="bar" {place}><title>{told}</title></rect>')
        parts.append(f'<text x="{_px(ROW_NAMES + length + 6)}" y="{y + 15}">{number_text(value)}</text>')
    return _document(text, "".join(parts), TOP + len(values) * ROW_HEIGHT + 12)


def line(text: Text, points: Sequence[tuple[date, float]]) -> str:
    """A line through values at days, which ascend."""
    if not points:
        return _document(text, _words_for_nothing(text))
    values = [value for _, value in points]
    ticks = ticks_for(min(values), max(values))
    first, last = points[0][0].toordinal(), points[-1][0].toordinal()

    def across(day: date) -> float:
        return LEFT + PLOT_WIDTH * ((day.toordinal() - first) / (last - first) if last > first else 0.5)

    places = [(across(day), _height_of(value, ticks)) for day, value in points]
    path = " ".join(f"{_px(x)},{_px(y)}" for x, y in places)
    parts = [_scale(ticks), f'<polyline class="line" points="{path}"/>']
    for (day, value), (x, y) in zip(points, places, strict=True):
        told = _xml(f"{day.isoformat()}: {number_text(value)} {text.unit}")
        parts.append(f'<circle class="dot" cx="{_px(x)}" cy="{_px(y)}" r="3"><title>{told}</title></circle>')
    labels = min(MOST_TICKS, last - first + 1)
    for number in range(labels):
        day = date.fromordinal(first + round((last - first) * number / max(1, labels - 1)))
        parts.append(_label(across(day), day.isoformat()))
    return _document(text, "".join(parts))


def ticks_for(low: float, high: float, *, whole: bool = False) -> list[float]:
    """At most 8 round numbers, evenly spaced, from `low` or below to `high` or above. whole: without fractions."""
    # What differs by rounding alone is drawn as the same: steps would be lost in the numbers.
    if high - low <= 1e-6 * max(abs(low), abs(high)):
        low, high = min(low, low * 0.9, low * 1.1), max(high, high * 0.9, high * 1.1)
    if high - low <= 1e-9:
        high = low + 1.0
    rough = max((high - low) / (MOST_TICKS - 1), 1.0 if whole else 0.0)
    power = 10.0 ** math.floor(math.log10(rough))
    steps = (1, 2, 5, 10) if whole else (1, 2, 2.5, 5, 10)
    step = next(nice * power for nice in steps if nice * power >= rough * (1 - 1e-9))
    first = math.floor(low / step + 1e-9)
    last = max(first + 1, math.ceil(high / step - 1e-9))
    return [number * step for number in range(first, last + 1)]


def number_text(value: float) -> str:
    """As people write it: `12,500`, `0.25`."""
    return f"{round(value, 2):,.10g}" if abs(value) < 1e10 else f"{value:.3g}"


def _height_of(value: float, ticks: Sequence[float]) -> float:
    return TOP + PLOT_HEIGHT * (1 - (value - ticks[0]) / (ticks[-1] - ticks[0]))


def _scale(ticks: Sequence[float]) -> str:
    parts = []
    for tick in ticks:
        y = _height_of(tick, ticks)
        kind = "axis" if tick == ticks[0] else "grid"
        parts.append(f'<line class="{kind}" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{_px(y)}" y2="{_px(y)}"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{_px(y + 4)}" text-anchor="end">{number_text(tick)}</text>')
    return "".join(parts)


def _label(x: float, name: str) -> str:
    x = min(x, WIDTH - LABEL_WIDTH / 2)
    return f'<text x="{_px(x)}" y="{HEIGHT - BOTTOM + 20}" text-anchor="middle">{_xml(name)}</text>'


def _words_for_nothing(text: Text) -> str:
    y = TOP + PLOT_HEIGHT
    middle = f'x="{LEFT + PLOT_WIDTH // 2}" y="{TOP + PLOT_HEIGHT // 2}"'
    return (
        f'<line class="axis" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}"/>'
        f'<text {middle} text-anchor="middle">{_xml(text.empty)}</text>'
    )


def _document(text: Text, drawing: str, height: int = HEIGHT) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"'
        ' role="img" aria-labelledby="title desc">'
        f'<title id="title">{_xml(text.heading)}</title><desc id="desc">{_xml(text.description)}</desc>'
        f"<style>{_STYLE}</style>"
        f'<rect class="back" width="{WIDTH}" height="{height}"/>'
        f'<text class="heading" x="16" y="24">{_xml(text.heading)} ({_xml(text.unit)})</text>'
        f"{drawing}</svg>"
    )


def _xml(text: str) -> str:
    return escape(_NOT_XML.sub("\ufffd", text))


def _px(value: float) -> str:
    return f"{value:.1f}".rstrip("0").rstrip(".")
