"""Addresses of the operator's own servers, and what is never passed on."""

from pathlib import Path

import pytest

from embedded.home import Home
from embedded.problems import EmbeddedError
from embedded.servers import plan, without_login

OWN = {
    "DATABASE_URL": "postgresql://owner:p%40ss@db:5432/fit?sslmode=require",
    "REDIS_URL": "redis://:secret@cache:6379/1",
}


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql://owner:pw@db:5432/fit", "postgresql://db:5432/fit"),
        ("postgresql://owner:p@w@db/fit?sslmode=require", "postgresql://db/fit?sslmode=require"),
        ("postgresql:///fit?host=/run/pg&user=owner&password=pw", "postgresql:///fit?host=/run/pg"),
        ("postgresql://owner:pw@/fit?host=/run/pg", "postgresql:///fit?host=/run/pg"),
        ("redis://:pw@cache:6379/1", "redis://cache:6379/1"),
        ("unix:///run/valkey.sock?password=pw", "unix:///run/valkey.sock"),
    ],
)
def test_takes_the_login_out(url: str, expected: str) -> None:
    assert without_login(url, "DATABASE_URL") == expected


def test_a_wrong_url_is_not_repeated() -> None:
    with pytest.raises(EmbeddedError, match="DATABASE_URL must be a URL") as failed:
        without_login("owner:pw@db", "DATABASE_URL")
    assert "pw@" not in str(failed.value)


def test_own_servers_are_used_and_not_started() -> None:
    servers = plan(Home(Path("/nowhere")), OWN)
    assert [(s.name, s.program, s.address) for s in servers.all()] == [
        ("postgresql", None, "postgresql://db:5432/fit?sslmode=require"),
        ("redis", None, "redis://cache:6379/1"),
    ]
    assert servers.owner_url == OWN["DATABASE_URL"]
    assert servers.database.url == "postgresql://db:5432/fit?sslmode=require"
    assert servers.redis.url == OWN["REDIS_URL"]


def test_services_can_be_given_another_address_than_the_owner() -> None:
    servers = plan(Home(Path("/nowhere")), OWN | {"FITNESSHUB_DATABASE_SERVER": "postgresql://pooler:6432/fit"})
    assert servers.database.url == "postgresql://pooler:6432/fit"


def test_our_own_servers_listen_on_sockets_only() -> None:
    home = Home(Path("/nowhere"))
    servers = plan(home, {})
    assert [server.program is not None for server in servers.all()] == [True, True]
    assert str(home.sockets) in servers.database.url
    assert servers.redis.url.startswith("unix://")
