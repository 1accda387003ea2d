"""Which rows are which exercises of ours, and what they add."""

import json
import os
from pathlib import Path

import pytest
from fitnesshub.workout.v1 import exercise_pb2 as pb
from fitnesshub.workout.v1.exercise_pb2 import Exercise, ExerciseTranslation

from cli.imports import map_row
from services.workout.catalogue.entries import load
from services.workout.domain.exercise_merging import (
    MOST_ALIASES,
    OURS,
    Catalogue,
    Key,
    compared,
    composed,
    equipment_of,
    facts,
    with_edits,
)

ROOT = Path(__file__).parents[3]
LIBRARY = ROOT / os.environ.get("FITNESSHUB_VECTORS", "../shared/vectors") / "exercises/free-exercise-db.json"
THEIRS: Key = ("theirs", "Curl")


def row(
    name: str,
    equipment: "pb.Equipment.ValueType" = pb.EQUIPMENT_UNSPECIFIED,
    muscle: "pb.Muscle.ValueType" = pb.MUSCLE_BICEPS,
    category: "pb.ExerciseCategory.ValueType" = pb.EXERCISE_CATEGORY_STRENGTH,
) -> Exercise:
    return Exercise(name=name, equipment=equipment, primary_muscles=[muscle], category=category)


def slug(exercise: Exercise) -> str | None:
    found = load().match(exercise)
    return None if found is None else found.source_id


# --- names ---


@pytest.mark.parametrize(
    ("name", "same"),
    [
        ("Curl, Dumbbell", "Dumbbell Curl"),
        ("dumbbell curls", "Dumbbell Curl"),
        ("Dumbbell-Curl", "Dumbbell Curl"),
        ("Curl with Dumbbells", "Dumbbell Curl"),
        ("DB Curl", "Dumbbell Curl"),
        ("One-Arm Dumbbell Row", "Single Arm Dumbbell Row"),
        ("Single-Legged Squat", "One Leg Squat"),
        ("Pullups", "Pull-Up"),
        ("Pull Ups", "Pull-Up"),
        ("Step Ups", "Step-Up"),
        ("Chest Presses", "Chest Press"),
        ("Crunches", "Crunch"),
        ("Incline Flyes", "Incline Fly"),
        ("Calves Stretch", "Calf Stretch"),
        ("Triceps Pushdown - Rope Attachment", "Rope Triceps Pushdown"),
        ("Bench Press - Medium Grip", "Bench Press"),
        ("Narrow Grip Bench Press", "Close-Grip Bench Press"),
        ("Skullcrushers", "Skull Crusher"),
        ("Swiss Ball Crunch", "Stability Ball Crunch"),
        ("Farmer’s Walk", "Farmers Walk"),
        ("Développé", "developpe"),
    ],
)
def test_spellings_of_one_name(name: str, same: str) -> None:
    assert compared(name, pb.EQUIPMENT_UNSPECIFIED) == compared(same, pb.EQUIPMENT_UNSPECIFIED)


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("Low to High Crossover", "High to Low Crossover"),
        ("Calf Raise on a Dumbbell", "Dumbbell Calf Raise"),
        ("Squat to a Bench", "Squat"),
        ("Bench Press with Chains", "Bench Press"),
        ("Seated Calf Raise", "Standing Calf Raise"),
        ("Standing Press", "Press"),
        ("Reverse Curl", "Curl"),
        ("Wide-Grip Curl", "Close-Grip Curl"),
        ("Two-Arm Row", "One-Arm Row"),
        ("Cross", "Cros"),
    ],
)
def test_names_of_different_exercises(name: str, other: str) -> None:
    assert compared(name, pb.EQUIPMENT_UNSPECIFIED) != compared(other, pb.EQUIPMENT_UNSPECIFIED)


def test_the_equipment_goes_without_saying() -> None:
    assert compared("Dumbbell Curl", pb.EQUIPMENT_DUMBBELL) == compared("Curl", pb.EQUIPMENT_DUMBBELL)
    assert compared("Dumbbell Curl", pb.EQUIPMENT_BARBELL) != compared("Curl", pb.EQUIPMENT_BARBELL)
    assert compared("Bodyweight", pb.EQUIPMENT_BODY_WEIGHT) == ("bodyweight",), "a name doesn't vanish"


def test_an_ez_bar_is_always_said() -> None:
    assert compared("Curl", pb.EQUIPMENT_EZ_CURL_BAR) == compared("E-Z Curl Bar Curl", pb.EQUIPMENT_BARBELL)
    assert compared("Curl", pb.EQUIPMENT_EZ_CURL_BAR) != compared("Curl", pb.EQUIPMENT_BARBELL)


def test_the_name_says_the_equipment_where_the_row_does_not() -> None:
    assert equipment_of(row("Dumbbell Curl")) == pb.EQUIPMENT_DUMBBELL
    assert equipment_of(row("Band Assisted Pull-Up", pb.EQUIPMENT_OTHER)) == pb.EQUIPMENT_BANDS
    assert equipment_of(row("Squat with Bands", pb.EQUIPMENT_BARBELL)) == pb.EQUIPMENT_BARBELL
    assert equipment_of(row("Dumbbell or Kettlebell Curl")) == pb.EQUIPMENT_UNSPECIFIED
    assert equipment_of(row("Plank", pb.EQUIPMENT_OTHER)) == pb.EQUIPMENT_OTHER


# --- matches ---


def test_a_name_and_an_alias_are_found() -> None:
    assert slug(row("Biceps Curls, Dumbbell")) == "dumbbell-biceps-curl"
    assert slug(row("OHP", pb.EQUIPMENT_BARBELL, pb.MUSCLE_SHOULDERS)) == "barbell-overhead-press"
    assert slug(row("RDL", pb.EQUIPMENT_BARBELL, pb.MUSCLE_HAMSTRINGS)) == "barbell-romanian-deadlift"


def test_an_alias_of_the_row_is_found() -> None:
    exercise = row("Kreuzheben", pb.EQUIPMENT_BARBELL, pb.MUSCLE_LOWER_BACK)
    exercise.aliases.append("Conventional Deadlift")

    assert slug(exercise) == "barbell-deadlift"


def test_equipment_must_not_contradict() -> None:
    assert slug(row("Curl", pb.EQUIPMENT_BARBELL)) == "barbell-curl"
    assert slug(row("Curl", pb.EQUIPMENT_DUMBBELL)) == "dumbbell-biceps-curl"
    assert slug(row("Concentration Curl", pb.EQUIPMENT_CABLE)) is None
    assert slug(row("Pull-Up", pb.EQUIPMENT_OTHER, pb.MUSCLE_LATS)) == "pull-up"
    assert slug(row("Pull-Up", pb.EQUIPMENT_MACHINE, pb.MUSCLE_LATS)) is None
    assert slug(row("Preacher Curl", pb.EQUIPMENT_EZ_CURL_BAR)) == "ez-bar-preacher-curl"
    assert slug(row("Close-Grip EZ Bar Curl", pb.EQUIPMENT_BARBELL)) == "close-grip-ez-bar-curl"


def test_a_name_of_several_exercises_is_none_of_them() -> None:
    assert slug(row("Squat", muscle=pb.MUSCLE_QUADRICEPS)) is None


def test_muscles_must_meet() -> None:
    assert slug(row("Flutter Kick", pb.EQUIPMENT_BODY_WEIGHT, pb.MUSCLE_ABDOMINALS)) == "flutter-kick"
    assert slug(row("Flutter Kick", pb.EQUIPMENT_BODY_WEIGHT, pb.MUSCLE_GLUTES)) is None


def test_a_stretch_is_no_exercise_unless_all_else_is_the_same() -> None:
    stretch = pb.EXERCISE_CATEGORY_STRETCHING
    assert slug(row("Split Squats", muscle=pb.MUSCLE_QUADRICEPS, category=stretch)) is None
    assert slug(row("Superman", pb.EQUIPMENT_BODY_WEIGHT, pb.MUSCLE_LOWER_BACK, stretch)) == "superman"
    assert slug(row("Superman", pb.EQUIPMENT_BODY_WEIGHT, pb.MUSCLE_GLUTES, stretch)) is None


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("Butt Lift (Bridge)", "glute-bridge"),
        ("Hip Bridge (Prone)", None),
        ("Hip Bridge (", "glute-bridge"),
        ("()", None),
    ],
)
def test_what_is_in_brackets_must_agree(name: str, found: str | None) -> None:
    assert slug(row(name, pb.EQUIPMENT_BODY_WEIGHT, pb.MUSCLE_GLUTES)) == found


def test_brackets_may_stand_for_the_word_before() -> None:
    assert (
        slug(row("Machine Shoulder (Military) Press", pb.EQUIPMENT_MACHINE, pb.MUSCLE_SHOULDERS))
        == "machine-shoulder-press"
    )


def test_names_without_words_are_nothing() -> None:
    assert slug(row("The")) is None
    assert slug(row("-")) is None


# --- what a row adds ---


def ours() -> Exercise:
    return Exercise(
        name="Dumbbell Biceps Curl",
        aliases=["Biceps Curl"],
        met=3.5,
        met_source="2024:02054",
        translations=[ExerciseTranslation(language="de", name="Kurzhantelcurls")],
    )


def test_our_facts_stay_and_what_we_lack_is_taken() -> None:
    theirs = Exercise(
        name="Curls, Dumbbell",
        aliases=["biceps curl", "Arm Curl"],
        instructions=["Curl."],
        met=9.9,
        level=pb.EXERCISE_LEVEL_EXPERT,
        translations=[
            ExerciseTranslation(language="de", name="Hantelbeuge"),
            ExerciseTranslation(language="it", name="Curl con manubri"),
        ],
    )

    exercise = composed({(OURS, "dumbbell-biceps-curl"): ours(), THEIRS: theirs})

    assert exercise.name == "Dumbbell Biceps Curl"
    assert list(exercise.aliases) == ["Biceps Curl", "Curls, Dumbbell", "Arm Curl"]
    assert list(exercise.instructions) == ["Curl."]
    assert (exercise.met, exercise.met_source, exercise.level) == (3.5, "2024:02054", 0)
    assert [(each.language, each.name) for each in exercise.translations] == [
        ("de", "Kurzhantelcurls"),
        ("it", "Curl con manubri"),
    ]


def test_a_met_value_that_we_lack_comes_with_its_source() -> None:
    exercise = composed({(OURS, "x"): Exercise(name="X"), THEIRS: Exercise(name="X", met=4.0, met_source="2011:02050")})

    assert (exercise.met, exercise.met_source) == (4.0, "2011:02050")


def test_the_order_in_which_sources_speak_makes_no_difference() -> None:
    said = {
        ("zeta", "1"): Exercise(name="Arm Curl", instructions=["Zeta."]),
        (OURS, "dumbbell-biceps-curl"): ours(),
        ("alpha", "1"): Exercise(name="Curl It", instructions=["Alpha."]),
        ("beta", "9"): Exercise(name="dumbbell biceps curls", instructions=["Beta."]),
    }

    exercise = composed(said)

    assert exercise == composed(dict(reversed(said.items())))
    assert list(exercise.instructions) == ["Beta."], "of those who call it as we do"
    assert list(exercise.aliases) == ["Biceps Curl", "dumbbell biceps curls", "Curl It", "Arm Curl"]


def test_an_exercise_has_no_more_aliases_than_allowed() -> None:
    said = {(f"library-{number:02}", "1"): Exercise(name=f"Curl {number}") for number in range(30)}

    assert len(composed({(OURS, "x"): ours(), **said}).aliases) == MOST_ALIASES


def test_what_somebody_edited_stays() -> None:
    before = Exercise(name="Curl", aliases=["A"], met=3.5, level=pb.EXERCISE_LEVEL_BEGINNER)
    stored = Exercise(name="Curl", aliases=["A", "Mine"], level=pb.EXERCISE_LEVEL_BEGINNER)
    after = Exercise(name="Arm Curl", aliases=["A", "B"], met=4.0, level=pb.EXERCISE_LEVEL_EXPERT, instructions=["Go."])

    exercise = with_edits(stored, before, after)

    assert exercise == Exercise(
        name="Arm Curl", aliases=["A", "Mine"], level=pb.EXERCISE_LEVEL_EXPERT, instructions=["Go."]
    )


def test_facts_are_what_the_library_does_not_decide() -> None:
    exercise = ours()
    exercise.MergeFrom(Exercise(id="x", source="theirs", source_id="1", etag="e", owner_id="o", display_name="d"))
    exercise.create_time.seconds = exercise.update_time.seconds = 1

    assert facts(exercise) == ours()


# --- the real library ---


@pytest.mark.skipif(not LIBRARY.exists(), reason=f"no public test data: {LIBRARY} (FITNESSHUB_VECTORS)")
def test_the_real_library_is_recognised() -> None:
    """The merges were looked through one by one; the rows below are those that looked alike and aren't."""
    rows = [map_row(each) for each in json.loads(LIBRARY.read_bytes())]
    found = {each.name: slug(each) for each in rows}

    assert sum(each is not None for each in found.values()) >= 480
    assert found["Barbell Squat"] == found["Barbell Full Squat"] == "barbell-back-squat"
    assert found["Barbell Bench Press - Medium Grip"] == "barbell-bench-press"
    assert found["Dumbbell Bicep Curl"] == "dumbbell-biceps-curl"
    assert found["Walking, Treadmill"] == "treadmill-walking"
    assert found["Machine Shoulder (Military) Press"] == "machine-shoulder-press"
    for name in (
        "Air Bike",
        "Barbell Squat To A Bench",
        "Bench Press - With Bands",
        "Calf Raise On A Dumbbell",
        "Cable Deadlifts",
        "Crunch - Legs On Exercise Ball",
        "Flutter Kicks",
        "Hang Clean - Below the Knees",
        "Incline Push-Up Wide",
        "Kettlebell Turkish Get-Up (Squat style)",
        "One Leg Barbell Squat",
        "Plyo Kettlebell Pushups",
        "Split Squats",
        "Stiff Leg Barbell Good Morning",
        "Wind Sprints",
        "Windmills",
    ):
        assert found[name] is None, name


def test_an_empty_catalogue_knows_nothing() -> None:
    assert Catalogue([]).match(row("Curl")) is None
