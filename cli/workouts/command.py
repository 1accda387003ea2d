"""`fitnesshub import workouts`: who imports what into which stack, and what is told about it."""

import os
import sys
from argparse import Namespace
from collections.abc import Iterator
from typing import Any
from zoneinfo import ZoneInfo

from fitnesshub.workout.v1 import workout_pb2 as pb
from rich.console import Console

from cli.edge import Edge, EdgeError
from cli.problems import Unusable
from cli.progress import progress
from cli.token import DEFAULT_EMAIL, issue
from cli.workouts.exercises import Exercises
from cli.workouts.formats import Format, recognise
from cli.workouts.importer import Import
from cli.workouts.table import Table, open_table
from cli.workouts.values import Units
from embedded.home import find_home
from embedded.problems import NotRunningError
from embedded.state import load

UNITS = {
    "kg": Units(pb.WEIGHT_UNIT_KG, pb.DISTANCE_UNIT_KILOMETER),
    "lb": Units(pb.WEIGHT_UNIT_LB, pb.DISTANCE_UNIT_MILE),
}
"""Both apps have one switch between metric and imperial in mind: who lifts pounds runs miles."""
UNUSABLE = 2


def run(arguments: Namespace) -> int:
    """Imports the file for the user. Returns the exit code: 0 all stored, 1 something wasn't, 2 the file is no use."""
    home = find_home(os.environ)
    state = load(home)
    if state is None:
        raise NotRunningError(home.root)
    out = Console(highlight=False, soft_wrap=True)
    try:
        with open_table(arguments.file) as table:
            found = recognise(table.columns)
            token = issue(arguments.email, None, must_exist=arguments.email != DEFAULT_EMAIL)
            with Edge(state.edge_url, token) as edge:
                return _import(arguments, table, found, edge, out)
    except Unusable as problem:
        return _fail(f"{arguments.file}: {problem}.", UNUSABLE)
    except EdgeError as error:
        return _fail(f"The import stopped: {error}. Run it again: what is stored already stays as it is.", 1)


def _import(arguments: Namespace, table: Table, found: Format, edge: Edge, out: Console) -> int:
    def say(line: str) -> None:
        out.print(line, markup=False)

    preferences = edge.get("/api/v1/users/me/preferences")
    units, in_units = _units(arguments.unit, found, table, preferences)
    zone = arguments.time_zone or ZoneInfo(preferences["timeZone"])
    whose = "" if arguments.time_zone else " (the user's preference; --time-zone says otherwise)"
    say(f"{found.name}'s export, {in_units}, times in {zone.key}{whose}")
    exercises = Exercises(edge, dry_run=arguments.dry_run)
    exercises.load()
    user_id = edge.get("/api/v1/users/me")["id"]
    job = Import(edge, user_id, zone, exercises, say, dry_run=arguments.dry_run, partial=arguments.partial)
    with progress("importing workouts", table.size, out) as tell:
        job.run(table, found, units, lambda: tell(table.position))
    for line in _summary(job):
        say(line)
    report = job.report
    return 1 if report.refused or report.held_back or report.results["WORKOUT_RESULT_REFUSED"] else 0


def _units(chosen: str | None, found: Format, table: Table, preferences: dict[str, Any]) -> tuple[Units, str]:
    """What numbers are in where the file doesn't say, and how to tell it."""
    if found.tells_units(table.columns):
        if chosen:
            raise Unusable("it says its units itself; leave --unit out")
        return UNITS["kg"], "units as in the file"
    name = chosen or ("lb" if preferences.get("weightUnit") == "WEIGHT_UNIT_LB" else "kg")
    whose = "" if chosen else " (the file doesn't say; the user's preference; --unit says otherwise)"
    return UNITS[name], f"weights in {name}, distances in {'miles' if name == 'lb' else 'km'}{whose}"


def _summary(job: Import) -> Iterator[str]:
    report, exercises = job.report, job.exercises
    refusals = (
        f"; {report.refused} rows refused, which holds back {report.held_back} sessions" if report.refused else ""
    )
    yield f"{report.sessions} sessions{refusals}"
    made = "would be made" if job.dry_run else "made"
    yield f"exercises: {exercises.matched} found in the library, {len(exercises.created)} {made}"
    for name in exercises.created:
        yield f"  {made}: {name}, muscles unknown"
    if job.dry_run:
        yield f"{report.results.total()} sessions with {report.sets} sets would be sent; nothing was stored (--dry-run)"
        return
    sets = f"{report.sets} set{'' if report.sets == 1 else 's'}"
    created, existed, refused = (report.results[f"WORKOUT_RESULT_{each}"] for each in ("CREATED", "EXISTED", "REFUSED"))
    yield f"{created} stored, {existed} there already, {refused + report.held_back} not stored; {sets} in all"


def _fail(sentence: str, code: int) -> int:
    print(f"fitnesshub: {sentence}", file=sys.stderr)
    return code
