"""How far an import is: a bar on a terminal, or else a line each tenth of the file on stderr."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn


@contextmanager
def progress(what: str, total: int, out: Console) -> Iterator[Callable[[int], None]]:
    """Gives what is to be told how much is done by now, of `total` in any unit. `what` stands before the bar.

    out: where other lines are printed meanwhile; the bar stays below them.
    """
    console = out if out.is_terminal else Console(stderr=True)
    if not console.is_terminal:
        yield _tenths(total)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as bar:
        task = bar.add_task(what, total=total)
        yield lambda done: bar.update(task, completed=done)


def _tenths(total: int) -> Callable[[int], None]:
    told = 0

    def tell(done: int) -> None:
        nonlocal told
        tenths = done * 10 // max(total, 1)
        if told < tenths < 10:
            told = tenths
            print(f"{tenths}0 % of the file", file=sys.stderr, flush=True)

    return tell
