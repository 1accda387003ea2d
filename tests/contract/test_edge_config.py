"""The rendered Envoy configuration: Envoy accepts it, and every method has its policy in it."""

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from chassis.contract import Access, Method, load_contract
from chassis.edge.clusters import service_cluster
from chassis.edge.files import envoy_binary, stage_descriptor, write_files
from chassis.edge.limits import ANONYMOUS, BY_CLASS, PER_ADDRESS, Limit
from chassis.edge.lua_tables import lua_tables
from chassis.edge.paths import parse_template
from chassis.edge.reference import reference_files
from chassis.edge.render import render
from chassis.edge.service_config import service_config
from chassis.edge.topology import Address, Topology, TopologyError
from tests.contract.source import ROOT

Json = dict[str, Any]
CONTRACT = load_contract()
METHODS = sorted(CONTRACT.methods.values(), key=lambda method: method.path)
REACHABLE = [method for method in METHODS if method.policy.access != Access.ACCESS_SERVICE]
INTERNAL = [method for method in METHODS if method.policy.access == Access.ACCESS_SERVICE]
JWT, RBAC = "envoy.filters.http.jwt_authn", "envoy.filters.http.rbac"


def name_of(method: Method) -> str:
    return method.path.removeprefix("/fitnesshub.")


def topology(**changed: Any) -> Topology:
    plain = Topology(
        profile="test",
        edge=Address("127.0.0.1", 1001),
        mesh=Address("127.0.0.1", 1002),
        admin=Address("127.0.0.1", 1003),
        clusters={host: [Address("127.0.0.1", 1004)] for host in CONTRACT.hosts()},
        descriptor=ROOT / "gen" / "fitnesshub" / "descriptor.binpb",
        allowed_origins=("http://localhost:3000",),
        issuer="http://localhost:8080/auth/v1",
    )
    return replace(plain, **changed)


def manager(files: dict[str, Json], listener: str) -> Json:
    listeners = files["envoy.json"]["static_resources"]["listeners"]
    (found,) = (each for each in listeners if each["name"] == listener)
    config: Json = found["filter_chains"][0]["filters"][0]["typed_config"]
    return config


def routes(files: dict[str, Json], listener: str, host: str = "edge") -> list[Json]:
    (found,) = (each for each in manager(files, listener)["route_config"]["virtual_hosts"] if each["name"] == host)
    listed: list[Json] = found["routes"]
    return listed


def of(method: Method, listed: list[Json]) -> list[Json]:
    return [route for route in listed if route["match"].get("path") == method.path]


@pytest.fixture(scope="module")
def files() -> dict[str, Json]:
    return render(CONTRACT, topology())


def validate(config: Path) -> "subprocess.CompletedProcess[str]":
    command = [str(envoy_binary()), "--mode", "validate", "-c", str(config), "--log-level", "warning"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("profile", ["embedded", "split"])
def test_envoy_accepts_the_reference_renderings_without_a_warning(profile: str) -> None:
    done = validate(ROOT / "envoy" / f"{profile}.json")
    assert done.returncode == 0, done.stderr
    # Validation starts no listener, so the key set can't be fetched.
    assert not [line for line in done.stderr.splitlines() if "jwks" not in line]


@pytest.mark.parametrize(
    "changed",
    [
        {"otlp": Address("collector", 4317)},
        {"access_log": Path("/dev/null")},
        {"edge": Address("0.0.0.0", 80), "trusted_proxies": 2, "envoys": 7},
        {"clusters": {host: [Address(f"{host}.fitnesshub", 9000)] for host in CONTRACT.hosts()}},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_envoy_accepts_other_topologies(changed: Json, tmp_path: Path) -> None:
    write_files(render(CONTRACT, topology(**changed)), tmp_path)
    done = validate(tmp_path / "envoy.json")
    assert done.returncode == 0, done.stderr


def test_envoy_accepts_live_routes(tmp_path: Path) -> None:
    write_files(render(CONTRACT, topology(routes_folder=tmp_path)), tmp_path)
    done = validate(tmp_path / "envoy.json")
    assert done.returncode == 0, done.stderr


def test_envoy_refuses_a_spoiled_configuration(tmp_path: Path, files: dict[str, Json]) -> None:
    """The check above can fail."""
    spoiled = json.loads(json.dumps(files["envoy.json"]).replace("GoTrueService", "NoSuchService"))
    write_files({"envoy.json": spoiled}, tmp_path)
    assert validate(tmp_path / "envoy.json").returncode == 1


def test_rendering_is_deterministic_and_fast(files: dict[str, Json]) -> None:
    start = time.perf_counter()
    again = render(CONTRACT, topology())
    assert time.perf_counter() - start < 0.3
    assert json.dumps(again) == json.dumps(files)


def test_the_generators_run_without_protoc() -> None:
    """`make up` renders with the runtime dependencies alone."""
    code = "import sys, chassis.edge.render, chassis.edge.files; sys.exit('grpc_tools' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_a_service_without_address_is_named() -> None:
    clusters = {host: [Address("127.0.0.1", 1)] for host in CONTRACT.hosts() if host != "workout"}
    with pytest.raises(TopologyError, match="workout"):
        render(CONTRACT, topology(clusters=clusters))


@pytest.mark.parametrize("method", REACHABLE, ids=name_of)
def test_each_method_states_its_access_on_the_edge(method: Method, files: dict[str, Json]) -> None:
    found = of(method, routes(files, "edge"))
    assert found
    for route in found:
        configs = route["typed_per_filter_config"]
        requirement = configs[JWT]["requirement_name"]
        principals = configs[RBAC]["rbac"]["rules"]["policies"]["allowed"]["principals"]
        match method.policy.access:
            case Access.ACCESS_PUBLIC:
                assert (requirement, principals) == ("welcome", [{"any": True}])
            case Access.ACCESS_ROLE if not method.policy.audited:
                assert requirement == "required"
                assert {tuple(path_of(each)) for each in principals} == {("jwt", "app_metadata", "roles")}
                assert {role_of(each) for each in principals} == method.roles
            case _:  # the service itself refuses who lacks the role, and records it
                assert requirement == "required"
                assert [path_of(each) for each in principals] == [["jwt", "sub"]]


def path_of(principal: Json) -> list[str]:
    return [each["key"] for each in principal["sourced_metadata"]["metadata_matcher"]["path"]]


def role_of(principal: Json) -> str:
    value = principal["sourced_metadata"]["metadata_matcher"]["value"]
    return str(value["list_match"]["one_of"]["string_match"]["exact"])


@pytest.mark.parametrize("method", INTERNAL, ids=name_of)
def test_internal_methods_have_no_way_in(method: Method, files: dict[str, Json]) -> None:
    assert method.path not in json.dumps(manager(files, "edge"))


def test_nothing_is_allowed_that_no_route_allows(files: dict[str, Json]) -> None:
    chain = {each["name"]: each["typed_config"] for each in manager(files, "edge")["http_filters"]}
    assert chain[RBAC]["rules"] == {"action": "ALLOW", "policies": {}}
    (host,) = manager(files, "edge")["route_config"]["virtual_hosts"]
    assert host["typed_per_filter_config"][JWT]["requirement_name"] == "required"


def test_the_filters_stand_in_their_order(files: dict[str, Json]) -> None:
    """Those that answer for one route before transcoding come first, those that need the method after it."""
    names = [each["name"].rpartition(".")[2] for each in manager(files, "edge")["http_filters"]]
    assert names == [
        *("header_mutation", "cors", "brotli", "gzip", "grpc_web", "ip_limit", "lua", "body_size_limit"),
        *("stream_transcoder", "grpc_json_transcoder", "jwt_authn", "rbac", "class_limit", "router"),
    ]


def listeners_of(method: Method) -> Iterator[Callable[[dict[str, Json]], list[Json]]]:
    if method in REACHABLE:
        yield lambda files: of(method, routes(files, "edge"))
    if method.host:
        yield lambda files: of(method, routes(files, "mesh", "by_path"))
    yield lambda files: of(method, routes(files, "mesh", method.host or "user"))


SAFE = "unavailable,connect-failure,refused-stream,reset"


@pytest.mark.parametrize("method", METHODS, ids=name_of)
def test_each_method_has_its_deadline_and_its_repeats(method: Method, files: dict[str, Json]) -> None:
    limit = f"{method.timeout:g}s"
    for find in listeners_of(method):
        found = find(files)
        for route in found:
            action = route["route"]
            assert action["timeout"] == "0s"
            assert action["max_stream_duration"] == {"max_stream_duration": limit, "grpc_timeout_header_max": limit}
        repeats = [route["route"].get("retry_policy", {}).get("retry_on") for route in found]
        keyed = ["idempotency-key" in json.dumps(route["match"]) for route in found]
        if method.is_retriable:
            assert (repeats, keyed) == ([SAFE], [False])
            hedged = ["hedge_policy" in route["route"] for route in found]
            assert hedged == [method.is_read and not method.is_streaming]
        elif method.takes_idempotency_key:
            assert (repeats, keyed) == ([SAFE, None], [True, False])
        else:
            assert (repeats, keyed) == ([None], [False])


@pytest.mark.parametrize("method", REACHABLE, ids=name_of)
def test_what_the_path_binds_is_taken_from_the_query(method: Method) -> None:
    calls = [
        call for call in lua_tables(CONTRACT)["calls"] if call["request"] == method.descriptor.input_type.full_name
    ]
    for binding in method.http:
        bound = re.findall(r"\{(\w+)\}", binding.template)
        place = "/".join(parse_template(binding.template).segments)
        (call,) = (call for call in calls if (call["method"], call["path"]) == (binding.verb, place))
        assert call.get("bound", []) == [method.descriptor.input_type.fields_by_name[name].json_name for name in bound]


def test_limits_are_shared_by_the_envoys_of_a_port() -> None:
    def buckets(envoys: int) -> list[tuple[int, str]]:
        chain = manager(render(CONTRACT, topology(envoys=envoys)), "edge")["http_filters"]
        return [
            (one["token_bucket"]["max_tokens"], one["token_bucket"]["fill_interval"])
            for each in chain
            for one in each["typed_config"].get("descriptors", [])
        ]

    assert (Limit(1200, 60), Limit(100, 900)) == (PER_ADDRESS, ANONYMOUS)
    assert buckets(1)[0] == (1200, "60s")
    assert set(buckets(1)) >= {(limit.calls, f"{limit.seconds:g}s") for limit in BY_CLASS.values()} | {(100, "900s")}
    assert [calls for calls, _ in buckets(4)] == [calls // 4 for calls, _ in buckets(1)]


@pytest.mark.parametrize(("hosts", "most"), [(1, 0), (2, 50), (3, 66)])
def test_the_last_host_is_never_ejected(hosts: int, most: int) -> None:
    cluster = service_cluster("workout", [Address("127.0.0.1", 9000 + index) for index in range(hosts)])
    outliers = cluster["outlier_detection"]
    assert outliers["max_ejection_percent"] == most
    assert (outliers["consecutive_gateway_failure"], outliers["base_ejection_time"]) == (5, "30s")
    assert outliers["enforcing_consecutive_5xx"] == 0
    assert cluster["health_checks"][0]["grpc_health_check"] == {
        "service_name": "workout",
        "authority": "workout.mesh",
    }


def test_the_mesh_keeps_what_the_edge_strips(files: dict[str, Json]) -> None:
    assert "x-fitnesshub-" in json.dumps(manager(files, "edge")["early_header_mutation_extensions"])
    assert "early_header_mutation_extensions" not in manager(files, "mesh")
    assert manager(files, "mesh")["codec_type"] == "HTTP2"


def test_proxies_in_front_are_believed_only_when_there_are_any() -> None:
    def edge(proxies: int) -> Json:
        return manager(render(CONTRACT, topology(trusted_proxies=proxies)), "edge")

    assert {"remove": "x-forwarded-for"} in strips(edge(0))
    assert {"remove": "x-forwarded-for"} not in strips(edge(1))
    assert edge(1)["xff_num_trusted_hops"] == 1


def strips(config: Json) -> list[Json]:
    mutations: list[Json] = config["early_header_mutation_extensions"][0]["typed_config"]["mutations"]
    return mutations


def test_routes_stand_in_files_when_there_is_a_folder(tmp_path: Path, files: dict[str, Json]) -> None:
    live = render(CONTRACT, topology(routes_folder=tmp_path))
    assert set(live) == {"envoy.json", "edge_routes.json", "mesh_routes.json", "clusters.json"}
    assert "virtual_hosts" not in json.dumps(live["envoy.json"])
    for listener in ("edge", "mesh"):
        (resource,) = live[f"{listener}_routes.json"]["resources"]
        resource.pop("@type")
        assert resource == manager(files, listener)["route_config"]


def test_files_are_written_only_when_they_change(tmp_path: Path) -> None:
    assert write_files({"a.json": {"x": 1}, "b.json": {"y": 2}}, tmp_path) == ["a.json", "b.json"]
    assert write_files({"a.json": {"x": 1}, "b.json": {"y": 3}}, tmp_path) == ["b.json"]
    assert json.loads((tmp_path / "b.json").read_text()) == {"y": 3}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.json", "b.json"]


def test_the_descriptor_is_staged_under_its_hash(tmp_path: Path) -> None:
    source, run = tmp_path / "source.binpb", tmp_path / "run"
    source.write_bytes(b"one")
    first = stage_descriptor(source, run)
    assert first == stage_descriptor(source, run)
    source.write_bytes(b"two")
    second = stage_descriptor(source, run)
    assert second.is_absolute()
    assert [path.name for path in run.iterdir()] == [second.name]
    assert second.read_bytes() == b"two"


def test_the_profiles_differ_in_addresses_only() -> None:
    both = reference_files(CONTRACT, Path("descriptor"))
    clusters = {
        name: {each["name"]: each.pop("load_assignment", None) for each in content["static_resources"]["clusters"]}
        for name, content in both.items()
    }
    ports = {
        name: len({json.dumps(each[host]["endpoints"]) for host in CONTRACT.hosts()}) for name, each in clusters.items()
    }
    assert ports == {"embedded.json": 1, "split.json": len(CONTRACT.hosts())}
    for content in both.values():
        content.pop("node")
    assert both["embedded.json"] == both["split.json"]


def test_the_service_config_repeats_what_is_safe_and_no_more() -> None:
    config = service_config(CONTRACT)
    assert json.loads((ROOT / "gen" / "service_config.json").read_text()) == config
    repeated = {
        f"/{one['name'][0]['service']}/{one['name'][0]['method']}": one.get("retryPolicy", {}).get(
            "retryableStatusCodes"
        )
        for one in config["methodConfig"]
    }
    assert repeated == {method.path: ["UNAVAILABLE"] if method.is_retriable else None for method in METHODS}
    assert {one["timeout"] for one in config["methodConfig"]} >= {"5s", "60s"}
