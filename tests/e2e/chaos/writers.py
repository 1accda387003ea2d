"""People who write down their training whatever happens: they send each write until it is acknowledged."""

import asyncio
import random
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx

from tests.e2e.chaos.journal import Entry, Journal, Json
from tests.e2e.doorway import fresh_address

WORKOUTS = "/api/v1/workouts"
PATIENCE = 10.0
"""Seconds for one attempt: twice what the contract gives an interactive call."""
PAUSE = (0.02, 0.5)
"""Seconds before a write is sent again: the first time, and at most."""
PACE = 0.12
"""Seconds between the writes of one person, on average: a person has 300 at once and 5 a second from then on."""
GAVE_UP = 60.0
"""Seconds after which a write that nobody acknowledges is a failure by itself."""
FIRST_DAY = datetime(2026, 1, 1, 6, tzinfo=UTC)
SET_TYPES = ("SET_TYPE_WARMUP", "SET_TYPE_NORMAL", "SET_TYPE_DROPSET")
WAIT = {408, 409, 425, 429, 500, 502, 503, 504}
"""Statuses after which the same write is sent again. 409: it is in flight still, or another one came first."""


class Refused(AssertionError):
    """The stack said something that no client has to expect."""


class Writer:
    """One person with an address of their own."""

    def __init__(self, url: str, number: int, seed: int, folder: Path, beat: Callable[[float], None]) -> None:
        """beat: is told of each acknowledgement, with the monotonic time at which its request was sent."""
        self.name = f"{seed}-{number}"
        self.user = ""
        self.token = ""
        self.attempts = 0
        self._random = random.Random(f"{seed} {number}")
        self._beat = beat
        self.journal = Journal(folder / f"{self.name}.jsonl")
        self._mine: dict[str, Json] = {}
        self._deleted: list[Json] = []
        self._count = 0
        self._exercises: Sequence[str] = ()
        transport = httpx.AsyncHTTPTransport(local_address=fresh_address())
        self._http = httpx.AsyncClient(base_url=url, transport=transport, timeout=PATIENCE)

    async def sign_up(self, exercises: Sequence[str]) -> None:
        """Registers; the stack is expected to be well."""
        email = f"chaos-{uuid.uuid4().hex}@example.org"
        answer = await self._http.post("/auth/v1/signup", json={"email": email, "password": "correct horse battery"})
        answer.raise_for_status()
        self.token = str(answer.json()["access_token"])
        self._http.headers["authorization"] = f"Bearer {self.token}"
        self.user = answer.json()["user"]["id"]
        self._exercises = exercises

    async def write_until(self, stop: asyncio.Event) -> None:
        """Goes on until told to stop; whatever was begun is acknowledged then."""
        while not stop.is_set():
            await self._write()
            await asyncio.sleep(self._random.uniform(0, 2 * PACE))

    async def close(self) -> None:
        """Hangs up."""
        self.journal.close()
        await self._http.aclose()

    async def _write(self) -> None:
        dice = self._random.random()
        if dice < 0.6 or not self._mine:
            entry = Entry("create", self.user, await self._acknowledged("POST", WORKOUTS, self._new()))
        elif dice < 0.85:
            chosen = self._chosen()
            changed = await self._acknowledged("PATCH", f"{WORKOUTS}/{chosen['id']}", self._change(chosen))
            entry = Entry("update", self.user, changed)
        elif dice < 0.95 or not self._deleted:
            chosen = self._chosen()
            await self._acknowledged("DELETE", f"{WORKOUTS}/{chosen['id']}", None)
            entry = Entry("delete", self.user, chosen)
        else:
            chosen = self._deleted.pop()
            path = f"{WORKOUTS}/{chosen['id']}:undelete"
            entry = Entry("undelete", self.user, await self._acknowledged("POST", path, {}))
        await self.journal.record(entry)
        if entry.kind == "delete":
            self._deleted.append(self._mine.pop(entry.workout["id"]))
        else:
            self._mine[entry.workout["id"]] = entry.workout

    def _chosen(self) -> Json:
        return self._mine[self._random.choice(sorted(self._mine))]

    def _new(self) -> Json:
        self._count += 1
        start = FIRST_DAY + timedelta(hours=self._count)
        return {
            "title": f"{self.name} {self._count}",
            "startTime": start.isoformat(),
            "endTime": (start + timedelta(minutes=self._random.randint(20, 90))).isoformat(),
            "sets": [self._set() for _ in range(self._random.randint(0, 4))],
        }

    def _set(self) -> Json:
        return {
            "exerciseId": self._random.choice(self._exercises),
            "setType": self._random.choice(SET_TYPES),
            "reps": self._random.randint(1, 12),
            "weight": self._random.randint(1, 150),
        }

    def _change(self, workout: Json) -> Json:
        """A change that is none to the workout as it is would make no version; this one always is."""
        change: Json = {"notes": f"changed: {self._random.random()}"}
        if self._random.random() < 0.5:
            change["sets"] = [self._set()]
        if self._random.random() < 0.5:
            change["etag"] = workout["etag"]
        return change

    async def _acknowledged(self, method: str, path: str, content: Json | None) -> Json:
        """Sends a write until it is acknowledged, under one key; returns the answer."""
        has_key = content is not None
        headers = {"idempotency-key": str(uuid.UUID(int=self._random.getrandbits(128)))} if has_key else {}
        began = time.monotonic()
        pause, longest = PAUSE
        for attempt in range(1, 1_000_000):
            self.attempts += 1
            sent = time.monotonic()
            answer = await self._send(method, path, content, headers)
            # The answer to a deletion may have been lost; it has no key, and finds nothing the next time.
            done = answer is not None and (
                answer.is_success or (answer.status_code == 404 and not has_key and attempt > 1)
            )
            if answer is not None and done:
                self._beat(sent)
                return dict(answer.json()) if has_key else {}
            if answer is not None and answer.status_code not in WAIT:
                raise Refused(f"{method} {path} (attempt {attempt}): {answer.status_code} {answer.text}")
            if sent - began > GAVE_UP:
                said = "no answer" if answer is None else f"{answer.status_code} {answer.text}"
                raise Refused(f"{method} {path} wasn't acknowledged for {GAVE_UP:.0f} s; lastly: {said}")
            await asyncio.sleep(self._random.uniform(0.5, 1) * pause)
            pause = min(pause * 2, longest)
        raise AssertionError("unreachable")

    async def _send(
        self, method: str, path: str, content: Json | None, headers: Mapping[str, str]
    ) -> httpx.Response | None:
        """None: nobody answered."""
        try:
            return await self._http.request(method, path, json=content, headers=headers)
        except httpx.TransportError:
            return None
