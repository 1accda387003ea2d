"""What the work in progress belongs to: the one context variable that log lines and spans are labelled from."""

from contextvars import ContextVar, Token
from typing import NamedTuple


class Scope(NamedTuple):
    """Labels of the work in progress; empty where they aren't known."""

    service: str = ""
    request_id: str = ""
    traceparent: str = ""
    """W3C trace context of the span in progress; calls made now carry it on."""


_NOTHING = Scope()
_scope: ContextVar[Scope] = ContextVar("telemetry_scope", default=_NOTHING)

current = _scope.get
"""The labels of the work in progress."""


def bind(service: str = "", request_id: str = "", traceparent: str = "") -> Token[Scope]:
    """Labels what this task does from now on, until `unbind`."""
    return _scope.set(Scope(service, request_id, traceparent))


def unbind(token: Token[Scope]) -> None:
    """Ends what `bind` began. In another context (a generator closed from outside) there is nothing to end."""
    try:
        _scope.reset(token)
    except ValueError:
        return
