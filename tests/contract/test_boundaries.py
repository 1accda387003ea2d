"""Who may import whom: the rules hold, they cover every service, and each of them bites."""

import ast
import configparser
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CODE = ["chassis", "services", "embedded", "cli"]
SERVICES = sorted(path.name for path in ROOT.glob("services/[!_]*/"))


def contracts() -> configparser.ConfigParser:
    parser = configparser.ConfigParser()
    parser.read(ROOT / ".importlinter")
    return parser


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    """import-linter over the code in the folder, whose modules come before the installed ones."""
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-logo", "--no-cache"]
    environment = os.environ | {"PYTHONPATH": str(folder), "NO_COLOR": "1", "COLUMNS": "200"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("boundaries")
    shutil.copy(ROOT / ".importlinter", folder)
    for name in CODE:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def test_every_service_is_in_the_list() -> None:
    listed = contracts()["importlinter:contract:independent"]["modules"].split()
    assert listed == [f"services.{name}" for name in SERVICES]


def test_every_folder_of_code_is_looked_at() -> None:
    roots = contracts()["importlinter"]["root_packages"].split()
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests"}
    assert set(roots) == packages == set(CODE)


def test_the_rules_hold(copy: Path) -> None:
    result = lint(copy)
    assert result.returncode == 0, result.stdout + result.stderr
    assert " 0 broken" in result.stdout


PLANTS = [
    ("services/workout/api/planted.py", "import services.user.bootstrap", "independent"),
    ("services/workout/domain/planted.py", "import grpc.aio", "pure"),
    ("services/workout/domain/planted.py", "import sqlalchemy", "pure"),
    ("services/workout/domain/planted.py", "import chassis.db", "pure"),
    ("services/workout/domain/planted.py", "from services.workout import bootstrap", "pure"),
    ("services/workout/domain/planted.py", "from time import time", "deterministic"),
    ("services/workout/domain/planted.py", "import random", "deterministic"),
    ("chassis/planted.py", "import services.user", "chassis"),
    ("cli/planted.py", "from services import workout", "outside"),
    ("embedded/planted.py", "import services.user.bootstrap", "outside"),
    ("embedded/planted.py", "import cli", "inside"),
    ("services/user/bootstrap_planted.py", "import embedded", "unsupervised"),
    ("services/workout/api/planted.py", "from sqlalchemy import select", "sql"),
    ("cli/planted.py", "import sqlalchemy", "sql"),
    ("services/gateway/planted.py", "import asyncpg", "driver"),
    ("cli/planted.py", "import asyncpg", "driver"),
    ("services/workout/api/planted.py", "import grpc", "transport"),
    ("services/workout/store/planted.py", "def late():\n    import httpx", "transport"),
    ("services/workout/api/planted.py", "import stripe", "vendors"),
]


@pytest.fixture
def plant(copy: Path, request: pytest.FixtureRequest) -> Iterator[None]:
    file, line, _ = request.param
    path = copy / file
    new = [folder for folder in (path.parent, path.parent.parent) if not folder.exists()]
    path.parent.mkdir(parents=True, exist_ok=True)
    for package in (path.parent, *new):
        (package / "__init__.py").touch()
    path.write_text(line + "\n")
    yield
    path.unlink()
    for folder in new:
        shutil.rmtree(folder)


@pytest.mark.parametrize("plant", PLANTS, indirect=True, ids=[f"{name}: {file}" for file, _, name in PLANTS])
def test_a_planted_violation_is_caught(plant: None, copy: Path, request: pytest.FixtureRequest) -> None:
    name = contracts()[f"importlinter:contract:{request.node.callspec.params['plant'][2]}"]["name"]
    result = lint(copy)
    assert result.returncode == 1, result.stdout + result.stderr
    assert f"{name} BROKEN" in result.stdout


def test_every_rule_is_tried() -> None:
    rules = {section.rpartition(":")[2] for section in contracts().sections()} - {"importlinter"}
    assert rules == {name for _, _, name in PLANTS}


def test_domain_rules_never_read_the_clock() -> None:
    """`datetime` itself is fine there: times are values."""
    for file in ROOT.glob("services/*/domain/**/*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            assert not (isinstance(node, ast.Attribute) and node.attr in {"now", "utcnow", "today"}), (
                f"{file.relative_to(ROOT)}:{node.lineno} asks for the time; let it be passed in"
            )
