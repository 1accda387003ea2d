"""A child is kept running, given up with its last words, and stopped for good; with real processes."""

import asyncio
import fcntl
import os
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from embedded import children
from embedded.children import Child, Program, Stopping, Ties, signal_of
from embedded.command import Command
from embedded.problems import EmbeddedError


class World:
    """Makes children and remembers what they told."""

    def __init__(self, folder: Path, ties: Ties) -> None:
        self.folder = folder
        self.ties = ties
        self.said: list[str] = []
        self.states: list[str] = []
        self.made: list[Child] = []

    def child(self, script: str, *, guarded: bool = True, grace: float = 5) -> Child:
        ready = self.folder / "ready"

        async def is_ready() -> bool:
            return ready.exists()

        program = Program(
            name="thing",
            command=lambda: Command(["/bin/bash", "-c", script], self.folder, {"READY": str(ready)}),
            log=self.folder / "thing.log",
            stopping=Stopping(("TERM",), grace, guarded),
            is_ready=is_ready,
        )
        self.made.append(Child(program, self.ties, lambda child: self.states.append(child.state), self.said.append))
        return self.made[-1]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    read, write = os.pipe()
    with (tmp_path / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        made = World(tmp_path, Ties(read, lock.fileno()))
        yield made
        for child in made.made:
            await child.stop()
    os.close(write)
    os.close(read)


async def until(condition: Callable[[], bool], seconds: float = 5) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


def open_files(pid: int) -> list[Path]:
    return [entry.readlink() for entry in Path(f"/proc/{pid}/fd").iterdir()]


@pytest.mark.parametrize("guarded", [True, False])
async def test_starts_again_what_is_killed(world: World, guarded: bool) -> None:
    child = world.child("touch $READY; exec sleep 60", guarded=guarded)
    child.start()
    await child.ready(5)
    first = child.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    await until(lambda: child.restarts == 1 and child.state == "up" and child.pid not in (None, first))
    assert world.said == ["thing was killed by signal 9; starting it again in 0.1 s"]
    await child.stop()
    assert child.state == "stopped"
    assert child.pid is None
    assert world.states[0] == "starting"


async def test_gives_up_on_a_crash_loop_with_the_last_words(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(children, "BACKOFF", (0.01, 0.02))
    child = world.child("echo run >> runs; echo the cellar is flooded >&2; kill -SEGV $$")
    child.start()
    with pytest.raises(EmbeddedError) as failed:
        await child.ready(10)
    assert str(failed.value) == (
        "thing was killed by signal 11 5 times within seconds; "
        f"its log is {world.folder / 'thing.log'}, which ends with:\n"
        "  the cellar is flooded"
    )
    assert (world.folder / "runs").read_text().count("run") == 5


async def test_a_refusal_to_start_is_final(world: World) -> None:
    child = world.child("echo FATAL: no such setting; exit 3")
    child.start()
    with pytest.raises(EmbeddedError, match=r"thing ended with exit code 3; .*ends with:\n  FATAL: no such setting"):
        await child.ready(5)
    assert child.restarts == 0


async def test_a_full_disk_is_called_by_its_name(world: World) -> None:
    child = world.child("echo 'PANIC: could not write: No space left on device'; exit 1")
    child.start()
    with pytest.raises(EmbeddedError, match=r"^the disk that holds .* is full"):
        await child.ready(5)


async def test_a_program_that_is_missing(world: World) -> None:
    child = world.child("", guarded=False)
    object.__setattr__(child.program, "command", lambda: Command(["/nowhere/x"], world.folder, {}))
    child.start()
    with pytest.raises(EmbeddedError, match=r"starting thing failed: .*No such file"):
        await child.ready(5)


async def test_slow_is_told_after_the_time_out(world: World) -> None:
    child = world.child("echo still loading; exec sleep 60")
    child.start()
    await until(lambda: child.program.log.exists() and "still" in child.program.log.read_text())
    with pytest.raises(EmbeddedError, match=r"thing wasn't ready within 0 s; .*\n  still loading"):
        await child.ready(0.2)


@pytest.mark.parametrize("guarded", [True, False])
async def test_a_deaf_child_is_killed(world: World, guarded: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(children, "KILL_MARGIN", 0.2)
    child = world.child("trap '' TERM; touch $READY; while true; do sleep 0.1; done", guarded=guarded, grace=0.1)
    child.start()
    await child.ready(5)
    await child.stop()
    assert child.pid is None


async def test_stopping_while_it_waits_to_start_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(children, "BACKOFF", (60, 60))
    child = world.child("kill -9 $$")
    child.start()
    await until(lambda: child.state == "restarting")
    async with asyncio.timeout(2):
        await child.stop()
    assert not child.failure.done()


async def test_children_hold_the_lock_and_the_lifeline(world: World) -> None:
    child = world.child("touch $READY; exec sleep 60")
    child.start()
    await child.ready(5)
    assert child.pid is not None
    assert world.folder / "lock" in open_files(child.pid)


@pytest.mark.parametrize(("code", "number"), [(0, None), (1, None), (-9, 9), (137, 9), (143, 15)])
def test_reads_signals_out_of_exit_codes(code: int, number: int | None) -> None:
    assert signal_of(code) == number
