"""Of an erased person no account is left; until their last access token is dead, it is known to be refused."""

from fitnesshub.user.v1 import auth_service_pb2 as pb
from fitnesshub.user.v1.profile_pb2 import PROFILE_VISIBILITY_PUBLIC, Preferences, Profile
from fitnesshub.user.v1.stats_service_pb2 import UpdateStatsRequest, UpdateStatsResponse, WorkoutContribution
from fitnesshub.user.v1.user_pb2 import User
from sqlalchemy import text

from chassis.db import Statement
from services.user.clients.ended_sessions import EndedSessionsFeed
from services.user.domain.addresses import fingerprint
from services.user.events.on_subject_erased import UserEraser
from services.user.store.consistency import differences
from services.user.store.users import GET_USER
from tests.integration.user.people import STATS, admin, member
from tests.integration.user.world import AUTH, World

ROW = Statement(text('SELECT * FROM "user".users WHERE id = CAST(:user_id AS uuid)'))
COUNT_PASSWORDS = Statement(text('SELECT count(*) FROM "user".passwords WHERE user_id = CAST(:user_id AS uuid)'))
COUNT_FAILURES = Statement(text('SELECT count(*) FROM "user".sign_in_failures WHERE address_hash = :address_hash'))


async def erase(world: World, user_id: str) -> None:
    await UserEraser(world.db, EndedSessionsFeed(world.redis), world.clock).erase(user_id)


async def stored(world: World, user_id: str) -> User | None:
    wire = await world.db.value(GET_USER, user_id=user_id, now=world.clock.now())
    return None if wire is None else User.FromString(wire)


async def test_what_the_person_said_of_themselves_goes(world: World) -> None:
    person, helper = await member(world), await admin(world)
    canary = "canary.of_ada"
    said = Profile(username=canary, display_name=canary, bio=canary, visibility=PROFILE_VISIBILITY_PUBLIC)
    await person.update_profile(said)
    await person.update_preferences(Preferences(time_zone="Europe/Berlin"))
    workout = WorkoutContribution(sets=1)
    workout.start_time.FromDatetime(world.clock.now())
    request = UpdateStatsRequest(user_id=person.id, workout_id=helper.id, version=1, contribution=workout)
    await world.call(STATS, "UpdateStats", request, UpdateStatsResponse, caller="workout")
    await helper.suspend(person.id, reason=canary)

    await erase(world, person.id)

    for table in ("profiles", "search_keys", "preferences", "stats", "contributions"):
        count = text(f'SELECT count(*) FROM "user".{table} WHERE user_id = CAST(:user_id AS uuid)')
        assert await world.db.value(Statement(count), user_id=person.id) == 0, table
    row = await world.db.row(ROW, user_id=person.id)
    assert row is not None
    assert (list(row["roles"]), row["suspended_at"], row["suspended_until"]) == (["member"], None, None)
    where = Statement(text('SELECT user_agent, ip_address FROM "user".sessions WHERE user_id = CAST(:user_id AS uuid)'))
    assert {(each["user_agent"], each["ip_address"]) for each in await world.db.rows(where, user_id=person.id)} == {
        ("", "")
    }
    assert await differences(world.db) == []
    assert (await (await member(world)).update_profile(Profile(username=canary))).username == canary, "it is free again"


async def test_nothing_of_the_person_is_left(world: World) -> None:
    session = await world.sign_up(nickname="the lioness")
    user = session.user
    await world.sign_in(user.email)
    assert await world.reason(world.sign_in(user.email, "not the password")) == "INVALID_CREDENTIALS"

    await erase(world, user.id)

    left = await stored(world, user.id)
    assert left is not None
    assert left == User(
        id=user.id,
        email=f"{user.id}@erased.invalid",
        roles=["member"],
        version=left.version,
        update_time=left.update_time,
    )
    assert left.version > user.version
    assert await world.db.value(COUNT_PASSWORDS, user_id=user.id) == 0
    assert await world.db.value(COUNT_FAILURES, address_hash=fingerprint(user.email)) == 0
    sessions, refresh_tokens = await world.count_rows(user.id)
    assert (sessions, refresh_tokens) == (2, 0)
    assert await world.reason(world.sign_in(user.email)) == "INVALID_CREDENTIALS"
    assert (await world.sign_up(user.email)).user.id != user.id, "the address is free again"


async def test_the_persons_tokens_are_refused_until_they_are_dead(world: World) -> None:
    session = await world.sign_up()
    await erase(world, session.user.id)
    assert await world.is_announced(session.id)
    await world.redis.flushdb()
    await world.upkeep.republish()
    assert await world.is_announced(session.id), "what Redis loses comes back"
    assert await world.reason(world.refresh(session.refresh_token)) == "REFRESH_TOKEN_NOT_FOUND"
    request = pb.GetCurrentUserRequest()
    headers = {"authorization": f"Bearer {session.access_token}"}
    assert await world.reason(world.call(AUTH, "GetCurrentUser", request, User, **headers)) == "SESSION_ENDED"


async def test_the_last_pass_removes_the_row(world: World) -> None:
    session = await world.sign_up()
    bystander = await world.sign_up()
    await erase(world, session.user.id)
    world.advance(3604)
    await erase(world, session.user.id)
    assert await stored(world, session.user.id) is not None, "its token is still accepted: clocks differ by up to 5 s"
    world.advance(2)
    await erase(world, session.user.id)
    assert await stored(world, session.user.id) is None
    assert await world.count_rows(session.user.id) == (0, 0)
    await erase(world, session.user.id)
    assert await stored(world, bystander.user.id) == bystander.user
