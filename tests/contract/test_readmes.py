"""The README of a service names what it has, RPCs, events, tables and settings, so that a grep finds it there too."""

import importlib
import re
from collections.abc import Iterator

import pytest

from chassis.contract import load_contract
from chassis.settings import ServiceSettings
from tests.contract.source import ROOT, services

CONTRACT = load_contract()
COMMON_TABLES = {"outbox", "idempotency_records", "relay_state", "inbox", "sagas", "erased_subjects"}
"""Those of chassis/tables.py, which every service has."""


def rpcs(service: str) -> Iterator[str]:
    return (method.descriptor.name for method in CONTRACT.methods.values() if method.host == service)


def events(service: str) -> Iterator[str]:
    for file in CONTRACT.files:
        if file.name == f"fitnesshub/{service}/v1/events.proto":
            yield from file.message_types_by_name


def tables(service: str) -> Iterator[str]:
    if (ROOT / "services" / service / "store/tables.py").exists():
        metadata = importlib.import_module(f"services.{service}.store.tables").metadata
        yield from (table.name for table in metadata.sorted_tables if table.name not in COMMON_TABLES)


def settings(service: str) -> Iterator[str]:
    if (ROOT / "services" / service / "settings.py").exists():
        for each in vars(importlib.import_module(f"services.{service}.settings")).values():
            if isinstance(each, type) and issubclass(each, ServiceSettings) and each is not ServiceSettings:
                yield from (field.upper() for field in each.model_fields)


def unnamed(service: str, text: str) -> list[str]:
    """What a README leaves out. A setting may be named with or without what all of the service begin with."""
    has = {*rpcs(service), *events(service), *tables(service), *settings(service)}
    words = set(re.findall(r"\w+", text.replace(f"FITNESSHUB_{service.upper()}_", "")))
    return sorted(has - words)


@pytest.mark.parametrize("service", services())
def test_a_readme_names_what_the_service_has(service: str) -> None:
    assert unnamed(service, (ROOT / "services" / service / "README.md").read_text()) == []


def test_what_is_left_out_is_found() -> None:
    left_out = unnamed("user", "`SignUp`, `users`, `FITNESSHUB_USER_HASH_THREADS`")
    assert {"SignOut", "UserRegistered", "passwords", "LOCAL_TOKENS"} <= set(left_out)
    assert {"SignUp", "users", "HASH_THREADS"}.isdisjoint(left_out)
