"""One day of an athlete as a table of calls: what each is for, what is sent, and what must come back."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

KEY = "a-key-of-the-clients-choice"
PASSWORD = "correct horse battery"  # noqa: S105 - of an account that the demo makes


@dataclass(frozen=True)
class Step:
    """One call. `{names}` in texts stand for what earlier steps kept."""

    sentence: str
    method: str
    path: str
    status: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    expect: Mapping[str, Any] = field(default_factory=dict)
    """By path in the answer, as `sets.0.reps`: the value, or a part of it when it is a text."""
    expect_headers: Mapping[str, str] = field(default_factory=dict)
    keep: Mapping[str, str] = field(default_factory=dict)
    """Names for later steps, by path in the answer."""
    within: float = 0
    """Seconds in which the call is made again until it is answered as expected. 0: once."""
    streams: bool = False
    """The answer is a stream; its first message that isn't a heartbeat counts, and ends the step."""
    signed_in: bool = True


WORKOUT = {
    "title": "Push and run",
    "notes": "Slept well.",
    "startTime": "{day}T06:30:00Z",
    "endTime": "{day}T07:45:00Z",
    "sessionRpe": 7,
    "sets": [
        {"exerciseId": "{bench}", "setType": "SET_TYPE_WARMUP", "reps": 10, "weight": 20, "restSeconds": 60},
        {"exerciseId": "{bench}", "reps": 5, "weight": 60, "rpe": 8, "superset": 1},
        {"exerciseId": "{curl}", "reps": 12, "weight": 25, "weightUnit": "WEIGHT_UNIT_LB", "rir": 2, "superset": 1},
        {"exerciseId": "{bench}", "setType": "SET_TYPE_DROPSET", "reps": 9, "weight": 40, "rpe": 10},
        {"exerciseId": "{carry}", "weight": 40, "distance": 50, "notes": "Grip gave up first."},
        {"exerciseId": "{run}", "distance": 5.2, "distanceUnit": "DISTANCE_UNIT_KILOMETER", "durationSeconds": 1680},
    ],
}

DAY = (
    Step(
        "Ada registers, and is signed in; $TOKEN stands for her access token from here on.",
        *("POST", "/auth/v1/signup", 200),
        body={"email": "{email}", "password": PASSWORD},
        keep={"token": "access_token", "user": "user.id"},
        signed_in=False,
    ),
    Step(
        "She lives in Berlin, thinks in kilograms, and her weeks begin on Monday.",
        *("PATCH", "/api/v1/users/me/preferences", 200),
        body={"timeZone": "Europe/Berlin", "weightUnit": "WEIGHT_UNIT_KG", "firstDayOfWeek": "MONDAY"},
        expect={"timeZone": "Europe/Berlin", "weightUnit": "WEIGHT_UNIT_KG"},
    ),
    Step(
        "She fills in her profile. Her height is for formulas; others never see it.",
        *("PATCH", "/api/v1/users/me/profile", 200),
        body={
            "username": "{username}",
            "displayName": "Ada",
            "heightCm": 168,
            "visibility": "PROFILE_VISIBILITY_PUBLIC",
        },
        expect={"username": "{username}"},
    ),
    Step(
        "This is what others see of her.",
        *("GET", "/api/v1/users/{user}/public-profile", 200),
        expect={"displayName": "Ada"},
        signed_in=False,
    ),
    Step(
        "She looks for curls in the exercise library.",
        *("GET", "/api/v1/exercises:search?query=curl&pageSize=3", 200),
        expect={"matches.0.exercise.name": "Curl"},
        keep={"curl": "matches.0.exercise.id"},
        within=20,
    ),
    Step(
        "She looks for the bench press, with a typo.",
        *("GET", "/api/v1/exercises:search?query=bench%20pres&pageSize=2", 200),
        expect={"matches.0.exercise.name": "Bench Press"},
        keep={"bench": "matches.0.exercise.id"},
        within=20,
    ),
    Step(
        "And for running, in German.",
        *("GET", "/api/v1/exercises:search?query=Laufen&language=de&pageSize=1", 200),
        expect={"matches.0.exercise.name": "Running", "matches.0.exercise.displayName": "Laufen"},
        keep={"run": "matches.0.exercise.id"},
        within=20,
    ),
    Step(
        "One exercise is missing, so she makes her own.",
        *("POST", "/api/v1/exercises", 201),
        body={
            "name": "Sandbag Stair Carry",
            "category": "EXERCISE_CATEGORY_STRONGMAN",
            "level": "EXERCISE_LEVEL_INTERMEDIATE",
            "primaryMuscles": ["MUSCLE_GLUTES", "MUSCLE_FOREARMS"],
        },
        expect={"ownerId": "{user}"},
        keep={"carry": "id"},
    ),
    Step(
        "She trains, and logs a warm-up, a superset, a drop set, a carry and a run. Pounds and kilograms may be mixed.",
        *("POST", "/api/v1/workouts", 201),
        body=WORKOUT,
        headers={"idempotency-key": KEY},
        expect={"sets.2.weight": 25, "sets.2.weightKg": 11.33980925, "sets.5.distanceMeters": 5200},
        keep={"workout": "id", "etag": "etag"},
    ),
    Step(
        "The gym's network dropped the answer, so her phone sends the same again with the same key: still one workout.",
        *("POST", "/api/v1/workouts", 201),
        body=WORKOUT,
        headers={"idempotency-key": KEY},
        expect={"id": "{workout}"},
        expect_headers={"idempotency-replayed": "true"},
    ),
    Step(
        "Her phone has a bug: values that can't be. The answer names every field that is wrong.",
        *("POST", "/api/v1/workouts", 400),
        body={"title": "", "startTime": "{day}T18:00:00Z", "sets": [{"exerciseId": "{bench}", "reps": -5, "rpe": 11}]},
        expect={"details.0.reason": "INVALID_REQUEST"},
    ),
    Step(
        "Another bug: a misspelled field and a kind of set that doesn't exist. Nothing is dropped in silence.",
        *("POST", "/api/v1/workouts", 400),
        body={"title": "Oops", "startTime": "{day}T18:00:00Z", "sets": [{"wieght": 60, "reps": 5, "setType": "GIANT"}]},
        expect={
            "details.0.reason": "INVALID_REQUEST",
            "details.1.fieldViolations.0.field": "sets[0].wieght",
            "details.1.fieldViolations.1.field": "sets[0].setType",
        },
    ),
    Step(
        "Which of her workouts of today have the bench press in them?",
        *("GET", "/api/v1/workouts?exerciseId={bench}&startTimeFrom={day}T00:00:00Z&pageSize=5", 200),
        expect={"workouts.0.id": "{workout}"},
    ),
    Step(
        "She corrects the title; the etag says which version she saw.",
        *("PATCH", "/api/v1/workouts/{workout}", 200),
        body={"title": "Push, carry and run", "etag": "{etag}"},
        expect={"title": "Push, carry and run", "notes": "Slept well."},
    ),
    Step(
        "Her tablet still has the old version, and overwrites nothing.",
        *("PATCH", "/api/v1/workouts/{workout}", 412),
        body={"title": "Old title", "etag": "{etag}"},
        expect={"details.0.reason": "WORKOUT_ETAG_MISMATCH"},
        keep={"etag": "details.0.metadata.etag"},
    ),
    Step(
        "With the version that the refusal named, it works.",
        *("PATCH", "/api/v1/workouts/{workout}", 200),
        body={"notes": "Slept well. Felt light."},
        headers={"if-match": "{etag}"},
        expect={"title": "Push, carry and run", "notes": "Slept well. Felt light."},
    ),
    Step(
        "She deletes the workout by mistake.",
        *("DELETE", "/api/v1/workouts/{workout}", 204),
    ),
    Step(
        "It is gone.",
        *("GET", "/api/v1/workouts/{workout}", 404),
        expect={"details.0.reason": "WORKOUT_NOT_FOUND"},
    ),
    Step(
        "The change feed tells her other devices, which keep an exact copy that way.",
        *("GET", "/api/v1/workouts:changes", 200),
        expect={"changes.0.deleted.workoutId": "{workout}"},
        keep={"cursor": "nextCursor"},
    ),
    Step(
        "She takes the deletion back.",
        *("POST", "/api/v1/workouts/{workout}:undelete", 200),
        body={},
        expect={"title": "Push, carry and run"},
    ),
    Step(
        "A device that watches is told as it happens (server-sent events; the first one is shown).",
        *("GET", "/api/v1/workouts:watch?cursor={cursor}", 200),
        expect={"change.upserted.id": "{workout}"},
        streams=True,
    ),
    Step(
        "Her totals follow her workouts within a moment; warm-ups don't count.",
        *("GET", "/api/v1/users/me/stats", 200),
        expect={"userId": "{user}", "workouts": "1", "sets": "5"},
        within=15,
    ),
    Step(
        "What happened to her account and her data is recorded for good, and she can read it.",
        *("GET", "/api/v1/users/me/audit-records?pageSize=3", 200),
        expect={"records.0.subjectUserId": "{user}"},
        within=15,
    ),
    Step(
        "She signs out.",
        *("POST", "/auth/v1/logout", 204),
    ),
    Step(
        "Within five seconds her token is worth nothing anywhere.",
        *("GET", "/api/v1/workouts", 401),
        within=5,
    ),
)
