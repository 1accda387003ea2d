"""`Bench Press (Barbell)` is found as the library's `Barbell Bench Press`, and nothing is guessed."""

import pytest

from cli.workouts.names import Known, Library, key, parts

EXERCISES: tuple[tuple[str, str, list[str]], ...] = (
    ("Barbell Bench Press", "BARBELL", ["Bench Press", "Flat Bench Press"]),
    ("Dumbbell Bench Press", "DUMBBELL", []),
    ("Barbell Back Squat", "BARBELL", ["Squat", "Back Squat"]),
    ("Bodyweight Squat", "BODY_WEIGHT", ["Air Squat"]),
    ("Pull-Up", "BODY_WEIGHT", []),
    ("Weighted Pull-Up", "OTHER", []),
    ("Side Lateral Raise", "DUMBBELL", ["Lateral Raise"]),
    ("Farmer's Walk", "OTHER", []),
    ("Hip Thrust", "BARBELL", ["Élévation du bassin"]),
)


@pytest.fixture
def library() -> Library:
    made = Library()
    for name, equipment, aliases in EXERCISES:
        made.add(Known(name, name, f"EQUIPMENT_{equipment}"), aliases, own=False)
    return made


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("Bench Press (Barbell)", "Barbell Bench Press"),
        ("BENCH PRESS (DUMBBELL)", "Dumbbell Bench Press"),
        ("Bench Press", "Barbell Bench Press"),
        ("Squat (Barbell)", "Barbell Back Squat"),
        ("Squat (Bodyweight)", "Bodyweight Squat"),
        ("Pullups", "Pull-Up"),
        ("Pull Up (Assisted)", "Pull-Up"),
        ("Pull Up (Weighted)", "Weighted Pull-Up"),
        ("Lateral Raise (Dumbbell)", "Side Lateral Raise"),
        ("Lateral Raises", "Side Lateral Raise"),
        ("Farmers Walk", "Farmer's Walk"),
        ("Farmer’s Walk", "Farmer's Walk"),
        ("elevation du bassin", "Hip Thrust"),
    ],
)
def test_finds(library: Library, title: str, name: str) -> None:
    found = library.find(title)
    assert found is not None
    assert found.name == name


@pytest.mark.parametrize(
    "title",
    [
        "Bench Press (Cable)",  # other equipment is another exercise
        "Squat (Smith Machine)",
        "Bench Press (Close Grip)",  # not equipment, and no exercise we know
        "Barbell Bench",
        "Lateral Raise (Cable)",
        "",
        "()",
        "!!!",
    ],
)
def test_guesses_nothing(library: Library, title: str) -> None:
    assert library.find(title) is None


def test_ones_own_exercise_comes_before_the_library_and_a_name_before_an_alias() -> None:
    library = Library()
    library.add(Known("1", "Barbell Row", "EQUIPMENT_BARBELL"), ["Row"], own=False)
    library.add(Known("2", "Row", "EQUIPMENT_MACHINE"), [], own=False)
    assert library.find("row") == Known("2", "Row", "EQUIPMENT_MACHINE")
    library.add(Known("3", "Some Row", "EQUIPMENT_OTHER"), ["Row"], own=True)
    assert library.find("row") == Known("3", "Some Row", "EQUIPMENT_OTHER")


def test_keys_of_other_scripts_tell_names_apart() -> None:
    assert key("スクワット") != key("ベンチプレス")
    assert key("Присед") == key("присед")


def test_parts_keeps_brackets_that_are_no_equipment() -> None:
    assert parts("Running (Treadmill)") == ("Running (Treadmill)", None)
    assert parts("Bench Press (Barbell)")[0] == "Bench Press"
