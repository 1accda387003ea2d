"""`fitnesshub events`: what goes by is seen, what was given up is listed, replayed and discarded."""

import asyncio
import json
import os
import signal
import subprocess
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import asyncpg
import httpx
import pytest
from fitnesshub.event.v1.event_pb2 import Event
from google.protobuf.timestamp_pb2 import Timestamp
from redis import Redis

from chassis.events.redis_bus import STREAM
from embedded.home import Home
from embedded.servers import plan
from tests.e2e.stack import COMMAND, Stack, wait_until


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack whose audit service can be made to fail."""
    made = Stack(tmp_path_factory.mktemp("events") / "home")
    made.up()
    yield made
    made.down()


def rows(stack: Stack, *words: str) -> list[dict[str, Any]]:
    done = stack.run("events", *words, "--json")
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def parts(stack: Stack) -> list[dict[str, Any]]:
    status = stack.status()
    return [*status["services"], *status["servers"]]


def as_owner(stack: Stack, sql: str) -> None:
    async def run() -> None:
        owner = await asyncpg.connect(plan(Home(stack.home), {}).owner_url)
        await owner.execute(sql)
        await owner.close()

    asyncio.run(run())


def log_workout(stack: Stack, url: str = "") -> str:
    url = url or stack.status()["edge_url"]
    workout = {"title": "Secret day", "startTime": "2026-11-20T17:00:00Z", "sets": []}
    made = httpx.post(f"{url}/api/v1/workouts", json=workout, headers={"authorization": f"Bearer {stack.token_kept()}"})
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


def recorded(stack: Stack, workout_id: str) -> int:
    """How many records the audit service has of a workout."""
    admin = {"authorization": f"Bearer {stack.token('admin')}"}
    wanted = {"aggregateType": "workout", "aggregateId": workout_id}
    answer = httpx.get(f"{stack.status()['edge_url']}/api/v1/audit/records", params=wanted, headers=admin)
    return len(answer.json()["records"])


def test_a_poisoned_event_is_listed_and_replayed(own: Stack) -> None:
    first = log_workout(own)
    wait_until(lambda: recorded(own, first) == 1, 10, "the event is recorded")
    assert rows(own, "dlq", "list") == []

    as_owner(own, "REVOKE INSERT ON audit.records FROM fitnesshub_audit")
    second = log_workout(own)
    wait_until(lambda: bool(rows(own, "dlq", "list")), 60, "the audit service gives up")
    as_owner(own, "GRANT INSERT ON audit.records TO fitnesshub_audit")

    letters = rows(own, "dlq", "list", "audit")
    (letter,) = [each for each in letters if each["type"] == "workout.v1.WorkoutCreated"]
    assert (letter["source"], letter["aggregate"]) == ("workout", f"workout/{second}")
    assert "permission denied" in letter["reason"]
    table = own.run("events", "dlq", "list", "audit").stdout
    assert table.splitlines()[0].split() == ["POSITION", "SINCE", "SOURCE", "TYPE", "ID", "REASON"]
    assert letter["position"] in table
    assert {"group": "audit", "dead": len(letters)} in rows(own, "dlq", "list")

    one = own.run("events", "dlq", "replay", "audit", letter["position"])
    assert one.stdout == "1 event given to audit again\n"
    wait_until(lambda: recorded(own, second) == 1, 10, "what was replayed took effect")
    assert own.run("events", "dlq", "replay", "audit", "--all").returncode == 0
    wait_until(lambda: rows(own, "dlq", "list") == [], 10, "nothing is left")
    assert recorded(own, second) == 1


def test_what_is_no_event_can_only_be_discarded(own: Stack) -> None:
    timeless = Event(id=str(uuid.uuid4()), time=Timestamp(seconds=2**62)).SerializeToString()
    redis = Redis.from_url(plan(Home(own.home), {}).redis.url)
    for data in (b"\xff\xff", timeless):
        redis.xadd(STREAM + "workout", {b"event": data})
    redis.close()
    readers = {each["group"]: 2 for each in rows(own, "lag") if each["source"] == "workout"}
    wait_until(lambda: {each["group"]: each["dead"] for each in rows(own, "dlq", "list")} == readers, 20, "buried")
    letters = rows(own, "dlq", "list", "audit")
    assert {each["type"] for each in letters} == {"(not an event)"}
    assert [each["reason"] for each in letters] == ["isn't an event", "has a time outside the calendar"]
    positions = [each["position"] for each in letters]
    for which, named in ((positions[0], positions[:1]), ("--all", positions)):
        refused = own.run("events", "dlq", "replay", "audit", which)
        assert (refused.returncode, refused.stdout) == (1, "")
        assert (
            refused.stderr == f"fitnesshub: {', '.join(named)}: can't be read as an event, so can only be discarded\n"
        )
    assert [each["position"] for each in rows(own, "dlq", "list", "audit")] == positions
    unknown = own.run("events", "dlq", "discard", "audit", "1-0")
    assert (unknown.returncode, unknown.stderr) == (1, "fitnesshub: audit has no dead letter at 1-0\n")
    for each in rows(own, "dlq", "list"):
        assert own.run("events", "dlq", "discard", each["group"], "--all").returncode == 0
    assert rows(own, "dlq", "list") == []


@pytest.mark.parametrize("words", [("list", "nosuch"), ("replay", "nosuch", "--all"), ("discard", "nosuch", "--all")])
def test_an_unknown_group_is_refused(own: Stack, words: tuple[str, ...]) -> None:
    refused = own.run("events", "dlq", *words)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.startswith("fitnesshub: there is no group 'nosuch'; there are: analytics, ")


def test_what_hangs_is_told(own: Stack) -> None:
    for process, names in (("valkey", {"valkey"}), ("work", {"analytics", "audit", "gateway", "user", "workout"})):
        pid = next(each["pid"] for each in parts(own) if each["process"] == process)
        os.kill(pid, signal.SIGSTOP)
        try:
            assert {each["name"] for each in parts(own) if each["state"] == "no answer"} == names
            assert own.run("status").returncode == 4
            if process == "valkey":
                refused = own.run("events", "lag")
                assert (refused.returncode, refused.stdout) == (1, "")
                assert ": no answer within 2 s; `fitnesshub status` shows" in refused.stderr
        finally:
            os.kill(pid, signal.SIGCONT)
        wait_until(lambda: own.run("status").returncode == 0, 20, "everything answers again")


def test_lag_names_every_group_of_every_log(own: Stack) -> None:
    log_workout(own)

    def is_idle() -> bool:
        return all(each["waiting"] == each["unacknowledged"] == each["dead"] == 0 for each in rows(own, "lag"))

    wait_until(is_idle, 20, "everything is handled")
    found = {(each["source"], each["group"]) for each in rows(own, "lag")}
    assert {("workout", "audit"), ("workout", "workout-saga"), ("audit", "user-erasure")} <= found


def test_tail_shows_what_goes_by_and_no_content(own: Stack) -> None:
    words = [str(COMMAND), "events", "tail", "--source", "workout", "-f", "-n", "1"]
    with subprocess.Popen(words, env=own.variables(), stdout=subprocess.PIPE, text=True) as following:
        assert following.stdout is not None
        assert following.stdout.readline().split() == ["TIME", "SOURCE", "TYPE", "AGGREGATE", "VERSION", "ID"]
        made = log_workout(own)
        try:
            for line in following.stdout:
                assert "Secret" not in line
                if made in line:
                    assert line.split()[1:5] == ["workout", "workout.v1.WorkoutCreated", f"workout/{made}", "1"]
                    break
        finally:
            following.terminate()
    refused = own.run("events", "tail", "--source", "fishing")
    assert refused.returncode == 1
    assert refused.stderr == "fitnesshub: 'fishing' publishes nothing; there are: analytics, audit, user, workout\n"


def test_tail_shows_the_last_events_at_rest(own: Stack) -> None:
    made = [log_workout(own) for _ in range(3)]
    redis = Redis.from_url(plan(Home(own.home), {}).redis.url)
    wait_until(lambda: redis.xlen(STREAM + "workout") == 0, 30, "the log is read and trimmed")
    redis.close()
    shown = rows(own, "tail", "--source", "workout", "-n", "20")
    assert len(shown) == 20
    found = [each["aggregate"] for each in shown if each["type"] == "workout.v1.WorkoutCreated"]
    assert found[-3:] == [f"workout/{each}" for each in made]


def test_tail_that_follows_misses_nothing(own: Stack) -> None:
    words = [str(COMMAND), "events", "tail", "--source", "workout", "-f", "-n", "1", "--json"]
    with subprocess.Popen(words, env=own.variables(), stdout=subprocess.PIPE, text=True) as following:
        assert following.stdout is not None
        following.stdout.readline()
        url = own.status()["edge_url"]
        with ThreadPoolExecutor(8) as people:
            waiting = {f"workout/{each}" for each in people.map(lambda _: log_workout(own, url), range(100))}
        try:
            for line in following.stdout:
                waiting.discard(json.loads(line)["aggregate"])
                if not waiting:
                    break
        finally:
            following.terminate()
    assert not waiting
