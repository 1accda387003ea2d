"""The real supabase-js from npm, unchanged, signs in against FitnessHub."""

import asyncio
import contextlib
import json
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.e2e.doorway import fresh_address
from tests.node import installed, program, run

PROJECT = Path(__file__).parent / "supabase_js"
STORY_SECONDS = 60


@contextlib.asynccontextmanager
async def doorway(url: str) -> AsyncIterator[str]:
    """A URL that leads to `url` from a fresh loopback address: node can't choose the one it calls from."""
    host, port = urlsplit(url).hostname, urlsplit(url).port
    source = fresh_address()

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        writer.close()

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection(host, port, local_addr=(source, 0))
        await asyncio.gather(pump(reader, there_writer), pump(there_reader, writer))

    async with await asyncio.start_server(forward, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@pytest.fixture(scope="module")
async def told(edge_url: str) -> dict[str, Any]:
    """What supabase-js reports of a whole story."""
    email = f"{uuid.uuid4().hex}@example.org"
    project = await installed(PROJECT)
    async with doorway(edge_url) as url:
        printed = await run(
            program("node"),
            "story.mjs",
            folder=project,
            seconds=STORY_SECONDS,
            FITNESSHUB_URL=url,
            FITNESSHUB_EMAIL=email,
        )
    return {"email": email, **json.loads(printed)}


def test_it_signs_up(told: dict[str, Any]) -> None:
    assert told["signUpFailure"] is None
    assert told["user"]["email"] == told["email"]
    assert told["user"]["user_metadata"] == {"name": "Ada", "plates": [20, 2.5]}
    assert told["user"]["identities"][0]["provider"] == "email"
    assert told["session"]["expires_in"] == 3600


def test_it_signs_in_and_reads_its_user(told: dict[str, Any]) -> None:
    assert told["signInFailure"] is None
    assert told["signedInId"] == told["user"]["id"]
    assert told["getUserFailure"] is None
    assert told["foundName"] == "Ada"


def test_it_verifies_tokens_itself_with_our_keys(told: dict[str, Any]) -> None:
    assert told["claimsFailure"] is None
    assert told["claimsAlgorithm"] == "ES256"
    assert told["claims"]["sub"] == told["user"]["id"]
    assert told["claims"]["app_metadata"]["roles"] == ["member"]


def test_it_refreshes_also_from_two_tabs_at_once(told: dict[str, Any]) -> None:
    assert told["refreshFailure"] is None
    assert told["rotated"] is True
    assert told["raceFailures"] == [None, None]
    assert told["onwardsFailure"] is None


def test_it_understands_what_went_wrong(told: dict[str, Any]) -> None:
    def failure(name: str) -> tuple[str, int, str]:
        return told[name]["name"], told[name]["status"], told[name]["code"]

    assert failure("weak") == ("AuthWeakPasswordError", 422, "weak_password")
    assert told["weak"]["reasons"] == ["pwned"]
    assert failure("twice") == ("AuthApiError", 422, "user_already_exists")
    assert failure("wrong") == ("AuthApiError", 400, "invalid_credentials")
    assert failure("anonymous") == ("AuthApiError", 422, "anonymous_provider_disabled")
    assert failure("unknownRefresh") == ("AuthApiError", 400, "refresh_token_not_found")


def test_it_signs_out(told: dict[str, Any]) -> None:
    assert told["signOutFailure"] is None
    assert told["afterSignOut"]["name"] == "AuthSessionMissingError"
    assert told["othersAlive"] is None
    assert told["signOutEverywhere"] is None
