"""How a user comes into being and changes."""

import json
from datetime import datetime
from typing import Any

from fitnesshub.user.v1.user_pb2 import User
from google.protobuf.json_format import MessageToDict
from google.protobuf.struct_pb2 import Struct

from chassis.errors import NotFound
from services.user.domain.roles import MEMBER

AGGREGATE = "user"
"""Type of the resource in events."""
MAX_METADATA_BYTES = 4096
"""Of `user_metadata`, as JSON in ASCII. It travels in every access token, in base64, and the whole token must
stay below 8 KiB: verifiers refuse longer ones, and many proxies refuse such headers."""


def new_user(user_id: str, email: str, user_metadata: Struct, now: datetime) -> User:
    """A person who has just registered and is signed in. The address counts as confirmed: no mail is sent yet."""
    user = User(id=user_id, email=email, roles=[MEMBER], user_metadata=user_metadata, version=1)
    for time in (user.email_confirm_time, user.last_sign_in_time, user.create_time, user.update_time):
        time.FromDatetime(now)
    return user


def metadata_bytes(user_metadata: Struct) -> int:
    """How much of an access token these data take, before base64."""
    return len(json.dumps(plain(user_metadata), separators=(",", ":")))


def plain(user_metadata: Struct) -> dict[str, Any]:
    """Free data as JSON has them. Whole numbers come out whole, as they went in: a Struct has only doubles."""
    found: dict[str, Any] = _whole(MessageToDict(user_metadata))
    return found


def not_found(user_id: str) -> NotFound:
    """The failure for a person who isn't there, or not for the caller."""
    return NotFound("USER_NOT_FOUND", f"there is no user {user_id}", userId=user_id)


def _whole(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _whole(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_whole(each) for each in value]
    # Beyond 2^53 a double isn't sure of its last digit.
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) <= 2**53 else value


def erased(user: User, now: datetime) -> User:
    """What is left of a user who is erased: an id that nobody can sign in with."""
    left = User(id=user.id, email=f"{user.id}@erased.invalid", roles=[MEMBER], version=user.version + 1)
    left.update_time.FromDatetime(now)
    return left
