"""What `fitnesshub status` takes for an answer."""

import socket
import threading
from pathlib import Path

from embedded.probe import answers


def test_who_listens_and_says_nothing_gives_no_answer(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    assert not answers(path, b"?", 0.1)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
        server.bind(str(path))
        server.listen()
        assert not answers(path, b"?", 0.1)
        server.accept()[0].close()

        def answer() -> None:
            with server.accept()[0] as connection:
                connection.sendall(connection.recv(1))

        answering = threading.Thread(target=answer)
        answering.start()
        assert answers(path, b"?", 5)
        answering.join()
    assert not answers(path, b"?", 0.1)
