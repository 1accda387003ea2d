"""`fitnesshub migrate`: brings the schemas of all services up to date, on any server."""

import asyncio
import os
from argparse import Namespace

from embedded.home import create, find_home, running_pid
from embedded.migrations import make_secrets
from embedded.migrations import migrate as run
from embedded.problems import NotRunningError


def migrate(_: Namespace) -> int:
    """Migrates the database that DATABASE_URL names, or that of the stack that runs here."""
    from embedded.servers import plan

    home = find_home(os.environ)
    if not os.environ.get("DATABASE_URL") and running_pid(home) is None:
        raise NotRunningError(home.root)
    create(home)
    make_secrets(home)
    asyncio.run(run(plan(home, os.environ).owner_url, home, print))
    return 0
