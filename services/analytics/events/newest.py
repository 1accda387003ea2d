"""What every handler here begins with."""

from collections.abc import Sequence

from chassis.events.consumer import Received


def newest(events: Sequence[Received]) -> list[Received]:
    """The newest version of each aggregate among the events; older ones would be replaced at once."""
    found: dict[str, Received] = {}
    for received in events:
        event = received.event
        known = found.get(event.aggregate_id)
        if known is None or known.event.aggregate_version < event.aggregate_version:
            found[event.aggregate_id] = received
    return list(found.values())
