"""Signed checkpoints of the chain, kept outside the database: who can rewrite every table can't rewrite these."""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import jwt

from chassis.tokens import ALGORITHM, load_private_key, public_keys_by_id, sign_service_token
from services.audit.domain.chain import Checkpoint

AUDIENCE = "fitnesshub-checkpoint"
_SERVICE = "audit"


class Checkpoints(Protocol):
    """Keeps checkpoints, and says whether each is genuine."""

    def add(self, checkpoint: Checkpoint) -> None:
        """Signs and keeps a checkpoint for good. Raises OSError."""
        ...

    def all(self) -> dict[int, Checkpoint]:
        """Every checkpoint by its position; of several for one, a forged one counts. Raises OSError."""
        ...


class FileCheckpoints:
    """One file a month, one token a line; appended to and synced, never written anew."""

    def __init__(self, folder: Path, private_key: Path, key_set: Path) -> None:
        self._folder = folder
        self._private_key = private_key
        self._key_set = key_set

    def add(self, checkpoint: Checkpoint) -> None:
        claims = {
            "aud": AUDIENCE,
            "iat": checkpoint.time.timestamp(),
            "position": checkpoint.position,
            "hash": checkpoint.hash.hex(),
        }
        line = sign_service_token(load_private_key(self._private_key), _SERVICE, claims) + "\n"
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (self._folder / f"{checkpoint.time:%Y-%m}.jwt").open("a", encoding="ascii") as file:
            file.write(line)
            file.flush()
            os.fsync(file.fileno())

    def all(self) -> dict[int, Checkpoint]:
        key = public_keys_by_id(self._key_set)[_SERVICE]
        found: dict[int, Checkpoint] = {}
        for file in sorted(self._folder.glob("*.jwt")):
            for line in file.read_text(encoding="ascii").split():
                checkpoint = _read(line, key)
                known = found.get(checkpoint.position)
                if known is None or known.genuine:
                    found[checkpoint.position] = checkpoint
        return found


def _read(line: str, key: object) -> Checkpoint:
    try:
        claims = jwt.decode(line, key, [ALGORITHM], audience=AUDIENCE, options={"verify_iat": False})  # type: ignore[arg-type]
        genuine = True
    except jwt.InvalidSignatureError:
        claims = jwt.decode(line, options={"verify_signature": False})
        genuine = False
    except jwt.InvalidTokenError:
        # The last line of a file may have been cut off by a power failure; any other was tampered with.
        return Checkpoint(0, b"", datetime.fromtimestamp(0, UTC), genuine=False)
    return Checkpoint(
        int(claims["position"]), bytes.fromhex(claims["hash"]), datetime.fromtimestamp(claims["iat"], UTC), genuine
    )
