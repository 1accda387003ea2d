"""Ports of one stack, held from the moment they are chosen: two stacks that start together never pick the same."""

import errno
import os
import socket

from embedded.problems import EmbeddedError

HOST = "127.0.0.1"
DEFAULT_PORT = 8080


class Ports:
    """Keeps a bound, never listening socket on each port until `close`.

    Our servers get such a port because all of them ask for SO_REUSEADDR or SO_REUSEPORT; nobody else is given it.
    """

    def __init__(self) -> None:
        self._held: list[socket.socket] = []

    def free(self) -> int:
        """A free port, held. The kernel never chooses a port that somebody holds."""
        return self._hold(0)

    def take(self, port: int) -> int:
        """This very port, held; a free one for 0. Raises EmbeddedError when it is taken."""
        if port == 0:
            return self.free()
        self._claim(port)
        try:
            with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind((HOST, port))
        except OSError as error:
            raise _refused(port, error) from error
        return self._hold(port)

    def close(self) -> None:
        """Gives all ports back."""
        while self._held:
            self._held.pop().close()

    def _hold(self, port: int) -> int:
        holder = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._held.append(holder)
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        holder.bind((HOST, port))
        chosen: int = holder.getsockname()[1]
        return chosen

    def _claim(self, port: int) -> None:
        """Envoys of one user could share a port without noticing; an abstract socket's name has one owner."""
        name = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._held.append(name)
        try:
            name.bind(f"\0fitnesshub:{os.geteuid()}:{port}")
        except OSError as error:
            raise _refused(port, error) from error


def parse_port(text: str | None) -> int:
    """FITNESSHUB_PORT as a number. Raises EmbeddedError."""
    if not text:
        return DEFAULT_PORT
    if not text.isdecimal() or int(text) > 65535:
        raise EmbeddedError(f"FITNESSHUB_PORT is {text!r}; it must be a port number, or 0 for a free one")
    return int(text)


def _refused(port: int, error: OSError) -> EmbeddedError:
    if error.errno == errno.EADDRINUSE:
        return EmbeddedError(
            f"port {port} on {HOST} is taken by another program; "
            "set FITNESSHUB_PORT to another one, or to 0 for a free one"
        )
    if error.errno == errno.EACCES:
        return EmbeddedError(
            f"port {port} needs more rights than this user has; "
            "set FITNESSHUB_PORT to one above 1023, or to 0 for a free one"
        )
    return EmbeddedError(f"port {port} on {HOST} can't be used: {error.strerror}")
