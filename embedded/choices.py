"""What the operator chooses by environment variables: read once, refused with the variable's name."""

from collections.abc import Mapping
from dataclasses import dataclass

from embedded.ports import parse_port
from embedded.problems import EmbeddedError

PROFILES = ("embedded", "split")
MOST_WORKERS = 32
"""Processes; each has its own pool, and PostgreSQL's connections are shared among them."""
DEFAULT_ISSUER = "http://localhost:8080/auth/v1"
"""A name, not an address: tokens stay valid when the stack moves to another port."""


@dataclass(frozen=True)
class Choices:
    """What the operator chose by environment variables."""

    profile: str
    port: int
    workers: int
    issuer: str


def parse(environment: Mapping[str, str]) -> Choices:
    """Reads the choices. Raises EmbeddedError naming the variable that is wrong."""
    return Choices(
        profile=parse_profile(environment),
        port=parse_port(environment.get("FITNESSHUB_PORT")),
        workers=parse_workers(environment),
        issuer=environment.get("FITNESSHUB_ISSUER") or DEFAULT_ISSUER,
    )


def parse_profile(environment: Mapping[str, str]) -> str:
    """FITNESSHUB_PROFILE. Raises EmbeddedError."""
    profile = environment.get("FITNESSHUB_PROFILE") or PROFILES[0]
    if profile not in PROFILES:
        raise EmbeddedError(f"FITNESSHUB_PROFILE is {profile!r}; it must be one of: {', '.join(PROFILES)}")
    return profile


def parse_workers(environment: Mapping[str, str]) -> int:
    """FITNESSHUB_WORKERS: how many processes answer the calls of a service. Raises EmbeddedError."""
    text = environment.get("FITNESSHUB_WORKERS") or "1"
    if not text.isdecimal() or not 1 <= int(text) <= MOST_WORKERS:
        raise EmbeddedError(f"FITNESSHUB_WORKERS is {text!r}; it must be a number from 1 to {MOST_WORKERS}")
    return int(text)
