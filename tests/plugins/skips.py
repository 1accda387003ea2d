"""A skipped test fails the run unless `tests/skips.txt` lists it with a reason.

Otherwise a suite can turn green by testing less. An expected failure counts as a skip too.
"""

from collections.abc import Generator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

LIST = "tests/skips.txt"
Report = pytest.TestReport | pytest.CollectReport


@dataclass(frozen=True)
class Allowed:
    """A line of the list."""

    pattern: str
    """Test id or module path; `*` stands for anything."""
    reason: str


def read_list(file: Path, root: Path) -> list[Allowed]:
    """The skips that are allowed, from lines like `tests/e2e/test_x.py::* # why`.

    Raises pytest.UsageError for a line without a reason, or one whose file is gone.
    """
    found = []
    for number, line in enumerate(file.read_text().splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        pattern, _, reason = (part.strip() for part in line.partition(" # "))
        if not reason:
            raise pytest.UsageError(f"{file}:{number}: say why after ` # `")
        if not any(root.glob(pattern.partition("::")[0])):
            raise pytest.UsageError(f"{file}:{number}: no such test file: {pattern}")
        found.append(Allowed(pattern, reason))
    return found


class Skips:
    """Turns skips that aren't listed into failures."""

    def __init__(self, allowed: list[Allowed]) -> None:
        self.allowed = allowed

    def judge(self, report: Report) -> None:
        """Makes the report a failure when it is a skip that isn't listed."""
        if report.outcome != "skipped" or any(fnmatchcase(report.nodeid, one.pattern) for one in self.allowed):
            return
        why = report.longrepr[2] if isinstance(report.longrepr, tuple) else getattr(report, "wasxfail", "")
        report.outcome = "failed"
        report.longrepr = f"skipped, and not listed in {LIST}: {why}"
        if hasattr(report, "wasxfail"):
            del report.wasxfail

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(self) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Judges a test."""
        report = yield
        self.judge(report)
        return report

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_make_collect_report(self) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
        """Judges a module that skips itself as a whole."""
        report = yield
        self.judge(report)
        return report


def pytest_configure(config: pytest.Config) -> None:
    """Reads the list and puts the plugin to work."""
    config.pluginmanager.register(Skips(read_list(config.rootpath / LIST, config.rootpath)), "listed-skips")
