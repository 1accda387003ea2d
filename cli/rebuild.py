"""`fitnesshub events rebuild`: makes what a service made of events anew, or compares it with what that would give.

A process of the service does it, as any other of its processes configured, but with the owner's login.
"""

import json
import os
import subprocess
import sys
from argparse import Namespace
from typing import Any

from embedded.home import find_home
from embedded.problems import EmbeddedError, NotRunningError
from embedded.servers import plan
from embedded.state import load
from embedded.topology import service_names


def rebuild(arguments: Namespace) -> int:
    """Rebuilds or compares, and tells what came of it. Raises EmbeddedError when there can be no rebuild."""
    home = find_home(os.environ)
    state = load(home)
    if state is None:
        raise NotRunningError(home.root)
    if arguments.service not in service_names():
        raise EmbeddedError(f"there is no service {arguments.service!r}; there are: {', '.join(service_names())}")
    servers = plan(home, os.environ)
    environment = os.environ | {
        "DATABASE_URL": servers.owner_url,
        "FITNESSHUB_SECRETS": str(home.secrets),
        "FITNESSHUB_DATABASE_SERVER": servers.database.url,
        "REDIS_URL": servers.redis.url,
        "FITNESSHUB_MESH": state.mesh,
        "FITNESSHUB_LOG_LEVEL": os.environ.get("FITNESSHUB_LOG_LEVEL", "ERROR"),
    }
    role = "compare" if arguments.check else "rebuild"
    done = subprocess.run(
        [sys.executable, "-m", "services", role, "--service", arguments.service],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if not done.stdout:
        said = done.stderr.strip().splitlines()
        raise EmbeddedError(said[-1] if said else f"the process ended with {done.returncode}")
    if arguments.json:
        print(done.stdout, end="")
    else:
        _tell(json.loads(done.stdout), arguments)
    return done.returncode


def _tell(report: dict[str, Any], arguments: Namespace) -> None:
    service, failed = report["service"], report["failed"]
    took = f"{report['events']} events in {report['seconds']:.1f} s; consumers waited {report['held_seconds']:.2f} s"
    if not arguments.check:
        print(f"{service} is rebuilt: {took}")
    elif report["differences"]:
        print(f"{service} differs from its rebuild: {took}")
    else:
        print(f"{service} is the same as its rebuild: {took}")
    for difference in report["differences"]:
        print(f"  {difference}")
    for event_id, reason in failed.items():
        print(f"  without effect, as its handler fails: {event_id}: {reason}")
