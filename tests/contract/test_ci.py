"""CI's script: it runs what the README and the Makefile promise, all of it, and tells the truth at the end."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
STUB = """#!/bin/sh
echo "$*" >> "$CALLS"
case " $BROKEN " in *" $1 "*) broken=1;; esac
if [ "$1" = test ]; then printf '\\033[32m== \\033[1m3 passed\\033[0m, 1 skipped in 2.50s ==\\033[0m\\n'; fi
exit ${broken:-0}
"""


README = (ROOT / "README.md").read_text()


def run(folder: Path, broken: str = "", readme: str = README) -> subprocess.CompletedProcess[str]:
    """Runs the script in a folder where `make` only notes what it was asked, and fails for `broken`."""
    (folder / ".ci").mkdir()
    shutil.copy(ROOT / ".ci/run", folder / ".ci")
    (folder / "README.md").write_text(readme)
    for name in ("make", "grpcurl"):
        stub = folder / "bin" / name
        stub.parent.mkdir(exist_ok=True)
        stub.write_text(STUB)
        stub.chmod(0o755)
    path = f"{folder / 'bin'}:{os.environ['PATH']}"
    environment = os.environ | {"PATH": path, "CALLS": str(folder / "calls"), "BROKEN": broken}
    return subprocess.run([folder / ".ci/run"], env=environment, capture_output=True, text=True, check=False)


def calls(folder: Path) -> list[str]:
    return (folder / "calls").read_text().splitlines()


def test_it_runs_every_check_and_the_readmes_test_command(tmp_path: Path) -> None:
    result = run(tmp_path)
    assert result.returncode == 0, result.stdout + result.stderr
    assert calls(tmp_path) == ["set-up", "lint", "types", "imports", "contract", "test"]
    assert result.stdout.splitlines()[-1] == "== 3 passed, 1 skipped in 2.50s =="


def test_make_check_is_what_ci_runs(tmp_path: Path) -> None:
    run(tmp_path)
    check = re.search(r"^check: (.*) ##", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert check
    assert check[1].split() == calls(tmp_path)[1:]


@pytest.mark.parametrize("broken", ["set-up", "types", "test"])
def test_one_failed_part_fails_it_and_the_others_still_run(broken: str, tmp_path: Path) -> None:
    result = run(tmp_path, broken)
    assert result.returncode == 1
    assert calls(tmp_path)[-1] == "test"
    assert result.stdout.splitlines()[-1] == "== 3 passed, 1 skipped in 2.50s =="
    assert f"failed: {'tests' if broken == 'test' else broken}" in result.stdout


def test_a_readme_without_a_test_command_fails_it(tmp_path: Path) -> None:
    result = run(tmp_path, readme=re.sub(r"^make test", "echo", README, flags=re.MULTILINE))
    assert result.returncode == 1
    assert result.stdout.splitlines()[-1] == "pytest printed no closing line"
