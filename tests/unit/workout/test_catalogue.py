"""The data of our own catalogue."""

import json
import re
from collections import Counter, defaultdict
from typing import Any

import pytest
from fitnesshub.workout.v1 import exercise_pb2 as pb
from fitnesshub.workout.v1.exercise_pb2 import Exercise

from chassis.rules import compile_rules
from services.workout.catalogue.entries import FILE, LANGUAGES, entry, load
from services.workout.domain.exercise_merging import compared
from services.workout.domain.exercise_names import normal

ROWS: list[dict[str, Any]] = json.loads(FILE.read_bytes())
ENTRIES = [entry(row) for row in ROWS]
WITHOUT_MOVEMENT = 35
"""Shrugs, neck, boxing, intervals: what fits no pattern. A floor for the others."""


def names_of(exercise: Exercise) -> list[str]:
    return [exercise.name, *exercise.aliases]


def test_there_are_enough() -> None:
    assert len(ENTRIES) >= 300
    assert sum(len(each.translations) == len(LANGUAGES) for each in ENTRIES) >= 120


def test_every_kind_of_training_equipment_muscle_and_movement_occurs() -> None:
    for field, enum in {
        "category": pb.ExerciseCategory,
        "level": pb.ExerciseLevel,
        "equipment": pb.Equipment,
        "movement": pb.MovementPattern,
        "force": pb.Force,
        "mechanic": pb.Mechanic,
    }.items():
        missing = {value for value in enum.values() if value} - {getattr(each, field) for each in ENTRIES}
        assert not missing, f"{field}: {[enum.Name(value) for value in missing]}"
    used = {muscle for each in ENTRIES for muscle in each.primary_muscles}
    assert used == {value for value in pb.Muscle.values() if value}


def test_every_entry_keeps_the_rules_of_the_contract() -> None:
    violations = compile_rules(Exercise.DESCRIPTOR)
    for row in ROWS:
        assert list(violations(entry(row))) == [], row["slug"]


def test_the_file_is_sorted_with_an_entry_a_line() -> None:
    slugs = [row["slug"] for row in ROWS]
    assert slugs == sorted(slugs)
    assert len(FILE.read_text().splitlines()) == len(ROWS) + 2


def test_slugs_are_unique_and_say_the_name() -> None:
    assert [slug for slug, count in Counter(row["slug"] for row in ROWS).items() if count > 1] == []
    for row in ROWS:
        assert row["slug"] == normal(row["name"]).replace(" ", "-"), "a slug stays when the name changes: add it here"


def test_ids_are_the_same_on_every_installation() -> None:
    ids = {each.source_id: each.id for each in ENTRIES}
    assert ids["barbell-back-squat"] == "e64abac6-b9bf-5434-abef-943cb9ee8604"
    assert ids["push-up"] == "06c5fd89-4211-5909-8b4d-57df0bfadc9c"
    assert len(set(ids.values())) == len(ENTRIES)


def test_no_two_entries_share_a_name() -> None:
    named = defaultdict(set)
    for each in ENTRIES:
        for name in names_of(each):
            named[normal(name)].add(each.source_id)
    assert {name: slugs for name, slugs in named.items() if len(slugs) > 1} == {}


def test_every_name_of_an_entry_leads_back_to_it_alone() -> None:
    """So that no row that is called so is merged into another one, or into none because two are called so."""
    catalogue = load()
    for each in ENTRIES:
        for name in names_of(each):
            row = Exercise()
            row.CopyFrom(each)
            row.name = name
            row.ClearField("aliases")
            found = catalogue.match(row)
            assert found is not None, (each.source_id, name)
            assert found.id == each.id, (each.source_id, name, found.source_id)


def test_aliases_say_something_new() -> None:
    """Words in another order, or with another spelling, are found without; a shorter name is how people say it."""
    for each in ENTRIES:
        said = {compared(each.name, each.equipment)}
        for alias in each.aliases:
            words = compared(alias, each.equipment)
            shorter = set(normal(alias).split()) < set(normal(each.name).split())
            assert words not in said or shorter, (each.source_id, alias)
            said.add(words)


@pytest.mark.parametrize("row", ROWS, ids=[row["slug"] for row in ROWS])
def test_an_entry_is_facts_and_nothing_else(row: dict[str, Any]) -> None:
    exercise = entry(row)
    texts = [*names_of(exercise), *(each.name for each in exercise.translations)]
    assert all(len(text) <= 60 and len(text.split()) <= 9 and text == text.strip() for text in texts), texts
    assert not exercise.instructions
    assert exercise.category
    assert exercise.level
    assert exercise.equipment
    assert exercise.variation_group
    assert exercise.primary_muscles
    assert set(exercise.primary_muscles).isdisjoint(exercise.secondary_muscles)
    assert 1 <= exercise.met <= 23
    assert re.fullmatch("(2011|2024):[0-9]{5}", exercise.met_source)


def test_a_code_of_the_compendium_has_one_value() -> None:
    values = defaultdict(set)
    for each in ENTRIES:
        values[each.met_source].add(each.met)
    assert {code: found for code, found in values.items() if len(found) > 1} == {}
    assert values["2024:02054"] == {3.5}  # resistance training, multiple exercises
    assert values["2024:02050"] == {6.0}  # resistance training, vigorous
    assert values["2024:12050"] == {9.3}  # running at 6 to 6.3 mph
    assert values["2024:01200"] == {6.8}  # stationary bicycle, general


def test_nearly_every_entry_has_a_movement_and_strength_work_a_mechanic() -> None:
    assert sum(not each.movement for each in ENTRIES) <= WITHOUT_MOVEMENT
    for each in ENTRIES:
        if each.category != pb.EXERCISE_CATEGORY_STRETCHING and each.source_id != "pilates":
            assert each.mechanic, each.source_id


def test_variations_of_a_group_are_alternatives() -> None:
    """A group is the same movement with other equipment: its main muscles meet."""
    groups = defaultdict(list)
    for each in ENTRIES:
        groups[each.variation_group].append(each)
    for group, members in groups.items():
        first = members[0]
        for each in members[1:]:
            shared = {*first.primary_muscles, *first.secondary_muscles} & {
                *each.primary_muscles,
                *each.secondary_muscles,
            }
            assert shared, (group, first.source_id, each.source_id)
    assert {each.equipment for each in groups["bench-press"]} >= {
        pb.EQUIPMENT_BARBELL,
        pb.EQUIPMENT_DUMBBELL,
        pb.EQUIPMENT_MACHINE,
        pb.EQUIPMENT_CABLE,
    }


def test_a_wrong_row_is_named() -> None:
    with pytest.raises(ValueError, match="squat has unknown fields: instructions"):
        entry({**ROWS[0], "slug": "squat", "instructions": ["Go down."]})
    with pytest.raises(ValueError, match="MUSCLE_EAR"):
        entry({**ROWS[0], "primary": ["ear"]})
    with pytest.raises(KeyError, match="met_code"):
        entry({key: value for key, value in ROWS[0].items() if key != "met_code"})
