"""What `up --detach` sees of the supervisor behind the pipe."""

import io
import os
from pathlib import Path

from embedded.progress import Lines, LogFile, Messages, relay, step


def through_a_pipe(news: list[str]) -> tuple[str | None, str]:
    read, write = os.pipe()
    messages = Messages(write)
    messages.begin("postgresql")
    messages.end("postgresql", 0.25)
    for kind in news:
        if kind == "ready":
            messages.ready([("API", "http://h:1"), ("Stop", "Ctrl-C")])
            messages.say("nobody listens any more")
        elif kind == "failed":
            messages.failed("port 1 is taken")
    if not news:
        os.close(write)
    out = io.StringIO()
    with os.fdopen(read) as pipe:
        return relay(pipe, Lines(out.write)), out.getvalue()


def test_ready() -> None:
    assert through_a_pipe(["ready"]) == (None, "postgresql: 0.2 s\nAPI   http://h:1\nStop  Ctrl-C\n")


def test_failed() -> None:
    assert through_a_pipe(["failed"]) == ("port 1 is taken", "postgresql: 0.2 s\n")


def test_a_supervisor_that_just_ends() -> None:
    assert through_a_pipe([]) == ("", "postgresql: 0.2 s\n")


def test_a_closed_pipe_stops_nobody() -> None:
    read, write = os.pipe()
    os.close(read)
    messages = Messages(write)
    messages.say("hello?")
    messages.ready([])


def test_a_full_disk_stops_nobody() -> None:
    LogFile(Path("/dev/full")).say("stopping")


def test_a_step_that_fails_has_no_end() -> None:
    out = io.StringIO()
    try:
        with step(Lines(out.write), "migrations"):
            raise ValueError
    except ValueError:
        pass
    assert out.getvalue() == ""
