"""Running it: live policies, the access log, the admin port."""

from dataclasses import replace

import httpx
from fitnesshub.workout.v1 import workout_pb2

from chassis.contract import load_contract
from chassis.edge.files import write_files
from chassis.edge.render import render
from tests.edge.paths import GET_WORKOUT
from tests.edge.world import ORIGIN, World, until

WORKOUT = "/api/v1/workouts/w1"


async def test_policies_reload_without_a_restart(world: World) -> None:
    """Shown by the origins that may call, which stand in the route files as every policy does."""
    world.backend.answers(GET_WORKOUT, workout_pb2.Workout(id="w1"))
    fresh = "https://new.example"
    changed = render(load_contract(), replace(world.topology, allowed_origins=(ORIGIN, fresh)))
    async with world.caller(origin=fresh) as caller:

        async def is_allowed() -> bool:
            answer = await caller.get(WORKOUT)
            assert answer.status_code == 200
            allowed: str = answer.headers.get("access-control-allow-origin", "")
            return allowed == fresh

        assert not await is_allowed()
        assert write_files(changed, world.folder) == ["edge_routes.json"]
        try:
            await until(is_allowed, "the new origin may call")
        finally:
            write_files(render(load_contract(), world.topology), world.folder)

        async def is_refused() -> bool:
            return not await is_allowed()

        await until(is_refused, "the old routes are back")
    assert await world.stat("listener_manager.lds.update_success") == 0
    assert await world.stat("http.edge.rds.edge_routes.update_rejected") == 0


async def test_the_access_log_tells_the_call_and_keeps_secrets(world: World) -> None:
    world.backend.answers(GET_WORKOUT, workout_pb2.Workout(id="w1"))
    async with world.caller() as caller:
        answer = await caller.get("/api/v1/workouts/log-me?workout_id=query-secret", headers={"x-note": "head-secret"})
        await caller.get("/nothing/there?token=query-secret")
    request_id = answer.headers["x-request-id"]
    await until(
        lambda: any(line.get("path") == "/nothing/there" for line in world.access_log()), "both lines are written"
    )
    (line,) = (line for line in world.access_log() if line.get("request_id") == request_id)
    assert (
        line.items()
        >= {
            "listener": "edge",
            "method": "GET",
            "path": "/api/v1/workouts/log-me",
            "rpc": GET_WORKOUT,
            "status": 200,
            "grpc_status": 0,
            "sub": "018f0000-0000-7000-8000-000000000001",
            "attempts": 1,
        }.items()
    )
    assert isinstance(line["duration_ms"], int)
    assert len(line["trace_id"]) == 32
    text = world.log.read_text()
    assert "secret" not in text
    assert "Bearer" not in text
    assert "eyJ" not in text


async def test_the_admin_port_shows_state_and_gives_nothing_away(world: World) -> None:
    base = f"http://127.0.0.1:{world.topology.admin.port}"
    async with httpx.AsyncClient(base_url=base, verify=False) as admin:
        assert (await admin.get("/ready")).text.strip() == "LIVE"
        assert "envoy_cluster_membership_healthy" in (await admin.get("/stats/prometheus")).text
        assert (await admin.get("/config_dump")).status_code == 403
        assert (await admin.post("/quitquitquit")).status_code == 403


async def test_every_service_is_health_checked(world: World) -> None:
    for host in load_contract().hosts():
        assert await world.stat(f"cluster.{host}.membership_healthy") == 1
        assert await world.stat(f"cluster.{host}.health_check.success") > 0
