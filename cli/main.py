"""Entry point of `fitnesshub`: reads the arguments and hands over to one command, which is imported only then.

Exit codes: 0 done; 1 it failed, with one sentence on stderr; 2 wrong usage, or not built yet; 3 nothing is
running; 4 running, but not ready; 130 interrupted.
"""

import argparse
import importlib
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from chassis.version import VERSION
from cli.token import DEFAULT_EMAIL
from embedded.home import find_home
from embedded.problems import EmbeddedError, explain

ROLES = ("member", "trainer", "moderator", "admin", "service")
HOMES = "The state folder is FITNESSHUB_HOME (.fitnesshub in the current folder by default)."
UP = """Starts PostgreSQL, Valkey, Envoy and the services, waits until they are ready and shows where they are.
Ctrl-C stops everything in order.

environment:
  FITNESSHUB_PORT     port of the API; 8080 by default, 0 takes a free one
  FITNESSHUB_HOME     folder for all state; .fitnesshub by default
  FITNESSHUB_PROFILE  embedded (all services in one process, the default) or split (a process each)
  FITNESSHUB_WORKERS  processes that answer the calls of a service; 1 by default
  DATABASE_URL        owner's login of a PostgreSQL server to use instead of our own
  REDIS_URL           a Redis or Valkey server to use instead of our own"""

EVENTS = "Events of the stack that runs here. Their content is left out: it is about persons."
TAIL = """Shows what services have published in the last 24 hours: the last events, and with -f each that follows.
They are read from the outboxes in the database. The logs in Redis are trimmed once all groups have read them.
All events for good: the records of the audit service (GET /api/v1/audit/records)."""
REBUILD = """Traffic goes on meanwhile. The tables are made beside the live ones, and take their place in one moment.

Exit code 0: done, or with --check the same; 1: it can't be done now, or there are differences."""
WORKOUTS = """Stores each session of the file as a workout. Run it again at any time: what is stored stays as it is.
A session with a refused row isn't stored at all, so that the mended file adds it whole; --partial stores
the rest of it. Exercises are found in the library by name, or made for the user.

Exit code 0: everything is stored; 1: rows or sessions were refused; 2: the file can't be used."""
DEMO = """Plays an athlete's day over REST and prints each call with its answer. Starts a stack when none runs,
and stops that one afterwards. Exit code 1 when an answer isn't the expected one."""


def main() -> int:
    """Runs the command line. Returns the exit code."""
    arguments = _parse(sys.argv[1:])
    module, function = arguments.command.split(":")
    try:
        command = getattr(importlib.import_module(module), function)
        return int(command(arguments))
    except EmbeddedError as problem:
        return _fail(problem)
    except BrokenPipeError:
        # Whoever reads our output has seen enough.
        sys.stderr.close()
        return 0
    except KeyboardInterrupt:
        return 130
    except OSError as error:
        home = find_home(os.environ)
        return _fail(explain(error, arguments.name, home.root, home.supervisor_log))
    except Exception as error:  # noqa: BLE001 - the last resort: a sentence instead of a traceback
        where = traceback.extract_tb(error.__traceback__)[-1]
        return _fail(EmbeddedError(f"unexpected {type(error).__name__}: {error} ({where.filename}:{where.lineno})"))


def _fail(problem: EmbeddedError) -> int:
    print(f"fitnesshub: {problem}", file=sys.stderr)
    return problem.exit_code


def _parse(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="fitnesshub", description="Runs and inspects FitnessHub on this machine.")
    parser.add_argument("--version", action="version", version=f"fitnesshub {VERSION}")
    commands = parser.add_subparsers(dest="name", metavar="COMMAND", required=True)

    def add(name: str, command: str, help_text: str, description: str = "") -> argparse.ArgumentParser:
        found = commands.add_parser(
            name,
            help=help_text,
            description=description or help_text,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        found.set_defaults(command=command)
        return found

    up = add("up", "cli.stack:up", "start everything", UP)
    up.add_argument("--detach", action="store_true", help="return when the mesh is ready; `fitnesshub down` stops it")
    add("down", "cli.stack:down", "stop what `up --detach` started", f"Stops the stack in order. {HOMES}")
    status = add(
        "status",
        "cli.stack:status",
        "show what runs, and where",
        "Asks each part; `no answer` is one that runs and says nothing within 2 s.\n\n"
        "Exit code 0: ready; 3: nothing is running; 4: running, but not ready, or a part gives no answer.",
    )
    status.add_argument("--json", action="store_true", help="for scripts")
    token = add("token", "cli.token:token", "print an access token for a local user, who is made if need be")
    token.add_argument("--email", default=DEFAULT_EMAIL, help=f"who; {DEFAULT_EMAIL} by default")
    token.add_argument("--role", choices=ROLES, help="a role that the user gets, and keeps")
    logs = add("logs", "cli.logs:logs", "show log files")
    logs.add_argument("part", nargs="?", metavar="SERVICE", help="a service, a server or a process; all by default")
    logs.add_argument("-f", "--follow", action="store_true", help="go on showing what is added")
    logs.add_argument(
        "-n", "--lines", type=int, default=20, help="how many of the last lines of each file; 20 by default"
    )
    add(
        "migrate",
        "cli.migrate:migrate",
        "bring the database up to date",
        "Uses DATABASE_URL, or the stack that runs here.",
    )
    config = add("config", "cli.config:config", "print the settings, without secrets")
    config.add_argument("service", nargs="?", metavar="SERVICE", help="one service; all by default")
    _add_imports(add("import", "", "bring data in"))
    add(
        "clean-state",
        "cli.stack:clean_state",
        "remove all state: data, secrets, logs",
        f"Refuses while a stack runs. {HOMES}",
    )
    add("demo", "cli.demo:demo", "play one day of an athlete, call by call", DEMO)
    _add_events(add("events", "", "events between services: what goes over the bus, and what was given up", EVENTS))
    return parser.parse_args(words)


def _add_events(parser: argparse.ArgumentParser) -> None:
    kinds = parser.add_subparsers(dest="what", metavar="WHAT", required=True)
    tail = kinds.add_parser(
        "tail",
        help="show the last events of 24 hours, without their content",
        description=TAIL,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    tail.set_defaults(command="cli.tail:tail")
    tail.add_argument("--source", metavar="SERVICE", help="events of one service; of all by default")
    tail.add_argument("-f", "--follow", action="store_true", help="go on showing what comes")
    tail.add_argument("-n", "--lines", type=_positive, default=20, help="how many of the last events; 20 by default")
    lag = kinds.add_parser("lag", help="show how far each group of readers is")
    lag.set_defaults(command="cli.events:lag")
    rebuild = kinds.add_parser(
        "rebuild",
        help="make what a service made of events anew, from the event store",
        description=REBUILD,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    rebuild.set_defaults(command="cli.rebuild:rebuild")
    rebuild.add_argument("service", metavar="SERVICE")
    rebuild.add_argument("--check", action="store_true", help="compare with what is there, and change nothing")
    rebuild.add_argument("--json", action="store_true", help="for scripts: one object")
    letters = kinds.add_parser("dlq", help="dead letters: events that a group gave up")
    actions = letters.add_subparsers(dest="action", metavar="ACTION", required=True)
    listed = actions.add_parser("list", help="list the dead letters of a group, or the groups that have some")
    listed.set_defaults(command="cli.events:dead_letters")
    listed.add_argument("group", nargs="?", metavar="GROUP")
    for name, function, help_text in (
        ("replay", "cli.events:replay", "give dead letters to their group once more"),
        ("discard", "cli.events:discard", "remove dead letters for good"),
    ):
        action = actions.add_parser(name, help=help_text)
        action.set_defaults(command=function)
        action.add_argument("group", metavar="GROUP")
        which = action.add_mutually_exclusive_group(required=True)
        which.add_argument("position", nargs="?", metavar="POSITION", help="of one dead letter, as `dlq list` shows it")
        which.add_argument("--all", action="store_true", help="all dead letters of the group")
    for leaf in (tail, lag, *actions.choices.values()):
        leaf.add_argument("--json", action="store_true", help="for scripts: one object a line")


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no number above 0")
    return int(text)


def _add_imports(parser: argparse.ArgumentParser) -> None:
    kinds = parser.add_subparsers(dest="what", metavar="WHAT", required=True)
    exercises = kinds.add_parser("exercises", help="the JSON of free-exercise-db, into the library")
    exercises.set_defaults(command="cli.imports_command:run")
    exercises.add_argument("file", type=Path, metavar="FILE")
    exercises.add_argument(
        "--report", type=Path, metavar="FILE", help="write a line for each row that is an exercise of ours"
    )
    workouts = kinds.add_parser(
        "workouts",
        help="the CSV that Strong and Hevy export, as workouts of one user",
        description=WORKOUTS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    workouts.set_defaults(command="cli.workouts.command:run")
    workouts.add_argument("file", type=Path, metavar="FILE")
    workouts.add_argument(
        "--email", default=DEFAULT_EMAIL, help=f"whose workouts, of somebody who signed up; {DEFAULT_EMAIL} by default"
    )
    workouts.add_argument(
        "--time-zone", type=_zone, metavar="ZONE", help="where the clock on the wall was, as Europe/Berlin"
    )
    workouts.add_argument("--unit", choices=("kg", "lb"), help="what the app showed, where the file doesn't say")
    workouts.add_argument("--dry-run", action="store_true", help="tell what would happen, and store nothing")
    workouts.add_argument("--partial", action="store_true", help="store sessions without their refused rows")


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise argparse.ArgumentTypeError(f"there is no time zone {name!r}; it is a name as Europe/Berlin") from None
