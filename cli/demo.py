"""`fitnesshub demo`: plays the steps of a day against a stack, prints each call and answer, and checks the answers."""

import json
import os
import secrets
import shlex
import time
from argparse import Namespace
from datetime import UTC, datetime
from typing import Any

import httpx
from rich.console import Console

from cli.demo_steps import DAY, Step
from cli.stack import down, up_detached
from embedded.home import find_home, is_locked
from embedded.problems import EmbeddedError
from embedded.state import load

SHOWN_LINES = 40
"""Lines of an answer: what fits a screen together with its call."""
SHOWN_CHARACTERS = 80
"""Characters of one text in an answer."""
SHOWN_FIELDS = 4
"""Fields of each resource in a list."""
SHOWN_ELEMENTS = 3
"""Elements of a list."""
TIMEOUT = 15.0
"""Seconds for an answer, or the first message of a stream."""
PAUSE = 0.2
"""Seconds between two tries of a step that may take a moment."""


class Unexpected(Exception):
    """An answer isn't what the step says; the text tells how."""


def demo(_: Namespace) -> int:
    """Plays the day. Returns 0 when every answer was as expected. Raises EmbeddedError."""
    home = find_home(os.environ)
    state = load(home)
    if state is not None:
        return Player(state.edge_url).play(DAY)
    if is_locked(home.lock_file):
        raise EmbeddedError(f"a stack is starting or stopping in {home.root}; try again in a moment")
    print("Nothing runs here, so the demo starts a stack, and stops it at the end. `make up` starts one that stays.\n")
    up_detached()
    try:
        started = load(home)
        if started is None:
            raise EmbeddedError(f"the stack in {home.root} ended before the demo began")
        return Player(started.edge_url).play(DAY)
    finally:
        down(Namespace())


class Player:
    """Makes the calls of one new user."""

    def __init__(self, edge_url: str) -> None:
        self._edge_url = edge_url
        self._out = Console(highlight=False, soft_wrap=True)
        name = secrets.token_hex(4)
        # Names are given back by steps, and stand in the texts of later ones.
        self._kept = {
            "email": f"ada-{name}@example.org",
            "username": f"ada_{name}",
            "day": datetime.now(UTC).date().isoformat(),
        }

    def play(self, steps: tuple[Step, ...]) -> int:
        """Plays the steps in order, up to the first answer that isn't as expected. Returns the exit code."""
        self._say(f"API={self._edge_url}", "bold")
        began = time.monotonic()
        with httpx.Client(base_url=self._edge_url, timeout=TIMEOUT) as client:
            for number, step in enumerate(steps, 1):
                self._say(f"\n{number}. {step.sentence}", "bold")
                try:
                    self._play(client, step)
                except (Unexpected, httpx.HTTPError) as problem:
                    self._say(f"✗ {str(problem) or type(problem).__name__}", "bold red")
                    return 1
        self._say(f"\nAll {len(steps)} answers were as expected, in {time.monotonic() - began:.1f} s.", "bold green")
        return 0

    def _play(self, client: httpx.Client, step: Step) -> None:
        path = self._filled(step.path)
        headers = {name: self._filled(value) for name, value in step.headers.items()}
        body = None if step.body is None else self._filled(step.body)
        self._say(_curl(step, path, headers, body), "cyan")
        if step.signed_in:
            headers["authorization"] = f"Bearer {self._kept['token']}"
        until = time.monotonic() + step.within
        while True:
            response, answer = _call(client, step, path, headers, body)
            problem = self._problem(step, response, answer)
            if not problem or time.monotonic() >= until:
                break
            time.sleep(PAUSE)
        self._show(step, response, answer)
        if problem:
            raise Unexpected(problem)
        for name, where in step.keep.items():
            self._kept[name] = str(_pick(answer, where))

    def _problem(self, step: Step, response: httpx.Response, answer: Any) -> str:
        """What isn't as expected in an answer; empty when all is."""
        if response.status_code != step.status:
            return f"expected the status {step.status}"
        for name, value in step.expect_headers.items():
            if response.headers.get(name) != value:
                return f"expected the header {name}: {value}"
        for where, value in step.expect.items():
            wanted, found = self._filled(value), _pick(answer, where)
            if wanted != found and not (isinstance(wanted, str) and isinstance(found, str) and wanted in found):
                return f"expected {where} to be {wanted!r}, not {found!r}"
        missing = [where for where in step.keep.values() if _pick(answer, where) is None]
        return f"expected the answer to have {missing[0]}" if missing else ""

    def _filled(self, value: Any) -> Any:
        """A value of a step with the kept names in its texts."""
        if isinstance(value, str):
            for name, kept in self._kept.items():
                value = value.replace(f"{{{name}}}", kept)
            return value
        if isinstance(value, dict):
            return {name: self._filled(each) for name, each in value.items()}
        return [self._filled(each) for each in value] if isinstance(value, list) else value

    def _show(self, step: Step, response: httpx.Response, answer: Any) -> None:
        style = "green" if response.status_code == step.status else "red"
        self._say(f"{response.status_code} {response.reason_phrase}", style)
        for name in step.expect_headers:
            self._say(f"{name}: {response.headers.get(name, '')}", "dim")
        if answer is not None:
            self._say(_shortened(json.dumps(_brief(answer), indent=2, ensure_ascii=False)), "dim")

    def _say(self, text: str, style: str) -> None:
        self._out.print(text, style=style, markup=False)


def _call(
    client: httpx.Client, step: Step, path: str, headers: dict[str, str], body: Any
) -> tuple[httpx.Response, Any]:
    """The response and what it says: JSON, a text, or None when it is empty."""
    if not step.streams:
        response = client.request(step.method, path, headers=headers, json=body)
        return response, _read(response.text)
    with client.stream(step.method, path, headers=headers, json=body) as response:
        if response.status_code != step.status:
            return response, _read(response.read().decode())
        for line in response.iter_lines():
            message = _read(line.removeprefix("data:")) if line.startswith("data:") else None
            if isinstance(message, dict) and "heartbeat" not in message.get("control", {}):
                return response, message
    return response, None


def _read(text: str) -> Any:
    try:
        return json.loads(text) if text.strip() else None
    except ValueError:
        return text


def _pick(answer: Any, where: str) -> Any:
    """The value at a path as `sets.0.reps`; None when there is none."""
    for part in where.split("."):
        if isinstance(answer, list):
            answer = answer[int(part)] if part.isdecimal() and int(part) < len(answer) else None
        else:
            answer = answer.get(part) if isinstance(answer, dict) else None
    return answer


def _curl(step: Step, path: str, headers: dict[str, str], body: Any) -> str:
    """The call as it could be made by hand; $API is the edge, $TOKEN what signing up gave."""
    # curl itself chooses GET, or POST when there is a body.
    chosen = step.method == ("GET" if body is None else "POST")
    words = ["$ curl", *([] if chosen else ["-X", step.method]), f'"$API{path}"']
    if step.signed_in:
        words.append('-H "authorization: Bearer $TOKEN"')
    words += [f"-H '{name}: {value}'" for name, value in headers.items()]
    if body is not None:
        words += ["-H 'content-type: application/json'", "-d", shlex.quote(json.dumps(body, ensure_ascii=False))]
    return " ".join(words)


def _brief(value: Any, depth: int = 0) -> Any:
    """An answer with less in it, and what was left out said: of long texts, long lists, and resources in lists."""
    if isinstance(value, str) and len(value) > SHOWN_CHARACTERS:
        return f"{value[:SHOWN_CHARACTERS]}… ({len(value)} characters)"
    if isinstance(value, dict):
        shown = SHOWN_FIELDS if depth > 1 and len(value) > SHOWN_FIELDS + 1 else len(value)
        brief = {name: _brief(each, depth + 1) for name, each in list(value.items())[:shown]}
        return brief if shown == len(value) else brief | {"…": f"{len(value) - shown} more"}
    if isinstance(value, list):
        brief_list = [_brief(each, depth + 1) for each in value[:SHOWN_ELEMENTS]]
        return brief_list if len(value) <= SHOWN_ELEMENTS else [*brief_list, f"… {len(value) - SHOWN_ELEMENTS} more"]
    return value


def _shortened(text: str) -> str:
    lines = text.splitlines()
    if len(lines) <= SHOWN_LINES:
        return text
    kept = SHOWN_LINES - 4
    return "\n".join([*lines[:kept], f"  … {len(lines) - kept - 1} more lines", lines[-1]])
