"""Runs one program that can't watch the supervisor's lifeline itself, and stops it when the supervisor is gone.

Started as `python -I -S -E guard.py …` once a server, so it imports next to nothing (15 ms, 9 MB), and nothing of ours.
"""

import ctypes
import os
import select
import signal
import sys
import time
from collections.abc import Sequence

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
LEFTOVER_GRACE = 1.0
"""Seconds that descendants get to end by themselves after the program; PostgreSQL's need milliseconds."""


def _prctl(option: int, value: int) -> None:
    ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def _start(command: Sequence[str], user: tuple[int, int] | None) -> int:
    guard = os.getpid()
    child = os.fork()
    if child:
        return child
    # An ignored signal stays ignored in the program: Python ignores the first two, `nohup` and `&` the others.
    for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    try:
        if user:
            os.setgroups([])
            os.setgid(user[1])
            os.setuid(user[0])
        # After the change of user, which would undo it.
        _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != guard:
            os._exit(1)
        os.execv(command[0], list(command))
    except OSError as error:
        os.write(2, f"{command[0]}: {error.strerror}\n".encode())
    os._exit(127)


def _leftovers() -> list[int]:
    try:
        # `pathlib` would double the guard's start-up time.
        with open(f"/proc/self/task/{os.getpid()}/children") as file:  # noqa: PTH123
            return [int(pid) for pid in file.read().split()]
    except OSError:
        return []


def _clear_leftovers() -> None:
    deadline = time.monotonic() + LEFTOVER_GRACE
    while True:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            if time.monotonic() > deadline:
                for left in _leftovers():
                    os.kill(left, signal.SIGKILL)
            time.sleep(0.02)


def run(
    lifeline: int,
    stops: Sequence[signal.Signals],
    grace: float,
    orphan_grace: float,
    user: tuple[int, int] | None,
    command: Sequence[str],
) -> int:
    """Runs the program until it ends; returns its exit code, or 128 + the signal that ended it.

    SIGTERM, SIGINT or SIGHUP sends the program the first of `stops`; each next one, and SIGKILL at last, follows
    after `grace` seconds. The end of the lifeline does the same with `orphan_grace`. `user` holds the ids of a
    user and a group to change to.
    """
    wake, waker = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
    requests = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    for number in (*requests, signal.SIGCHLD):
        signal.signal(number, lambda *_: None)
    os.set_inheritable(lifeline, False)
    _prctl(PR_SET_CHILD_SUBREAPER, 1)
    child = _start(command, user)
    poll = select.poll()
    poll.register(wake, select.POLLIN)
    poll.register(lifeline, select.POLLIN)
    coming = [*stops, signal.SIGKILL]
    next_at: float | None = None
    while True:
        timeout = None if next_at is None else max(0.0, next_at - time.monotonic()) * 1000
        for file, _ in poll.poll(timeout):
            if file == wake:
                stop = any(number in requests for number in os.read(wake, 512))
            else:
                os.read(lifeline, 1)
                poll.unregister(lifeline)
                stop, grace = True, orphan_grace
                next_at = None if next_at is None else min(next_at, time.monotonic() + grace)
            if stop and next_at is None:
                next_at = time.monotonic()
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            if ended[0] == child:
                _clear_leftovers()
                code = os.waitstatus_to_exitcode(ended[1])
                return code if code >= 0 else 128 - code
        if next_at is not None and time.monotonic() >= next_at:
            # SIGKILL is repeated: harmless, and it keeps the waiting simple.
            os.kill(child, coming.pop(0) if len(coming) > 1 else coming[0])
            next_at = time.monotonic() + grace


def main() -> int:
    """Reads the arguments: lifeline, signals, grace, orphan's grace, uid:gid or nothing, the program with its own."""
    lifeline, names, grace, orphan_grace, ids, *command = sys.argv[1:]
    stops = [signal.Signals[f"SIG{name}"] for name in names.split(",")]
    uid, _, gid = ids.partition(":")
    return run(int(lifeline), stops, float(grace), float(orphan_grace), (int(uid), int(gid)) if ids else None, command)


if __name__ == "__main__":
    sys.exit(main())
