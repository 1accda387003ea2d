"""A whole stack, driven by the `fitnesshub` command as its users drive it."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

COMMAND = Path(sys.executable).with_name("fitnesshub")
UP_TIMEOUT = 110
"""Seconds; below pytest's own limit, so that the reason is seen."""
TIES = ("DATABASE_URL", "REDIS_URL", "OTEL_EXPORTER_OTLP_ENDPOINT")
"""Variables of the machine that a test's stack doesn't take part in, besides FITNESSHUB_*."""


class NotUp(Exception):
    """The stack didn't start; the text is what the command said."""


@dataclass
class Stack:
    """One stack in its own state folder, on free ports."""

    home: Path
    profile: str = "embedded"
    environment: dict[str, str] = field(default_factory=dict)
    """More variables."""
    _kept: str = ""

    def run(self, *words: str, timeout: float = UP_TIMEOUT) -> subprocess.CompletedProcess[str]:
        """Runs `fitnesshub` with these arguments."""
        return subprocess.run(
            [COMMAND, *words], env=self.variables(), capture_output=True, text=True, check=False, timeout=timeout
        )

    def variables(self) -> dict[str, str]:
        """The command's environment."""
        inherited = {n: v for n, v in os.environ.items() if n not in TIES and not n.startswith("FITNESSHUB_")}
        chosen = {"FITNESSHUB_HOME": str(self.home), "FITNESSHUB_PORT": "0", "FITNESSHUB_PROFILE": self.profile}
        return inherited | chosen | self.environment

    def up(self) -> str:
        """Starts it; returns what the command printed. Raises NotUp."""
        done = self.run("up", "--detach")
        if done.returncode:
            raise NotUp(f"{done.stderr}{done.stdout}")
        return done.stdout

    def down(self) -> None:
        """Stops it. Raises NotUp when it doesn't stop."""
        done = self.run("down")
        if done.returncode:
            raise NotUp(done.stderr)

    def status(self) -> dict[str, Any]:
        """What `status --json` says."""
        found: dict[str, Any] = json.loads(self.run("status", "--json").stdout)
        return found

    def token(self, role: str | None = None, email: str | None = None) -> str:
        """A new access token. Raises NotUp with what the command said."""
        words = [*(["--role", role] if role else []), *(["--email", email] if email else [])]
        done = self.run("token", *words)
        if done.returncode:
            raise NotUp(done.stderr)
        return done.stdout.strip()

    def token_kept(self) -> str:
        """An access token of the default user, asked for once."""
        self._kept = self._kept or self.token()
        return self._kept

    def processes(self) -> list[int]:
        """Every process that has to do with this state folder."""
        return list(_processes_of(self.home))


def wait_until(condition: Callable[[], bool], seconds: float, what: str) -> float:
    """Waits for a condition; returns how long it took. Fails after `seconds`."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < seconds, f"not within {seconds:g} s: {what}"
        time.sleep(0.05)
    return time.monotonic() - began


def _processes_of(home: Path) -> Iterator[int]:
    needle = os.fsencode(home)
    for folder in Path("/proc").glob("[0-9]*"):
        if int(folder.name) == os.getpid():
            continue
        try:
            named = needle in (folder / "cmdline").read_bytes() or needle in (folder / "environ").read_bytes()
            if named or os.fsencode((folder / "cwd").readlink()).startswith(needle):
                yield int(folder.name)
        except OSError:
            continue  # ended meanwhile, or somebody else's
