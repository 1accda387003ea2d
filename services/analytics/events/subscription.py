"""Which events the analytics service hears, and who handles them."""

from chassis.events.consumer import Handler, Subscription
from services.analytics.events import on_exercise_changed, on_person_changed, on_workout_changed

GROUP = "analytics"
SOURCES = ("user", "workout")
HANDLERS: dict[str, Handler] = {
    **dict.fromkeys(on_workout_changed.TYPES, on_workout_changed.on_workout_changed),
    **dict.fromkeys(on_exercise_changed.TYPES, on_exercise_changed.on_exercise_changed),
    **dict.fromkeys(on_person_changed.CHANGED, on_person_changed.on_person_changed),
    on_person_changed.SIGNED_IN: on_person_changed.on_signed_in,
    on_person_changed.PREFERENCES: on_person_changed.on_preferences_updated,
}
"""By full name of the event."""


def subscription() -> Subscription:
    """The one subscription of the service."""
    return Subscription(GROUP, SOURCES, HANDLERS)
