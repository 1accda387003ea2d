"""What is sealed opens with its key, for its event, and with nothing else."""

import os

from services.audit.domain.sealing import KEY_BYTES, NONCE_BYTES, seal, unseal, unwrap, wrap

KEY = bytes(range(KEY_BYTES))
NONCE = bytes(NONCE_BYTES)


def test_it_opens_with_its_key() -> None:
    sealed = seal(KEY, NONCE, "event", b"secret words")
    assert b"secret" not in sealed
    assert unseal(KEY, "event", sealed) == b"secret words"


def test_nothing_else_opens_it() -> None:
    sealed = seal(KEY, NONCE, "event", b"secret words")
    assert unseal(os.urandom(KEY_BYTES), "event", sealed) is None
    assert unseal(KEY, "another event", sealed) is None
    assert unseal(KEY, "event", sealed[:-1] + bytes([sealed[-1] ^ 1])) is None
    assert unseal(KEY, "event", b"") is None


def test_keys_are_wrapped_for_one_person() -> None:
    master = os.urandom(KEY_BYTES)
    wrapped = wrap(master, NONCE, "ada", KEY)
    assert unwrap(master, "ada", wrapped) == KEY
    assert unwrap(master, "bob", wrapped) is None
    assert unwrap(os.urandom(KEY_BYTES), "ada", wrapped) is None
