"""One child process: started, watched, started again with back-off when it dies, stopped for good.

Every child gets the lifeline (its end means: stop) and the lock that says that something of this stack lives.
"""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from embedded import logfiles
from embedded.command import Command
from embedded.problems import EmbeddedError, explain, from_text

GUARD = Path(__file__).with_name("guard.py")
QUICK = 10.0
"""Seconds; a child that lived longer didn't crash in a loop."""
MOST_QUICK_CRASHES = 5
BACKOFF = (0.1, 2.0)
"""Seconds before the first and at most before any restart. Four doublings give PostgreSQL's orphans 3 s to go."""
ORPHAN_GRACE = 2.5
"""Seconds per stop signal once the supervisor is gone: with two signals and SIGKILL all is over in 5."""
KILL_MARGIN = 2.0
"""Seconds a guard gets beyond what it gives its program."""
PROBE_INTERVAL = 0.05
"""Seconds between two questions whether a child is ready."""
LONGEST_LINE = 400
"""Characters of a log line that an explanation quotes."""


@dataclass(frozen=True)
class Stopping:
    """How a program is asked to stop."""

    signals: tuple[str, ...] = ("TERM",)
    """Sent one after the other, as `("INT", "QUIT")`; SIGKILL comes last by itself."""
    grace: float = 10.0
    """Seconds after each."""
    guarded: bool = True
    """Runs under a guard; our own Python processes watch the lifeline themselves."""


@dataclass(frozen=True)
class Program:
    """What to run."""

    name: str
    command: Callable[[], Command]
    """Asked after `prepare`, in a thread."""
    log: Path
    stopping: Stopping
    is_ready: Callable[[], Awaitable[bool]]
    """Asked after every start until it says yes; raises EmbeddedError when it never will."""
    prepare: Callable[[], None] | None = None
    """Called before every start, in a thread."""


@dataclass(frozen=True)
class Ties:
    """What ties children to their supervisor: descriptors they inherit."""

    lifeline: int
    """Read end of the pipe that ends with the supervisor."""
    lock: int
    """The locked file that says that something of this stack lives."""


class Child:
    """A program kept running. `changed` is called whenever its state or pid changes."""

    def __init__(
        self, program: Program, ties: Ties, changed: Callable[["Child"], None], say: Callable[[str], None]
    ) -> None:
        self.program = program
        self.state = "starting"
        self.restarts = 0
        self.failure: asyncio.Future[EmbeddedError] = asyncio.get_running_loop().create_future()
        """Set when the child is given up."""
        self._ties = ties
        self._changed = changed
        self._say = say
        self._process: asyncio.subprocess.Process | None = None
        self._task: asyncio.Task[None] | None = None
        self._ready = asyncio.Event()
        self._stopping = asyncio.Event()
        self._was_ready = False
        self._log_start = 0
        self._trouble = ""

    @property
    def pid(self) -> int | None:
        """Process id of the program, or of its guard where the system doesn't tell; None while it doesn't run."""
        if self._process is None or self._process.returncode is not None:
            return None
        return _program_pid(self._process.pid) if self.program.stopping.guarded else self._process.pid

    def start(self) -> None:
        """Starts it and keeps it running."""
        self._task = asyncio.get_running_loop().create_task(self._keep_running(), name=self.program.name)

    async def ready(self, timeout: float) -> None:
        """Waits until it does its work. timeout: seconds. Raises EmbeddedError after them, or when it is given up."""
        waiting = asyncio.get_running_loop().create_task(self._ready.wait())
        try:
            awaited: list[asyncio.Future[Any]] = [waiting, self.failure]
            await asyncio.wait(awaited, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
        if self.failure.done():
            raise self.failure.result()
        if not self._ready.is_set():
            trouble = f" ({self._trouble})" if self._trouble else ""
            raise self._explain(f"{self.program.name} wasn't ready within {timeout:.0f} s{trouble}")

    async def stop(self) -> None:
        """Stops it in order: SIGTERM, which a guard translates, and SIGKILL when that doesn't help."""
        if self._task is None:
            return
        self._stopping.set()
        self.tell(signal.SIGTERM)
        stopping = self.program.stopping
        done, _ = await asyncio.wait({self._task}, timeout=stopping.grace * len(stopping.signals) + KILL_MARGIN)
        if not done:
            self._say(f"{self.program.name} doesn't stop; killing it")
            if self._process is not None and self._process.returncode is None:
                self._process.kill()
            await asyncio.wait({self._task})
        self._set_state("stopped")

    def tell(self, number: signal.Signals) -> None:
        """Sends a signal, when there is a process to hear it."""
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(number)

    async def _keep_running(self) -> None:
        log = self.program.log
        try:
            problem = await self._until_given_up()
        except Exception as error:  # noqa: BLE001 - whatever it is, the operator is told
            problem = explain(error, f"starting {self.program.name}", log.parent, log)
        if problem is not None:
            self._set_state("stopped")
            self._give_up(problem)

    async def _until_given_up(self) -> EmbeddedError | None:
        crashes = 0
        while True:
            started = time.monotonic()
            code = await self._run_once()
            if self._stopping.is_set():
                return None
            crashes = crashes + 1 if time.monotonic() - started < QUICK else 1
            how = f"was killed by signal {signal_of(code)}" if signal_of(code) else f"ended with exit code {code}"
            refused = not self._was_ready and signal_of(code) is None
            if refused or crashes >= MOST_QUICK_CRASHES:
                times = f" {crashes} times within seconds" if crashes > 1 else ""
                return self._explain(f"{self.program.name} {how}{times}")
            wait = min(BACKOFF[0] * 2 ** (crashes - 1), BACKOFF[1])
            self._say(f"{self.program.name} {how}; starting it again in {wait:.1f} s")
            self.restarts += 1
            self._set_state("restarting")
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), wait)
                return None

    async def _run_once(self) -> int:
        program, ties, guarded = self.program, self._ties, self.program.stopping.guarded
        if program.prepare is not None:
            await asyncio.to_thread(program.prepare)
        command = await asyncio.to_thread(program.command)
        if self._stopping.is_set():
            return 0
        logfiles.rotate(program.log)
        self._log_start = logfiles.size(program.log)
        with program.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self._argv(command),
                cwd=command.cwd,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=command.env if guarded else {**command.env, "FITNESSHUB_LIFELINE_FD": str(ties.lifeline)},
                pass_fds=(ties.lifeline, ties.lock),
                start_new_session=True,
            )
        if self._stopping.is_set():
            self.tell(signal.SIGTERM)
        self._changed(self)
        probing = asyncio.get_running_loop().create_task(self._probe())
        try:
            return await self._process.wait()
        finally:
            self._ready.clear()
            probing.cancel()

    def _argv(self, command: Command) -> list[str]:
        stopping = self.program.stopping
        if not stopping.guarded:
            return command.argv
        seconds = (f"{stopping.grace:g}", f"{ORPHAN_GRACE:g}")
        user = "" if command.uid is None else f"{command.uid}:{command.gid}"
        options = (str(self._ties.lifeline), ",".join(stopping.signals), *seconds, user)
        return [sys.executable, "-I", "-S", "-E", str(GUARD), *options, *command.argv]

    async def _probe(self) -> None:
        while not await self._says_ready():  # noqa: ASYNC110 - another process can't set an event
            await asyncio.sleep(PROBE_INTERVAL)
        self._was_ready = True
        self._ready.set()
        self._set_state("up")

    async def _says_ready(self) -> bool:
        try:
            return await self.program.is_ready()
        except EmbeddedError as problem:
            self._give_up(problem)
        except Exception as error:  # noqa: BLE001 - a server that comes up may say anything; `ready` has a time-out
            self._trouble = f"{type(error).__name__}: {error}"
        return False

    def _give_up(self, problem: EmbeddedError) -> None:
        if not self.failure.done():
            self.failure.set_result(problem)

    def _set_state(self, state: str) -> None:
        self.state = state
        self._changed(self)

    def _explain(self, what: str) -> EmbeddedError:
        lines = logfiles.tail(self.program.log, 5, self._log_start)
        said = "".join(f"\n  {line[:LONGEST_LINE]}" for line in lines)
        return from_text(
            f"{what}; its log is {self.program.log}" + (f", which ends with:{said}" if said else ""),
            self.program.log.parent,
        )


def signal_of(code: int) -> int | None:
    """The signal that ended a process, told directly or by its guard; None when it ended by itself."""
    if code < 0:
        return -code
    return code - 128 if code > 128 else None


def _program_pid(guard: int) -> int:
    try:
        started = Path(f"/proc/{guard}/task/{guard}/children").read_text().split()
    except OSError:
        return guard
    return int(started[0]) if started else guard


def base_environment() -> dict[str, str]:
    """What a program that isn't ours needs of our environment."""
    return {name: os.environ[name] for name in ("PATH", "HOME", "TZ", "TMPDIR", "LANG") if name in os.environ}
