"""The Redis client of a process: quick to give up, because Redis being down means slower, not broken."""

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError

TIMEOUT = 0.5
"""Seconds, to connect and for an answer: what a call can spare before it goes on without."""
MAX_CONNECTIONS = 50
"""A process answers some hundred calls at a time, most of which don't ask Redis."""


def connect(url: str, password: str | None = None, *, timeout: float = TIMEOUT) -> Redis:
    """A client for `redis://`, `rediss://` or `unix://`; nothing is opened before the first command.

    timeout: seconds; longer for who waits for events than for who answers a call. Whatever goes wrong is a
    `redis.exceptions.RedisError`: no connection, no answer in time, no free connection.
    """
    pool = BlockingConnectionPool.from_url(
        url,
        password=password,
        socket_connect_timeout=timeout,
        socket_timeout=timeout,
        max_connections=MAX_CONNECTIONS,
        timeout=timeout,
        # The server was started again and took our connections with it. An answer that is late isn't asked for twice.
        retry=Retry(NoBackoff(), 1, supported_errors=(RedisConnectionError,)),
    )
    return Redis.from_pool(pool)
