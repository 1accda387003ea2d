"""AnalyticsService: being built."""

from typing import Any

from chassis.call import Call
from chassis.errors import Unimplemented


class AnalyticsApi:
    """Answers the RPCs of AnalyticsService."""

    async def get_training(self, request: Any, call: Call) -> Any:
        raise Unimplemented("NOT_IMPLEMENTED", "not built yet")

    chart_training = get_training_at_time = list_trained_exercises = list_trained_muscles = get_training
    get_exercise_progress = chart_exercise_progress = get_exercise_bests = get_streaks = get_training
    get_platform_activity = get_training
