"""Checkpoints in files: what is damaged or forged is told of, hides nothing else, and nothing is verified in vain."""

import base64
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jwt
import pytest

from chassis.tokens import SERVICE_KEY_SET, make_secrets
from services.audit.clients import checkpoints
from services.audit.clients.checkpoints import FileCheckpoints
from services.audit.domain.chain import Checkpoint

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    make_secrets(tmp_path / "secrets", ["audit"])
    return tmp_path / "secrets"


@pytest.fixture
def store(tmp_path: Path, secrets: Path) -> FileCheckpoints:
    return FileCheckpoints(tmp_path / "kept", secrets / "service-audit.pem", secrets / SERVICE_KEY_SET)


def checkpoint(position: int, days: int = 0) -> Checkpoint:
    return Checkpoint(position, position.to_bytes(32, "big"), NOW + timedelta(days=days))


def problems(store: FileCheckpoints) -> list[tuple[str, int]]:
    reading = store.reading()
    reading.between(1, 2**62)
    return [(each.damage, each.position) for each in reading.problems]


def the_file(tmp_path: Path) -> Path:
    (file,) = (tmp_path / "kept").glob("*.jwt")
    return file


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """How many signatures were verified since the last look."""
    count = 0
    verify = checkpoints._is_genuine

    def counting(line: bytes, key: object) -> bool:
        nonlocal count
        count += 1
        return verify(line, key)

    def take() -> int:
        nonlocal count
        taken, count = count, 0
        return taken

    monkeypatch.setattr(checkpoints, "_is_genuine", counting)
    return take


def test_there_are_none_yet(store: FileCheckpoints) -> None:
    reading = store.reading()
    assert (reading.newest(), reading.between(1, 99), reading.problems) == (None, {}, [])


def test_what_was_added_is_read(store: FileCheckpoints) -> None:
    for position in (3, 8, 12):
        store.add(checkpoint(position, days=position))
    reading = store.reading()
    assert reading.newest() == checkpoint(12, days=12)
    assert reading.between(1, 8) == {3: checkpoint(3, days=3), 8: checkpoint(8, days=8)}
    assert reading.between(9, 20) == {12: checkpoint(12, days=12)}


def test_only_what_is_asked_for_is_verified_and_only_once(
    store: FileCheckpoints, tmp_path: Path, counted: Callable[[], int]
) -> None:
    for position in range(1, 31):
        store.add(checkpoint(position, days=position // 10))
    assert store.reading().newest() == checkpoint(30, days=3)
    assert counted() == 1
    assert len(store.reading().between(12, 14)) == 3
    assert counted() == 10
    assert len(store.reading().between(1, 19)) == 19
    assert counted() == 9
    store.reading().between(1, 30)
    assert counted() == 10
    store.reading().between(1, 30)
    assert counted() == 0
    file = sorted((tmp_path / "kept").glob("*.jwt"))[1]
    lines = file.read_bytes().splitlines()
    file.write_bytes(b"\n".join([lines[0][:-4] + b"AAAA", *lines[1:]]) + b"\n")
    assert problems(store) == [("CHECKPOINT_FORGED", 10)]
    assert counted() == 10


def test_the_newest_is_the_highest_and_not_the_last(store: FileCheckpoints) -> None:
    for position, days in ((5, 0), (40, 1), (20, 1), (21, 2)):
        store.add(checkpoint(position, days))
    assert store.reading().newest() == checkpoint(40, 1)


def test_a_forged_one_is_not_the_newest(store: FileCheckpoints, secrets: Path, tmp_path: Path) -> None:
    make_secrets(tmp_path / "others", ["audit"])
    forger = FileCheckpoints(tmp_path / "kept", tmp_path / "others" / "service-audit.pem", secrets / SERVICE_KEY_SET)
    store.add(checkpoint(5))
    forger.add(checkpoint(5))
    forger.add(checkpoint(99, days=1))
    reading = store.reading()
    assert reading.newest() == checkpoint(5)
    assert reading.between(1, 9) == {5: checkpoint(5)}
    assert sorted(each.position for each in reading.problems) == [5, 99]


def test_of_two_for_one_position_the_first_counts(store: FileCheckpoints) -> None:
    store.add(checkpoint(5))
    store.add(Checkpoint(5, b"?" * 32, NOW))
    assert store.reading().between(5, 5) == {5: checkpoint(5)}


def test_a_line_that_was_cut_off_takes_no_other_with_it(store: FileCheckpoints, tmp_path: Path) -> None:
    store.add(checkpoint(1))
    file = the_file(tmp_path)
    file.write_bytes(file.read_bytes() + file.read_bytes()[:100])
    store.add(checkpoint(3))
    assert problems(store) == [("CHECKPOINT_UNREADABLE", 0)]
    assert store.reading().between(1, 9).keys() == {1, 3}


def _token(claims: bytes) -> bytes:
    return b".".join(base64.urlsafe_b64encode(each).rstrip(b"=") for each in (b'{"alg":"ES256"}', claims, b"x" * 64))


@pytest.mark.parametrize(
    "line",
    [
        b"\xff\xfe",
        b"no token",
        b"a.b.c",
        _token(b"{}"),
        _token(b"[]"),
        _token(b'{"iat": 1, "position": "x", "hash": "00"}'),
        _token(b'{"iat": 1, "position": 0, "hash": "00"}'),
        _token(b'{"iat": 1e300, "position": 1, "hash": "00"}'),
        _token(b'{"iat": NaN, "position": 1, "hash": "00"}'),
        _token(b'{"iat": 1, "position": 1, "hash": 7}'),
        _token(b"[" * 100_000),
        jwt.encode({"aud": "x"}, "k" * 32, algorithm="HS256").encode(),
    ],
)
def test_a_damaged_line_is_told_of_and_hides_nothing(store: FileCheckpoints, tmp_path: Path, line: bytes) -> None:
    store.add(checkpoint(1))
    file = the_file(tmp_path)
    file.write_bytes(line + b"\n" + file.read_bytes())
    store.add(checkpoint(3))
    assert problems(store) == [("CHECKPOINT_UNREADABLE", 0)]
    assert store.reading().newest() == checkpoint(3)
    assert store.reading().problems[0].description == "line 1 of the checkpoints 2026-11-23 can't be read"


def test_with_other_keys_nothing_is_genuine(store: FileCheckpoints, secrets: Path, tmp_path: Path) -> None:
    store.add(checkpoint(1))
    assert problems(store) == []
    make_secrets(tmp_path / "others", ["audit"])
    (secrets / SERVICE_KEY_SET).write_bytes((tmp_path / "others" / SERVICE_KEY_SET).read_bytes())
    assert problems(store) == [("CHECKPOINT_FORGED", 1)]
