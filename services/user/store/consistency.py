"""Whether columns and wire forms say the same, over the whole table; asked after every test session."""

from uuid import UUID

from fitnesshub.user.v1.user_pb2 import User
from sqlalchemy import bindparam, select

from chassis.db import Database, Statement
from services.user.domain.addresses import normalise
from services.user.store.tables import users

_BATCH = 500

SCAN_USERS = Statement(
    select(users.c.id, users.c.email, users.c.version, users.c.wire)
    .where(users.c.id > bindparam("after"))
    .order_by(users.c.id)
    .limit(bindparam("limit"))
)


async def differences(db: Database) -> list[str]:
    """What columns and wire forms disagree on, a sentence each; empty when all is well."""
    found: list[str] = []
    after = str(UUID(int=0))
    while rows := await db.rows(SCAN_USERS, after=after, limit=_BATCH):
        for row in rows:
            user = User.FromString(row["wire"])
            columns = (str(row["id"]), row["email"], row["version"])
            if (user.id, user.email, user.version) != columns:
                found.append(f"user {row['id']}: wire disagrees with columns on id, email or version")
            if row["email"] != normalise(row["email"]):
                found.append(f"user {row['id']}: the address isn't in its one spelling")
        after = str(rows[-1]["id"])
    return found
