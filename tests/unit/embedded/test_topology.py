"""Which processes a profile has."""

from itertools import count

import pytest

from embedded.choices import parse_profile, parse_workers
from embedded.problems import EmbeddedError
from embedded.topology import processes, service_names

SERVICES = ["gateway", "user"]


def test_finds_the_services_by_their_bootstraps() -> None:
    assert {"gateway", "user", "workout"} <= set(service_names())


def test_embedded_has_k_serving_processes_and_one_that_works() -> None:
    ports = count(1)
    found = processes("embedded", SERVICES, 2, lambda: next(ports))
    assert [(p.name, p.role, p.services) for p in found] == [
        ("serve", "serve", ("gateway", "user")),
        ("serve-2", "serve", ("gateway", "user")),
        ("work", "work", ("gateway", "user")),
    ]
    assert len({port for p in found for port in (p.port, p.metrics_port)} - {0}) == 5
    assert {p.sharers for p in found} == {3}


def test_split_has_two_processes_a_service() -> None:
    ports = count(1)
    found = processes("split", SERVICES, 1, lambda: next(ports))
    assert [(p.name, p.services) for p in found] == [
        ("gateway-serve", ("gateway",)),
        ("gateway-work", ("gateway",)),
        ("user-serve", ("user",)),
        ("user-work", ("user",)),
    ]
    assert {p.sharers for p in found} == {4}


def test_split_may_have_several_replicas_of_each_service() -> None:
    ports = count(1)
    found = processes("split", SERVICES, 2, lambda: next(ports))
    assert [p.name for p in found if p.services == ("user",)] == ["user-serve", "user-serve-2", "user-work"]
    assert len({port for p in found for port in (p.port, p.metrics_port)} - {0}) == 10
    assert {p.sharers for p in found} == {6}


def test_arguments_are_those_of_the_services_command() -> None:
    ports = count(7001)
    serve, work = processes("embedded", SERVICES, 1, lambda: next(ports))
    hosted = ["--service", "gateway", "--service", "user"]
    last = ["--processes", "2", "--probe-period", "0"]
    assert serve.arguments() == ["serve", *hosted, "--metrics-port", "7002", "--port", "7001", *last]
    assert work.arguments() == ["work", *hosted, "--metrics-port", "7003", *last]


@pytest.mark.parametrize("text", ["0", "33", "two", "-1"])
def test_refuses_a_wrong_number_of_workers(text: str) -> None:
    with pytest.raises(EmbeddedError, match="FITNESSHUB_WORKERS"):
        parse_workers({"FITNESSHUB_WORKERS": text})
    assert parse_workers({}) == 1


def test_refuses_an_unknown_profile() -> None:
    with pytest.raises(EmbeddedError, match="one of: embedded, split"):
        parse_profile({"FITNESSHUB_PROFILE": "kubernetes"})
    assert parse_profile({}) == "embedded"
