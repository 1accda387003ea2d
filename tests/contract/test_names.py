"""Names: whoever greps for an RPC finds its handler and its tests."""

import ast
import re
from pathlib import Path

import pytest

from chassis.contract import Method, load_contract
from tests.contract.source import ROOT, handler_name, service_files, services

METHODS = sorted(load_contract().methods.values(), key=lambda method: method.path)
IDS = [method.path.removeprefix("/fitnesshub.") for method in METHODS]


def code_of(host: str) -> list[Path]:
    """Where the handlers of a service stand; those that every process hosts stand in the chassis."""
    return service_files(host, "api") if host else sorted(ROOT.glob("chassis/*.py"))


def test_every_service_of_the_contract_has_a_folder_and_every_folder_a_service() -> None:
    assert sorted({method.host for method in METHODS} - {""}) == services()


@pytest.mark.parametrize("method", METHODS, ids=IDS)
def test_an_rpc_has_one_handler_of_its_name(method: Method) -> None:
    name = handler_name(method)
    handlers = [
        f"{file.relative_to(ROOT)}: {node.name}"
        for file in code_of(method.host)
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.ClassDef)
        for member in node.body
        if isinstance(member, ast.AsyncFunctionDef | ast.FunctionDef) and member.name == name
    ]
    assert len(handlers) == 1, f"def {name} belongs in one class of {method.host or 'chassis'}: {handlers}"


@pytest.mark.parametrize("method", METHODS, ids=IDS)
def test_an_rpc_has_a_test_that_names_it(method: Method) -> None:
    name = re.compile(rf"\b(?:test_)?(?:{method.descriptor.name}|{handler_name(method)})\b")
    tests = [file for file in ROOT.glob("tests/**/test_*.py") if file.parent != Path(__file__).parent]
    assert any(name.search(f"{file.stem} {file.read_text()}") for file in tests), f"no test names {name.pattern}"
