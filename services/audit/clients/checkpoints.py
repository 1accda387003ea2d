"""Signed checkpoints of the chain, kept outside the database: who can rewrite every table can't rewrite these."""

import base64
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import jwt

from chassis.tokens import ALGORITHM, load_private_key, public_keys_by_id, sign_service_token
from services.audit.domain.chain import Checkpoint, Problem, forged

AUDIENCE = "fitnesshub-checkpoint"
_SERVICE = "audit"


class Reading(Protocol):
    """The checkpoints as they are at one moment; looks at no more of them than it is asked for.

    Verifying one takes 0.5 ms, and a year has half a million.
    """

    problems: list[Problem]
    """Lines that can't be read, and those that aren't ours among what was looked at."""

    def newest(self) -> Checkpoint | None:
        """The genuine one with the highest position. Raises OSError."""
        ...

    def between(self, first: int, last: int) -> Mapping[int, Checkpoint]:
        """The genuine ones of these positions, of several for one the first. Raises OSError.

        To be called with rising positions: what is before `first` is forgotten.
        """
        ...


class Checkpoints(Protocol):
    """Keeps checkpoints, and says whether each is genuine."""

    def add(self, checkpoint: Checkpoint) -> None:
        """Signs and keeps a checkpoint for good. Raises OSError."""
        ...

    def reading(self) -> Reading:
        """Begins to read. Raises OSError."""
        ...


@dataclass(frozen=True, slots=True)
class _Index:
    """What a file says that it has, unverified."""

    stamp: tuple[int, int]
    """Size and time of the last change."""
    low: int
    high: int
    unreadable: tuple[int, ...]
    """Numbers of lines."""


@dataclass(slots=True)
class _Memory:
    """What was found out about files, for the next reading."""

    indices: dict[Path, _Index] = field(default_factory=dict)
    verified: dict[Path, tuple[bytes, frozenset[int]]] = field(default_factory=dict)
    """Hash of the file and of the keys, and the lines whose signature isn't ours."""


class FileCheckpoints:
    """One file a day, one token a line; appended to and synced, never written anew."""

    def __init__(self, folder: Path, private_key: Path, key_set: Path) -> None:
        self._folder = folder
        self._private_key = private_key
        self._key_set = key_set
        self._memory = _Memory()

    def add(self, checkpoint: Checkpoint) -> None:
        claims = {
            "aud": AUDIENCE,
            "iat": checkpoint.time.timestamp(),
            "position": checkpoint.position,
            "hash": checkpoint.hash.hex(),
        }
        line = sign_service_token(load_private_key(self._private_key), _SERVICE, claims) + "\n"
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (self._folder / f"{checkpoint.time:%Y-%m-%d}.jwt").open("a+b") as file:
            if file.seek(0, os.SEEK_END):
                file.seek(-1, os.SEEK_END)
                if file.read(1) != b"\n":  # cut off by a power failure; ours mustn't be lost with it
                    line = "\n" + line
            file.write(line.encode("ascii"))
            file.flush()
            os.fsync(file.fileno())

    def reading(self) -> "FileReading":
        return FileReading(sorted(self._folder.glob("*.jwt")), self._key_set, self._memory)


class FileReading:
    """A reading of the files as they are when it begins."""

    def __init__(self, files: list[Path], key_set: Path, memory: _Memory) -> None:
        self._memory = memory
        self._key = public_keys_by_id(key_set)[_SERVICE]
        self._key_bytes = key_set.read_bytes()
        self._indices = {file: self._index(file) for file in files}
        self._loaded: dict[Path, dict[int, Checkpoint]] = {}
        self._told: set[Path] = set()
        self.problems = [
            Problem("CHECKPOINT_UNREADABLE", 0, f"line {number} of the checkpoints {file.stem} can't be read")
            for file, index in self._indices.items()
            for number in index.unreadable
        ]

    def newest(self) -> Checkpoint | None:
        best: Checkpoint | None = None
        for file, index in sorted(self._indices.items(), key=lambda each: each[1].high, reverse=True):
            if best is not None and index.high <= best.position:
                break
            genuine = self._load(file)
            if genuine and (best is None or max(genuine) > best.position):
                best = genuine[max(genuine)]
        return best

    def between(self, first: int, last: int) -> Mapping[int, Checkpoint]:
        found: dict[int, Checkpoint] = {}
        for file, index in self._indices.items():
            if index.high < first or index.low > last:
                self._loaded.pop(file, None)
                continue
            if file not in self._loaded:
                self._loaded[file] = self._load(file)
            for position, checkpoint in self._loaded[file].items():
                if first <= position <= last:
                    found.setdefault(position, checkpoint)
        return found

    def _index(self, file: Path) -> _Index:
        state = file.stat()
        stamp = (state.st_size, state.st_mtime_ns)
        known = self._memory.indices.get(file)
        if known is not None and known.stamp == stamp:
            return known
        positions, unreadable = [], []
        for number, line in enumerate(file.read_bytes().splitlines(), 1):
            checkpoint = _read(line)
            if checkpoint is not None:
                positions.append(checkpoint.position)
            elif line:
                unreadable.append(number)
        index = _Index(stamp, min(positions, default=0), max(positions, default=-1), tuple(unreadable))
        self._memory.indices[file] = index
        return index

    def _load(self, file: Path) -> dict[int, Checkpoint]:
        """The genuine checkpoints of a file; those that aren't are told of once."""
        content = file.read_bytes()
        lines = content.splitlines()
        # By what is in it, because whoever can write to it can set its times.
        digest = hashlib.sha256(self._key_bytes + b"\0" + content).digest()
        known = self._memory.verified.get(file)
        if known is None or known[0] != digest:
            bad = frozenset(number for number, line in enumerate(lines, 1) if not _is_genuine(line, self._key))
            self._memory.verified[file] = known = (digest, bad)
        genuine: dict[int, Checkpoint] = {}
        others: list[Checkpoint] = []
        for number, line in enumerate(lines, 1):
            checkpoint = _read(line)
            if checkpoint is None:
                continue
            if number in known[1]:
                others.append(checkpoint)
            else:
                genuine.setdefault(checkpoint.position, checkpoint)
        if file not in self._told:
            self._told.add(file)
            self.problems += forged(others)
        return genuine


def _is_genuine(line: bytes, key: object) -> bool:
    try:
        jwt.decode(line, key, [ALGORITHM], audience=AUDIENCE, options={"verify_iat": False})  # type: ignore[arg-type]
    except jwt.InvalidTokenError:
        return False
    return True


def _read(line: bytes) -> Checkpoint | None:
    """What a line says, whoever signed it; None when it says nothing."""
    try:
        _, payload, _ = line.split(b".")
        claims: dict[str, Any] = json.loads(base64.b64decode(payload + b"==", b"-_", validate=False))
        time = datetime.fromtimestamp(claims["iat"], UTC)
        checkpoint = Checkpoint(claims["position"], bytes.fromhex(claims["hash"]), time)
    except (ValueError, LookupError, TypeError, OverflowError, OSError, RecursionError):
        return None
    return checkpoint if isinstance(checkpoint.position, int) and 0 < checkpoint.position < 2**63 else None
