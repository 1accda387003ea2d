"""Whether columns and wire forms of a running stack say the same, in every service that keeps wire forms."""

import importlib
from pathlib import Path

from chassis.db import Database
from embedded.home import Home
from embedded.state import load

ROOT = Path(__file__).parents[2]


async def differences(home: Path) -> list[str]:
    """What the stack in this state folder disagrees on with itself, a sentence each."""
    state = load(Home(home))
    assert state is not None, f"no stack runs in {home}"
    found: list[str] = []
    for check in sorted(ROOT.glob("services/*/store/consistency.py")):
        service = check.parts[-3]
        password = (home / "secrets" / f"database-{service}").read_text().strip()
        db = Database(state.database, password, service=service, pool_size=1)
        try:
            found += await importlib.import_module(f"services.{service}.store.consistency").differences(db)
        finally:
            await db.close()
    return found
