"""Erasing a person reaches every service: who keeps data of persons deletes it."""

import importlib

import pytest
from sqlalchemy import MetaData

from chassis import tables
from tests.contract.source import ROOT, services

CHASSIS = [tables.outbox, tables.relay_state, tables.inbox, tables.idempotency_records, tables.sagas]
OF_PERSONS = ("user_id", "owner_id", "author_id", "email")
"""Ends of names of columns by which a row is a person's."""
BY_THEMSELVES = {"audit": "EraseSubject is its own: it destroys the person's key, and the records stay"}


def tables_of_persons(service: str) -> list[str]:
    """Tables of the service's own whose rows are persons'."""
    chassis = {make(MetaData()).name for make in (*CHASSIS, tables.erased_subjects)}
    metadata = importlib.import_module(f"services.{service}.store.tables").metadata
    return [
        table.name
        for table in metadata.sorted_tables
        if table.name not in chassis and any(column.name.endswith(OF_PERSONS) for column in table.columns)
    ]


WITH_TABLES = [name for name in services() if (ROOT / f"services/{name}/store/tables.py").is_file()]


@pytest.mark.parametrize("service", WITH_TABLES)
def test_a_service_with_data_of_persons_erases_it(service: str) -> None:
    folder = ROOT / "services" / service
    found = tables_of_persons(service)
    if service in BY_THEMSELVES or not found:
        return
    assert (folder / "events/on_subject_erased.py").is_file(), f"{service} keeps {found} and hears of no erasure"
    assert "erase=" in (folder / "bootstrap.py").read_text(), f"{service} doesn't give its handler to the chassis"


def test_the_search_sees_something() -> None:
    assert {"workouts", "change_counters", "exercises"} <= set(tables_of_persons("workout"))
    assert {"users", "passwords", "sessions", "profiles", "search_keys"} <= set(tables_of_persons("user"))
