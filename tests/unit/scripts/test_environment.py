"""The set-up's own rules; the set-up as a whole is what CI starts with."""

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

FILE = Path(__file__).parents[3] / "scripts/environment.py"
LOCK = """uuid==1.0 \\
    --hash=sha256:aa
    # via something
uv==2.0 \\
    --hash=sha256:bb \\
    --hash=sha256:cc
    # via fitnesshub
uvloop==3.0 \\
    --hash=sha256:dd
"""


@pytest.fixture(scope="module")
def environment() -> ModuleType:
    spec = importlib.util.spec_from_file_location("environment", FILE)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_one_package_is_cut_out_of_a_lock_with_its_hashes(environment: ModuleType) -> None:
    lines = environment.section(LOCK, "uv").splitlines()
    assert [line.strip(" \\") for line in lines if "#" not in line] == [
        "uv==2.0",
        "--hash=sha256:bb",
        "--hash=sha256:cc",
    ]


def test_a_lock_without_the_package_stops_it(environment: ModuleType) -> None:
    with pytest.raises(SystemExit, match="no uvx"):
        environment.section(LOCK, "uvx")


def test_a_mirror_that_was_set_for_pip_is_used_by_uv(environment: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "https://mirror.example/simple")
    monkeypatch.delenv("UV_DEFAULT_INDEX", raising=False)
    environment.surroundings.cache_clear()
    assert environment.surroundings()["UV_DEFAULT_INDEX"] == "https://mirror.example/simple"


def test_what_was_set_for_uv_wins(environment: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "https://mirror.example/simple")
    monkeypatch.setenv("UV_DEFAULT_INDEX", "https://other.example/simple")
    environment.surroundings.cache_clear()
    assert environment.surroundings()["UV_DEFAULT_INDEX"] == "https://other.example/simple"


def test_an_old_python_without_a_newer_one_says_so(
    environment: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(environment.sys, "version_info", (3, 9, 2))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SystemExit, match=r"needs Python 3\.11 or newer"):
        environment.use_new_python()


def test_a_file_is_written_whole_or_not_at_all(environment: ModuleType, tmp_path: Path) -> None:
    environment.write(tmp_path / "file", "one")
    environment.write(tmp_path / "file", "two")
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"file": "two"}


def start(folder: Path) -> subprocess.Popen[str]:
    """A process that takes its turn for the folder, says so, and ends with its input."""
    code = "import sys; sys.path.insert(0, sys.argv[1]); import pathlib, environment\n"
    code += "environment.ROOT = pathlib.Path(sys.argv[2]); environment.take_turn()\n"
    code += "print('my turn', flush=True); sys.stdin.read()"
    command = [sys.executable, "-B", "-c", code, str(FILE.parent), str(folder)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_two_set_ups_take_turns(tmp_path: Path) -> None:
    with start(tmp_path) as first:
        assert first.stdout
        assert first.stdout.readline() == "my turn\n"
        with start(tmp_path) as second:
            assert second.stdout
            assert second.stdout.readline() == "waiting for another set-up of this checkout\n"
            first.communicate("")
            assert second.stdout.readline() == "my turn\n"
