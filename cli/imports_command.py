"""`fitnesshub import`: hands a file to the importer with the address of the local stack and an admin's token."""

import os
from argparse import Namespace

from embedded.home import find_home
from embedded.problems import NotRunningError
from embedded.state import load

IMPORTER = "import@fitnesshub.dev"
"""A user of its own, so that importing makes nobody else an admin."""


def run(arguments: Namespace) -> int:
    """Imports the file. Returns the importer's exit code."""
    from cli.imports import import_exercises
    from cli.token import issue

    home = find_home(os.environ)
    state = load(home)
    if state is None:
        raise NotRunningError(home.root)
    return import_exercises(arguments.file, state.edge_url, issue(IMPORTER, "admin"), arguments.report)
