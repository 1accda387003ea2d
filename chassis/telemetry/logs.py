"""Logs: one JSON object a line on stderr, labelled from the context, without secrets and personal data.

Redaction is the last step before a line leaves, so that no library can go around it.
"""

import json
import logging
import math
import re
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from google.protobuf.message import Message

from chassis.telemetry import context

REDACTED = "[redacted]"
MAX_TEXT = 16_384
"""Characters of one text in a line; what is longer is cut, so that no line is too long for a log shipper."""
MAX_DEPTH = 6
"""Levels of nesting of an extra that are looked into."""

_SENSITIVE = (
    r"authorization|proxy[_-]?authorization|(?:(?:access|refresh|id|service|auth)[_-]?)?token|(?:new[_-]?)?password|passwd"
    r"|passphrase|(?:x[_-]?)?api[_-]?key|secret|(?:set[_-]?)?cookie|credentials?|private[_-]?key|dsn|jwt"
    r"|x[_-]fitnesshub[_-]caller|e[_-]?mail(?:[_-]?address)?|phone(?:[_-]?number)?"
)
_SENSITIVE_KEY = re.compile(_SENSITIVE, re.IGNORECASE)
"""Keys of extras whose values never appear."""
_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    # Look-behinds keep a long run of characters from being tried again at each of them.
    # JSON Web Tokens, also without their signature.
    (re.compile(r"(?<![\w-])eyJ[\w-]+\.[\w-]+(?:\.[\w-]*)?"), REDACTED),
    (re.compile(r"(?i)\b(bearer|basic) +[^\s\"',;\[]{8,}"), rf"\1 {REDACTED}"),
    # Passwords in addresses of servers.
    (re.compile(r"(?<![\w+.-])([A-Za-z][\w+.-]*://[^\s:/@]*):[^\s/@]+@"), rf"\1:{REDACTED}@"),
    # Secrets by name, as in `password: "x"`, `token=x` and `'apikey': 'x'`.
    (
        re.compile(
            rf"(?i)(?<![\w-])({_SENSITIVE})([\"']?\s*[:=]\s*)(?!(?:(?:bearer|basic) +)?\[redacted\])"
            r"(?:(?:bearer|basic) +)?(?:\"[^\"]*\"|'[^']*'|[^\s\"',;&})\]]+)"
        ),
        rf"\1\2{REDACTED}",
    ),
    # E-mail addresses.
    (re.compile(r"(?<![\w.+%'-])[\w.+%'-]+@[\w-]+(?:\.[\w-]+)+"), REDACTED),
)
_SUSPICIOUS = re.compile(r"[@:=]|eyJ|(?i:bearer|basic) ")
"""Every pattern needs one of these; most texts have none, and are spared the rest."""
_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
"""Attributes that every record has; all others were given as `extra`."""


def configure(service: str, level: str) -> None:
    """Sends all logs of the process to stderr as JSON. `service` labels lines of no particular call.

    Raises ValueError for a level that logging doesn't know.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter(service))
    root = logging.getLogger()
    root.setLevel(level.upper())
    root.handlers[:] = [handler]
    logging.captureWarnings(True)


class JsonFormatter(logging.Formatter):
    """Formats a record as one JSON object."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        scope = context.current()
        entry = {key: _clean(key, value) for key, value in vars(record).items() if key not in _OWN}
        entry |= {
            "time": _rfc3339(record.created),
            "level": record.levelname,
            "service": scope.service or self._service,
            "logger": record.name,
            "message": redact(_message(record)),
        }
        if scope.request_id:
            entry["request_id"] = scope.request_id
        if len(scope.traceparent) == 55:
            entry["trace_id"], entry["span_id"] = scope.traceparent[3:35], scope.traceparent[36:52]
        if record.exc_info and record.exc_info[0] is not None:
            entry["exception"] = redact(self.formatException(record.exc_info))
        return json.dumps(entry, ensure_ascii=False, default=str)


def redact(text: str) -> str:
    """Text without tokens, passwords and e-mail addresses, at most MAX_TEXT characters of it."""
    if len(text) > MAX_TEXT:
        # A secret on the cut loses its end, and may lose its shape with it: leave no piece of a word behind.
        text = re.sub(r"\S+\Z", "", text[:MAX_TEXT]) + "…"
    if _SUSPICIOUS.search(text):
        for pattern, replacement in _PATTERNS:
            text = pattern.sub(replacement, text)
    return text


def _message(record: logging.LogRecord) -> str:
    try:
        if isinstance(record.args, tuple):
            return str(record.msg) % tuple(_shown(each) for each in record.args) if record.args else _plain(record.msg)
        return record.getMessage()
    except Exception as error:  # noqa: BLE001 - a wrong format string must not lose the line
        return f"{record.msg} (can't be formatted: {type(error).__name__})"


def _plain(value: Any) -> str:
    return str(_shown(value))


def _shown(value: Any) -> Any:
    """What may be printed of an argument: of a message only its type, because its fields may be personal."""
    return f"<{value.DESCRIPTOR.full_name}>" if isinstance(value, Message) else value


def _clean(key: str, value: Any, depth: int = 0) -> Any:
    if _SENSITIVE_KEY.fullmatch(key):
        return REDACTED
    if value is None or isinstance(value, (bool, int)) or (isinstance(value, float) and math.isfinite(value)):
        return value
    if depth == MAX_DEPTH:
        return "…"
    if isinstance(value, Mapping):
        return {str(name): _clean(str(name), inner, depth + 1) for name, inner in value.items()}
    if isinstance(value, (Sequence, set, frozenset)) and not isinstance(value, (str, bytes, bytearray)):
        return [_clean("", inner, depth + 1) for inner in value]
    return redact(_plain(value))


def _rfc3339(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
