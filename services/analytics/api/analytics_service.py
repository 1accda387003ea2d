"""AnalyticsService: what training adds up to, for those who did it, and what happens on the platform."""

from collections.abc import Mapping
from datetime import UTC, date
from typing import Any

from fitnesshub.analytics.v1 import analytics_pb2 as pb
from fitnesshub.analytics.v1 import analytics_service_pb2 as service_pb
from fitnesshub.analytics.v1.analytics_pb2 import (
    ExerciseBest,
    ExercisePeriod,
    PlatformPeriod,
    Streak,
    TrainedExercise,
    TrainedMuscle,
    TrainingPeriod,
    TrainingTotals,
)
from fitnesshub.event.v1.event_pb2 import Event
from google.api.httpbody_pb2 import HttpBody

from chassis.call import Call
from chassis.clock import Clock
from chassis.db import Database
from chassis.errors import InvalidArgument, Violation
from chassis.events.consistency import wait_for_own_write
from chassis.pages import PageTokens, page_size
from services.analytics.api.ranges import asked_periods, asked_spans, granularity
from services.analytics.clients.event_store import History
from services.analytics.domain.contributions import add_up
from services.analytics.domain.periods import (
    DEFAULT_PERIODS,
    DEFAULT_PROGRESS_PERIODS,
    MONDAY,
    Period,
    local_day,
    period,
)
from services.analytics.domain.pictures import muscle_chart, progress_chart, training_chart
from services.analytics.domain.streaks import now_of, streaks
from services.analytics.events import on_workout_changed
from services.analytics.events.subscription import GROUP
from services.analytics.store import calendars, exercises, platform, training
from services.analytics.store.calendars import Calendar

FIRST_PAGE = (2**31 - 1, "00000000-0000-0000-0000-000000000000")
"""Before the exercise with most sets."""
SHOWN_WEIGHTS = 100
"""Of the bests by weight: whoever goes up by 2.5 kg has as many up to 250 kg."""


class AnalyticsApi:
    """Answers the RPCs of AnalyticsService."""

    def __init__(self, db: Database, clock: Clock, page_tokens: PageTokens, history: History) -> None:
        self._db = db
        self._clock = clock
        self._page_tokens = page_tokens
        self._history = history

    async def get_training(self, request: service_pb.GetTrainingRequest, call: Call) -> service_pb.GetTrainingResponse:
        """A row of sums a period."""
        calendar = await self._calendar(call)
        kind = granularity(request.granularity, pb.GRANULARITY_WEEK)
        found = await self._training(request, kind, calendar, call)
        whole = add_up(each.totals for each in found)
        return service_pb.GetTrainingResponse(periods=found, totals=whole, time_zone=calendar.time_zone)

    async def chart_training(self, request: service_pb.ChartTrainingRequest, call: Call) -> HttpBody:
        """The same as bars."""
        calendar = await self._calendar(call)
        kind = granularity(request.granularity, pb.GRANULARITY_WEEK)
        found = await self._training(request, kind, calendar, call)
        return _svg(training_chart(request.measure or service_pb.CHART_MEASURE_VOLUME, kind, found), call)

    async def get_training_at_time(
        self, request: service_pb.GetTrainingAtTimeRequest, call: Call
    ) -> service_pb.GetTrainingAtTimeResponse:
        """From the event store: the newest version that each workout had by then."""
        newest: dict[str, Event] = {}
        time = request.time.ToDatetime(UTC)
        if time > self._clock.now():
            violation = Violation("time", "must not be in the future")
            raise InvalidArgument("INVALID_REQUEST", "nobody knows yet what will be known", violations=[violation])
        async for replayed in self._history.replay_person(call.user_id, time, on_workout_changed.TYPES):
            for data in replayed.events:
                event = Event.FromString(data)
                known = newest.get(event.aggregate_id)
                if known is None or known.aggregate_version < event.aggregate_version:
                    newest[event.aggregate_id] = event
        parts = [on_workout_changed.contribution_of(event) for event in newest.values()]
        answer = service_pb.GetTrainingAtTimeResponse(totals=add_up(part.totals for part in parts))
        if starts := [part.start_time for part in parts if part.start_time]:
            answer.last_workout_time.FromDatetime(max(starts))
        return answer

    async def list_trained_exercises(
        self, request: service_pb.ListTrainedExercisesRequest, call: Call
    ) -> service_pb.ListTrainedExercisesResponse:
        """A page; sums that change between two pages may move an exercise from one to the other."""
        calendar = await self._calendar(call)
        size = page_size(request.page_size)
        after, method = FIRST_PAGE, f"{call.method} {call.user_id}"
        if request.page_token:
            sets, exercise_id = self._page_tokens.decode(method, request, request.page_token)
            after = (int(sets), exercise_id)
        rows = await training.list_trained_exercises(self._db, call.user_id, asked_spans(request), after, size + 1)
        answer = service_pb.ListTrainedExercisesResponse(
            exercises=[_trained_exercise(row) for row in rows[:size]], time_zone=calendar.time_zone
        )
        if len(rows) > size:
            last = rows[size - 1]
            cursor = (str(last["sets"]), str(last["exercise_id"]))
            answer.next_page_token = self._page_tokens.encode(method, request, cursor)
        return answer

    async def list_trained_muscles(
        self, request: service_pb.ListTrainedMusclesRequest, call: Call
    ) -> service_pb.ListTrainedMusclesResponse:
        """All of them."""
        calendar = await self._calendar(call)
        muscles = await self._muscles(request, call)
        return service_pb.ListTrainedMusclesResponse(muscles=muscles, time_zone=calendar.time_zone)

    async def chart_trained_muscles(self, request: service_pb.ChartTrainedMusclesRequest, call: Call) -> HttpBody:
        """The same as bars."""
        await wait_for_own_write(call, self._db, GROUP)
        muscles = await self._muscles(request, call)
        return _svg(muscle_chart(request.measure or service_pb.MUSCLE_MEASURE_SETS, muscles), call)

    async def get_exercise_progress(
        self, request: service_pb.GetExerciseProgressRequest, call: Call
    ) -> service_pb.GetExerciseProgressResponse:
        """A row of sums and bests a period."""
        calendar = await self._calendar(call)
        return service_pb.GetExerciseProgressResponse(
            exercise_id=request.exercise_id,
            name=await exercises.get_name(self._db, request.exercise_id, call.user_id),
            periods=await self._progress(request, calendar, call),
            time_zone=calendar.time_zone,
        )

    async def chart_exercise_progress(self, request: service_pb.ChartExerciseProgressRequest, call: Call) -> HttpBody:
        """The same as a line."""
        found = await self._progress(request, await self._calendar(call), call)
        name = await exercises.get_name(self._db, request.exercise_id, call.user_id)
        return _svg(progress_chart(name, found), call)

    async def get_exercise_bests(
        self, request: service_pb.GetExerciseBestsRequest, call: Call
    ) -> service_pb.GetExerciseBestsResponse:
        """A row a best."""
        await wait_for_own_write(call, self._db, GROUP)
        rows = await training.list_bests(self._db, call.user_id, request.exercise_id, SHOWN_WEIGHTS)
        by_measure: dict[int, list[ExerciseBest]] = {}
        for row in rows:
            by_measure.setdefault(row["measure"], []).append(_best(row))
        single = {measure: found[0] for measure, found in by_measure.items()}
        return service_pb.GetExerciseBestsResponse(
            exercise_id=request.exercise_id,
            name=await exercises.get_name(self._db, request.exercise_id, call.user_id),
            heaviest=single.get(1),
            largest_set=single.get(2),
            e1rm=single.get(3),
            most_reps=by_measure.get(4, [])[:SHOWN_WEIGHTS],
        )

    async def get_streaks(self, _request: service_pb.GetStreaksRequest, call: Call) -> service_pb.GetStreaksResponse:
        """Two rows for days, two for weeks."""
        calendar = await self._calendar(call)
        found: list[Streak] = []
        for kind in (pb.GRANULARITY_DAY, pb.GRANULARITY_WEEK):
            now = now_of(kind, self._today(calendar), calendar.first_weekday)
            found += streaks(kind, *await training.get_runs(self._db, call.user_id, kind, now), now)
        current_days, longest_days, current_weeks, longest_weeks = found
        return service_pb.GetStreaksResponse(
            current_days=current_days,
            longest_days=longest_days,
            current_weeks=current_weeks,
            longest_weeks=longest_weeks,
            time_zone=calendar.time_zone,
        )

    async def get_platform_activity(
        self, request: service_pb.GetPlatformActivityRequest, _call: Call
    ) -> service_pb.GetPlatformActivityResponse:
        """A row of counts a period."""
        kind = granularity(request.granularity, pb.GRANULARITY_DAY)
        if kind == pb.GRANULARITY_YEAR:
            violation = Violation("granularity", "must be days, weeks or months")
            raise InvalidArgument("INVALID_REQUEST", "the platform isn't counted by years", violations=[violation])
        today = self._clock.now().date()
        asked = asked_periods(request, kind, today, MONDAY, DEFAULT_PERIODS)
        counts = await platform.list_periods(self._db, kind, asked[0].start, asked[-1].start)
        return service_pb.GetPlatformActivityResponse(
            periods=[_platform_period(each, counts.get(each.start)) for each in asked]
        )

    async def _calendar(self, call: Call) -> Calendar:
        """The caller's, once their own last write is in the sums or has had its time."""
        await wait_for_own_write(call, self._db, GROUP)
        return await calendars.get(self._db, call.user_id)

    def _today(self, calendar: Calendar) -> date:
        return local_day(self._clock.now(), calendar.zone)

    async def _training(
        self,
        request: service_pb.GetTrainingRequest | service_pb.ChartTrainingRequest,
        kind: int,
        calendar: Calendar,
        call: Call,
    ) -> list[TrainingPeriod]:
        asked = asked_periods(request, kind, self._today(calendar), calendar.first_weekday, DEFAULT_PERIODS)
        sums = await training.list_periods(self._db, call.user_id, kind, asked[0].start, asked[-1].start)
        return [
            TrainingPeriod(
                name=each.name,
                start_date=each.start.isoformat(),
                end_date=each.end.isoformat(),
                totals=sums.get(each.start, TrainingTotals()),
            )
            for each in asked
        ]

    async def _muscles(
        self, request: service_pb.ListTrainedMusclesRequest | service_pb.ChartTrainedMusclesRequest, call: Call
    ) -> list[TrainedMuscle]:
        rows = await training.sum_by_muscle(self._db, call.user_id, asked_spans(request))
        return [
            TrainedMuscle(muscle=row["muscle"], sets=row["sets"], reps=row["reps"], volume_kg=row["volume_kg"])
            for row in rows
        ]

    async def _progress(
        self,
        request: service_pb.GetExerciseProgressRequest | service_pb.ChartExerciseProgressRequest,
        calendar: Calendar,
        call: Call,
    ) -> list[ExercisePeriod]:
        kind = granularity(request.granularity, pb.GRANULARITY_DAY)
        today = self._today(calendar)
        asked = asked_periods(request, kind, today, calendar.first_weekday, DEFAULT_PROGRESS_PERIODS)
        rows = await training.list_progress(
            self._db, call.user_id, request.exercise_id, kind, asked[0].start, asked[-1].start
        )
        return [_exercise_period(row, period(kind, row["start_date"], calendar.first_weekday)) for row in rows]


def _svg(drawing: str, call: Call) -> HttpBody:
    call.response_metadata["cache-control"] = "private, no-cache"
    return HttpBody(content_type="image/svg+xml", data=drawing.encode())


def _trained_exercise(row: Mapping[str, Any]) -> TrainedExercise:
    answer = TrainedExercise(exercise_id=str(row["exercise_id"]), name=row["name"], totals=training.totals_of(row))
    answer.last_workout_time.FromDatetime(row["last_start"])
    return answer


def _exercise_period(row: Mapping[str, Any], found: Period) -> ExercisePeriod:
    return ExercisePeriod(
        name=found.name,
        start_date=found.start.isoformat(),
        end_date=found.end.isoformat(),
        e1rm_kg=row["e1rm_kg"],
        heaviest_kg=row["heaviest_kg"],
        totals=training.totals_of(row),
    )


def _best(row: Mapping[str, Any]) -> ExerciseBest:
    answer = ExerciseBest(
        value_kg=row["value_kg"], weight_kg=row["weight_kg"], reps=row["reps"], workout_id=str(row["workout_id"])
    )
    answer.workout_time.FromDatetime(row["workout_time"])
    return answer


def _platform_period(asked: Period, row: Mapping[str, Any] | None) -> PlatformPeriod:
    answer = PlatformPeriod(name=asked.name, start_date=asked.start.isoformat(), end_date=asked.end.isoformat())
    if row is not None:
        answer.sign_ups, answer.active_users, answer.workouts = row["sign_ups"], row["active_users"], row["workouts"]
    return answer
