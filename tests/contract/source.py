"""Where the code of services stands, for the tests that compare it with the contract."""

import re
from pathlib import Path

from chassis.contract import Method

ROOT = Path(__file__).parents[2]


def services() -> list[str]:
    """Names of the services, by their folders."""
    return sorted(path.name for path in ROOT.glob("services/[!_]*/"))


def service_files(service: str, room: str) -> list[Path]:
    """The Python files of one room of a service."""
    return sorted((ROOT / "services" / service / room).rglob("*.py"))


def handler_name(method: Method) -> str:
    """`create_workout` for CreateWorkout."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", method.descriptor.name).lower()
