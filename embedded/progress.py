"""What the operator sees while a stack starts and stops: lines, a live display, or messages to `up --detach`."""

import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import IO, Protocol

Table = Sequence[tuple[str, str]]
"""Labels and values."""


class Report(Protocol):
    """Where news goes."""

    def begin(self, step: str) -> None:
        """A step of the start has begun; several may be under way."""
        ...

    def end(self, step: str, seconds: float) -> None:
        """A step is done."""
        ...

    def say(self, line: str) -> None:
        """Anything else."""
        ...

    def ready(self, table: Table) -> None:
        """The stack is up; what runs, and where."""
        ...

    def failed(self, reason: str) -> None:
        """The stack can't start, or can't go on."""
        ...


@contextmanager
def step(report: Report, name: str) -> Iterator[None]:
    """Reports a step that ends well; one that fails is told by its exception."""
    started = time.monotonic()
    report.begin(name)
    yield
    report.end(name, time.monotonic() - started)


class Lines:
    """Plain lines, one a piece of news, for logs and pipes."""

    def __init__(self, write: Callable[[str], object]) -> None:
        self._write = write

    def begin(self, step: str) -> None:
        """Only the end is worth a line."""

    def end(self, step: str, seconds: float) -> None:
        self.say(f"{step}: {seconds:.1f} s")

    def say(self, line: str) -> None:
        # A full disk or a closed pipe must not keep a stack from being stopped in order.
        with suppress(OSError):
            self._write(line + "\n")

    def ready(self, table: Table) -> None:
        width = max(len(label) for label, _ in table)
        for label, value in table:
            self.say(f"{label:<{width}}  {value}")

    def failed(self, reason: str) -> None:
        """The command says it, on standard error."""


class Live:
    """For a terminal: a spinner with the steps under way, then a table."""

    def __init__(self) -> None:
        from rich.console import Console

        self._console = Console(highlight=False)
        self._status = self._console.status("")
        self._under_way: list[str] = []

    def begin(self, step: str) -> None:
        self._under_way.append(step)
        self._show()

    def end(self, step: str, seconds: float) -> None:
        self._under_way.remove(step)
        self._console.print(f"[green]✓[/] {step} [dim]{seconds:.1f} s[/]")
        self._show()

    def say(self, line: str) -> None:
        self._console.print(line, markup=False)

    def ready(self, table: Table) -> None:
        from rich.table import Table as Grid

        self._status.stop()
        grid = Grid(show_header=False, box=None, padding=(0, 2, 0, 0))
        grid.add_column(style="bold", no_wrap=True)
        grid.add_column(overflow="fold")
        for label, value in table:
            grid.add_row(label, value)
        self._console.print(grid)

    def failed(self, reason: str) -> None:
        """The command says it, on standard error."""

    def close(self) -> None:
        """Stops the spinner."""
        self._status.stop()

    def _show(self) -> None:
        if self._under_way:
            self._status.update(", ".join(self._under_way))
            self._status.start()
        else:
            self._status.stop()


class LogFile(Lines):
    """The supervisor's own log: the same lines with the time before them."""

    def __init__(self, path: Path) -> None:
        # Without a buffer: what a full disk refuses must not come up again when the file is closed.
        self.descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        super().__init__(lambda text: os.write(self.descriptor, text.encode()))

    def say(self, line: str) -> None:
        super().say(f"{datetime.now().astimezone().isoformat(timespec='milliseconds')} {line}")

    def failed(self, reason: str) -> None:
        self.say(f"failed: {reason}")


class Several:
    """Reports to all of them."""

    def __init__(self, *reports: Report) -> None:
        self._reports = reports

    def begin(self, step: str) -> None:
        for report in self._reports:
            report.begin(step)

    def end(self, step: str, seconds: float) -> None:
        for report in self._reports:
            report.end(step, seconds)

    def say(self, line: str) -> None:
        for report in self._reports:
            report.say(line)

    def ready(self, table: Table) -> None:
        for report in self._reports:
            report.ready(table)

    def failed(self, reason: str) -> None:
        for report in self._reports:
            report.failed(reason)


class Messages:
    """To the `up --detach` that waits at the other end of a pipe; one JSON object a line."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor: int | None = descriptor

    def begin(self, step: str) -> None:
        self._send("begin", step)

    def end(self, step: str, seconds: float) -> None:
        self._send("end", step, seconds)

    def say(self, line: str) -> None:
        self._send("say", line)

    def ready(self, table: Table) -> None:
        self._send("ready", list(table))
        self._close()

    def failed(self, reason: str) -> None:
        self._send("failed", reason)
        self._close()

    def _send(self, kind: str, *news: object) -> None:
        if self._descriptor is not None:
            with suppress(BrokenPipeError):
                os.write(self._descriptor, (json.dumps([kind, *news]) + "\n").encode())

    def _close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def relay(messages: IO[str], report: Report) -> str | None:
    """Passes messages on until the stack is up (None) or failed (the reason, empty when the supervisor just ended)."""
    for line in messages:
        match json.loads(line):
            case ["begin", str(name)]:
                report.begin(name)
            case ["end", str(name), float(seconds)]:
                report.end(name, seconds)
            case ["say", str(text)]:
                report.say(text)
            case ["ready", list(table)]:
                report.ready([(label, value) for label, value in table])
                return None
            case ["failed", str(reason)]:
                return reason
    return ""


@contextmanager
def terminal() -> Iterator[Report]:
    """The display that fits standard output."""
    if not sys.stdout.isatty():
        yield Lines(lambda text: print(text, end="", flush=True))  # noqa: T201 - the command's output
        return
    live = Live()
    try:
        yield live
    finally:
        live.close()
