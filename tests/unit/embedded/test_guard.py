"""The guard against real processes: it ends what it guards, whoever dies first."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from embedded.children import GUARD

SLEEPS = "echo started; exec sleep 60"
DEAF = "trap '' TERM INT; echo started; while true; do sleep 0.1; done"


class Guarded:
    """A guard with its program, and the supervisor's end of the lifeline."""

    def __init__(
        self, script: str, signals: str = "TERM", grace: float = 5, orphan_grace: float = 5, user: str = ""
    ) -> None:
        read, self.lifeline = os.pipe()
        options = [str(read), signals, str(grace), str(orphan_grace), user]
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-E", str(GUARD), *options, "/bin/bash", "-c", script],
            pass_fds=(read,),
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        os.close(read)

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    @property
    def program(self) -> int:
        return int(Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()[0])

    def cut(self) -> None:
        if self.lifeline >= 0:
            os.close(self.lifeline)
            self.lifeline = -1


@pytest.fixture
def guard() -> Iterator[Callable[..., Guarded]]:
    made: list[Guarded] = []

    def make(script: str, **options: object) -> Guarded:
        made.append(Guarded(script, **options))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for each in made:
        each.cut()
        each.process.kill()
        each.process.wait()
        assert each.process.stdout is not None
        each.process.stdout.close()


def alive(pid: int) -> bool:
    with suppress(ProcessLookupError, FileNotFoundError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def wait_until(condition: Callable[[], bool], seconds: float = 5) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it didn't happen in time"
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("script", "code"), [("exit 0", 0), ("exit 7", 7), ("kill -9 $$", 137), ("kill -TERM $$", 143)]
)
def test_tells_how_its_program_ended(guard: Callable[..., Guarded], script: str, code: int) -> None:
    assert guard(script).process.wait(5) == code


def test_says_that_a_program_is_missing() -> None:
    read, write = os.pipe()
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-S", str(GUARD), str(read), "TERM", "1", "1", "", "/nowhere/postgres"],
            pass_fds=(read,),
            capture_output=True,
            text=True,
            check=False,
            timeout=5,
        )
    finally:
        os.close(read)
        os.close(write)
    assert done.returncode == 127
    assert done.stderr == "/nowhere/postgres: No such file or directory\n"


def test_ends_its_program_when_the_supervisor_is_gone(guard: Callable[..., Guarded]) -> None:
    guarded = guard(SLEEPS)
    assert guarded.line() == "started"
    program = guarded.program
    guarded.cut()
    assert guarded.process.wait(5) == 128 + signal.SIGTERM
    assert not alive(program)


def test_sends_the_signals_in_order_then_kills(guard: Callable[..., Guarded]) -> None:
    script = "trap 'echo int' INT; trap 'echo quit' QUIT; echo started; while true; do sleep 0.05; done"
    guarded = guard(script, signals="INT,QUIT", grace=0.3)
    assert guarded.line() == "started"
    began = time.monotonic()
    guarded.process.terminate()
    assert [guarded.line(), guarded.line()] == ["int", "quit"]
    assert guarded.process.wait(5) == 128 + signal.SIGKILL
    assert 0.6 <= time.monotonic() - began < 3


def test_hurries_when_the_supervisor_dies_while_stopping(guard: Callable[..., Guarded]) -> None:
    guarded = guard(DEAF, grace=60, orphan_grace=0.2)
    assert guarded.line() == "started"
    guarded.process.terminate()
    guarded.cut()
    assert guarded.process.wait(5) == 128 + signal.SIGKILL


def test_a_killed_guard_takes_its_program_along(guard: Callable[..., Guarded]) -> None:
    guarded = guard(DEAF)
    assert guarded.line() == "started"
    program = guarded.program
    guarded.process.kill()
    wait_until(lambda: not alive(program))


def test_clears_what_its_program_leaves_behind(guard: Callable[..., Guarded]) -> None:
    guarded = guard("(trap '' TERM HUP; setsid sleep 60) & echo $!; wait")
    child = int(guarded.line())
    wait_until(lambda: alive(child))
    os.kill(guarded.program, signal.SIGKILL)
    assert guarded.process.wait(5) == 128 + signal.SIGKILL
    assert not alive(child)


def test_changes_user_where_it_may(guard: Callable[..., Guarded]) -> None:
    guarded = guard("id -u; trap '' TERM; while true; do sleep 0.05; done", user="65534:65534")
    if os.geteuid() != 0:
        assert guarded.process.wait(5) == 127
        return
    assert guarded.line() == "65534"
    program = guarded.program
    guarded.process.kill()
    wait_until(lambda: not alive(program))


def test_its_program_ignores_no_signals(guard: Callable[..., Guarded]) -> None:
    guarded = guard("echo started; grep SigIgn /proc/self/status")
    assert guarded.line() == "started"
    # The C library keeps signals 32 and 33 for itself: GNU make leaves them ignored, and nobody can change that.
    assert int(guarded.line().removeprefix("SigIgn:"), 16) & ~(0b11 << 31) == 0


def test_is_light(guard: Callable[..., Guarded]) -> None:
    guarded = guard(SLEEPS)
    assert guarded.line() == "started"
    status = Path(f"/proc/{guarded.process.pid}/status").read_text()
    resident = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
    assert resident < 16 << 10, "KiB; one runs for each server"
