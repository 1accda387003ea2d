"""Valkey from the wheel: on a socket, and with its data after a crash."""

import asyncio
import stat
from contextlib import suppress
from pathlib import Path

import pytest

from chassis.events.redis_bus import RedisBus
from chassis.redis_client import connect
from embedded.problems import EmbeddedError
from embedded.valkey import Valkey
from tests.stack.keeper import start


@pytest.mark.parametrize("password", [None, "s3cret"])
async def test_it_keeps_its_data_over_a_crash(tmp_path: Path, short_folder: Path, password: str | None) -> None:
    file = None
    if password:
        file = tmp_path / "redis"
        file.write_text(f"{password}\n")
    valkey = Valkey(tmp_path / ('with spaces and "quotes" ' * 5) / "data", short_folder, file)
    assert valkey.version.startswith("9.")
    for turn in range(2):
        valkey.prepare()
        process = start(valkey.command())
        try:
            await valkey.wait_ready()
            client = connect(valkey.url, valkey.password)
            assert await client.get("key") == (None if turn == 0 else b"value")
            await client.set("key", "value")
            assert (await client.config_get("port"))["port"] == "0"
            # The append-only file is on disk within a second; this asks for it now.
            assert await client.waitaof(1, 0, 5000) == [1, 0]
            await client.aclose()
        finally:
            process.kill()
            process.wait()
    assert stat.S_IMODE((valkey.data / "valkey.conf").stat().st_mode) == 0o600
    if password:
        assert password not in " ".join(valkey.command().argv)


async def test_who_asks_with_another_password_finds_it_not_ready(tmp_path: Path, short_folder: Path) -> None:
    file = tmp_path / "redis"
    file.write_text("right")
    valkey = Valkey(tmp_path / "data", short_folder, file)
    assert not await valkey.is_ready()
    valkey.prepare()
    process = start(valkey.command())
    try:
        await valkey.wait_ready()
        file.write_text("wrong")
        assert not await valkey.is_ready()
        with pytest.raises(EmbeddedError, match="isn't up"):
            await valkey.wait_ready(0.1)
    finally:
        process.kill()
        process.wait()


def is_in_files(folder: Path, content: bytes) -> bool:
    for file in folder.rglob("*"):
        with suppress(FileNotFoundError):  # the server is replacing it
            if file.is_file() and content in file.read_bytes():
                return True
    return False


async def test_what_is_removed_from_a_stream_is_not_in_the_files(tmp_path: Path, short_folder: Path) -> None:
    valkey = Valkey(tmp_path / "data", short_folder)
    valkey.prepare()
    process = start(valkey.command())
    try:
        await valkey.wait_ready()
        client = connect(valkey.url)
        bus = RedisBus(client)
        await client.xadd("stream", {b"event": b"harmless"})
        canary = await client.xadd("stream", {b"event": b"canary"})
        await client.xadd("stream", {b"event": b"harmless"})
        await client.xdel("stream", canary)
        await bus.rewrite_files()
        async with asyncio.timeout(10):
            while is_in_files(valkey.data, b"canary"):
                await asyncio.sleep(0.05)
        assert is_in_files(valkey.data, b"harmless"), "or nothing would be found whatever happens"
        await client.aclose()
    finally:
        process.kill()
        process.wait()


def test_a_socket_path_that_is_too_long_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(EmbeddedError, match="too long"):
        Valkey(tmp_path / "data", tmp_path / ("x" * 100)).prepare()
