"""The commands that start, stop and show a stack."""

import json
import os
import select
import signal
import subprocess
import sys
import time
from argparse import Namespace
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from typing import Any

from embedded.home import Home, create, find_home, is_locked, remove, running_pid
from embedded.problems import EmbeddedError
from embedded.state import State, load

STOP_TIMEOUT = 60.0
"""Seconds: the sum of what the supervisor gives its children, and some more."""
NOT_RUNNING = 3
NOT_READY = 4
ANSWER_TIMEOUT = 2.0
"""Seconds in which a part must say something; it has more to do on a busy machine."""
NO_ANSWER = "no answer"
POSTGRES_QUESTION = (8).to_bytes(4, "big") + (80877103).to_bytes(4, "big")
"""PostgreSQL's SSLRequest: the one thing that it answers without a login."""


def up(arguments: Namespace) -> int:
    """Starts a stack, in the foreground or in the background."""
    home = find_home(os.environ)
    if not home.root.exists():
        _check_choices()
    if arguments.detach:
        return up_detached()
    from embedded.logfiles import rotate
    from embedded.progress import LogFile, Several, terminal
    from embedded.supervisor import run

    create(home)
    rotate(home.supervisor_log)
    with terminal() as shown:
        run(home, os.environ, Several(shown, LogFile(home.supervisor_log)))
    return 0


def _check_choices() -> None:
    """Raises EmbeddedError when a stack can't start as it is asked to, before a state folder is made for it."""
    from embedded.choices import parse
    from embedded.ports import Ports

    ports = Ports()
    try:
        ports.take(parse(os.environ).port)
    finally:
        ports.close()


def up_detached() -> int:
    """Starts a stack that goes on by itself, and returns 0 when it is ready. Raises EmbeddedError."""
    from embedded.progress import relay, terminal

    read, write = os.pipe()
    supervisor = subprocess.Popen(
        [sys.executable, "-m", "embedded", str(write)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        pass_fds=(write,),
        start_new_session=True,
    )
    os.close(write)
    try:
        with os.fdopen(read) as messages, terminal() as shown:
            reason = relay(messages, shown)
    except KeyboardInterrupt:
        supervisor.terminate()
        supervisor.wait()
        raise
    if reason is None:
        return 0
    supervisor.wait()
    raise EmbeddedError(
        reason or f"the supervisor ended before the stack was up; its log is {find_home(os.environ).supervisor_log}"
    )


def down(_: Namespace) -> int:
    """Stops the stack and waits until all of it is gone. Nothing running is fine."""
    home = find_home(os.environ)
    pid = running_pid(home)
    if pid is None and not is_locked(home.children_lock_file):
        print(f"nothing is running in {home.root}")
        return 0
    deadline = time.monotonic() + STOP_TIMEOUT
    if pid is not None:
        _end(pid, STOP_TIMEOUT)
    while is_locked(home.lock_file) or is_locked(home.children_lock_file):
        if time.monotonic() > deadline:
            raise EmbeddedError(f"the stack didn't stop within {STOP_TIMEOUT:.0f} s; its log is {home.supervisor_log}")
        time.sleep(0.05)
    print("stopped")
    return 0


def _end(pid: int, timeout: float) -> None:
    """Tells a process to stop and waits for its end."""
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        os.kill(pid, signal.SIGTERM)
        select.select([process], [], [], timeout)
    finally:
        os.close(process)


def status(arguments: Namespace) -> int:
    """Shows what runs. Everything is asked; services through the edge as well, as a client would."""
    home = find_home(os.environ)
    state = load(home)
    if state is None:
        starting = is_locked(home.lock_file)
        word = "starting" if starting else "not running"
        print(json.dumps(_nothing(home, word)) if arguments.json else f"{word}: {home.root}")
        return NOT_READY if starting else NOT_RUNNING
    _ask_each(home, state)
    _ask_edge(state)
    if arguments.json:
        print(json.dumps(asdict(state) | {"home": str(home.root)}, indent=2))
    else:
        _print(state)
    return 0 if state.ready else NOT_READY


def clean_state(_: Namespace) -> int:
    """Removes the state folder's content."""
    home = find_home(os.environ)
    if not home.run.is_dir():
        print(f"there is no state in {home.root}")
        return 0
    remove(home)
    print(f"removed {home.root}")
    return 0


def _nothing(home: Home, problem: str) -> dict[str, Any]:
    return {
        "profile": None,
        "edge_url": None,
        "ready": False,
        "problem": problem,
        "home": str(home.root),
        "services": [],
        "servers": [],
    }


def _ask_each(home: Home, state: State) -> None:
    """Marks what is up and says nothing: a process that hangs looks alive to the supervisor."""
    from concurrent.futures import ThreadPoolExecutor

    from embedded.postgres import SOCKET_NAME
    from embedded.probe import answers

    questions: dict[str, Callable[[], bool]] = {
        "valkey": lambda: answers(home.sockets / "valkey.sock", b"PING\r\n", ANSWER_TIMEOUT),
        "postgresql": lambda: answers(home.sockets / "pg" / SOCKET_NAME, POSTGRES_QUESTION, ANSWER_TIMEOUT),
    }
    for service in state.services:
        questions[service.process] = partial(_shows_metrics, service.metrics)
    with ThreadPoolExecutor(len(questions)) as pool:
        said = dict(zip(questions, pool.map(lambda question: question(), questions.values()), strict=True))
    for part in (*state.services, *state.servers):
        if part.state == "up" and not said.get(part.process, True):
            part.state = NO_ANSWER
            state.ready = False


def _shows_metrics(url: str) -> bool:
    from embedded.probe import ask

    return ask(url, timeout=ANSWER_TIMEOUT)[0] == 200


def _ask_edge(state: State) -> None:
    from embedded.probe import ask

    code, body = ask(f"{state.edge_url}/health", timeout=3)
    state.ready = state.ready and code == 200
    if code == 0:
        for part in state.servers:
            if part.name == "envoy" and part.state == "up":
                part.state = NO_ANSWER
    if code not in (200, 503):
        return
    answer: dict[str, Any] = json.loads(body)
    said = {each["service"]: each for each in answer.get("services", [])}
    for part in state.services:
        health = said.get(part.name)
        if part.role == "serve" and part.state == "up" and health is not None:
            part.state = {"HEALTHY": "up", "DEGRADED": "degraded"}.get(
                health["status"].removeprefix("HEALTH_STATUS_"), "down"
            )


def _print(state: State) -> None:
    rows = [("NAME", "ROLE", "STATE", "ADDRESS", "VERSION", "PID")]
    rows += [(p.name, p.role, p.state, p.address or p.metrics, p.version, str(p.pid or "")) for p in state.services]
    rows += [(p.name, "server", p.state, p.address, p.version, str(p.pid or "")) for p in state.servers]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    print(f"{state.profile} at {state.edge_url}: {'ready' if state.ready else 'not ready'}\n")
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
