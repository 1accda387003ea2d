"""Ports are held, refused and told apart with real sockets."""

import socket
from collections.abc import Iterator

import pytest

from embedded.ports import DEFAULT_PORT, HOST, Ports, parse_port
from embedded.problems import EmbeddedError


@pytest.fixture
def ports() -> Iterator[Ports]:
    held = Ports()
    yield held
    held.close()


def test_a_port_is_given_once(ports: Ports) -> None:
    taken = {ports.free() for _ in range(50)} | {ports.take(0)}
    assert len(taken) == 51


@pytest.mark.parametrize("option", [socket.SO_REUSEADDR, socket.SO_REUSEPORT])
def test_our_server_gets_the_port_that_is_held(ports: Ports, option: int) -> None:
    port = ports.free()
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, option, 1)
        server.bind((HOST, port))
        server.listen()
        with socket.create_connection((HOST, port)) as client, server.accept()[0]:
            assert client.getpeername() == (HOST, port)


def test_a_stranger_does_not_get_it(ports: Ports) -> None:
    with socket.socket() as server, pytest.raises(OSError, match="in use"):
        server.bind((HOST, ports.free()))


@pytest.mark.parametrize("address", [HOST, "0.0.0.0"])
@pytest.mark.parametrize("option", [None, socket.SO_REUSEADDR, socket.SO_REUSEPORT])
def test_a_port_where_somebody_listens_is_refused(ports: Ports, address: str, option: int | None) -> None:
    with socket.socket() as server:
        if option is not None:
            server.setsockopt(socket.SOL_SOCKET, option, 1)
        server.bind((address, 0))
        server.listen()
        port = server.getsockname()[1]
        with pytest.raises(EmbeddedError, match=rf"port {port} on 127.0.0.1 is taken.*FITNESSHUB_PORT"):
            ports.take(port)


def test_a_port_that_another_stack_chose_is_refused_before_it_listens(ports: Ports) -> None:
    other = Ports()
    port = ports.free()
    ports.close()
    try:
        assert other.take(port) == port
        with pytest.raises(EmbeddedError, match="is taken"):
            ports.take(port)
    finally:
        other.close()
    assert ports.take(port) == port


@pytest.mark.parametrize(("text", "port"), [(None, DEFAULT_PORT), ("", DEFAULT_PORT), ("0", 0), ("65535", 65535)])
def test_reads_the_port(text: str | None, port: int) -> None:
    assert parse_port(text) == port


@pytest.mark.parametrize("text", ["-1", "65536", "http", "80 80", "8080.0"])
def test_refuses_what_is_no_port(text: str) -> None:
    with pytest.raises(EmbeddedError, match="FITNESSHUB_PORT"):
        parse_port(text)
