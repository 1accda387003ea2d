"""gRPC through the edge from an address of one's own.

The real rate limits stay on, so every test calls from a fresh loopback address; gRPC's Python client can't
choose its source address, hence this small forwarder between it and the edge.
"""

import asyncio
import itertools
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from grpc import aio

_numbers = itertools.count(os.getpid() * 251)


def fresh_address() -> str:
    """A loopback address that nobody in this run has called from, with the process id as its seed."""
    number = next(_numbers) % (250 * 250 * 250)
    return f"127.{1 + number // 62500 % 250}.{1 + number // 250 % 250}.{1 + number % 250}"


@asynccontextmanager
async def channel_from(address: str, host: str, port: int) -> AsyncIterator[aio.Channel]:
    """A channel to host:port whose connections come from `address`."""

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream_reader, upstream_writer = await asyncio.open_connection(host, port, local_addr=(address, 0))
        await asyncio.gather(_pump(reader, upstream_writer), _pump(upstream_reader, writer))

    server = await asyncio.start_server(forward, "127.0.0.1", 0)
    local_port = server.sockets[0].getsockname()[1]
    try:
        async with aio.insecure_channel(f"127.0.0.1:{local_port}") as channel:
            yield channel
    finally:
        server.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()
