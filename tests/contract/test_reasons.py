"""Error reasons: what the contract declares is raised, and what is raised is declared, with the same status.

Read out of the source by AST, which is why code raises `SomeFailure("LITERAL_REASON", …)`.
"""

import ast
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from chassis.contract import SHARED_REASONS_ENUM, Contract, Method, load_contract
from chassis.errors import FAILURES
from tests.contract.source import handler_name, service_files, services

ROOT = Path(__file__).parents[2]
CODES = {kind.__name__: code for code, kind in FAILURES.items()}
REBUILDS = {"chassis/status.py"}
"""Makes failures out of a status that came over the wire, whose reason is data."""


@dataclass(frozen=True)
class Raise:
    """One place that makes a failure."""

    file: Path
    line: int
    kind: str
    reason: str
    function: str
    """Name of the method or function it stands in."""

    def __str__(self) -> str:
        return f'{self.file.relative_to(ROOT)}:{self.line}: {self.kind}("{self.reason}")'


class Finder(ast.NodeVisitor):
    """Collects the failures that one file makes."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.found: list[Raise] = []
        self.dynamic: list[str] = []
        self.functions = [""]

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self.functions.append(node.name)
        self.generic_visit(node)
        self.functions.pop()

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815 - ast's own name

    def visit_Call(self, node: ast.Call) -> None:
        self.generic_visit(node)
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        if name not in CODES:
            return
        reason = node.args[0] if node.args else None
        if isinstance(reason, ast.Constant) and isinstance(reason.value, str):
            self.found.append(Raise(self.file, node.lineno, name, reason.value, self.functions[-1]))
        else:
            self.dynamic.append(f"{self.file.relative_to(ROOT)}:{node.lineno}: {name} without a literal reason")


@cache
def scan(file: Path) -> Finder:
    finder = Finder(file)
    finder.visit(ast.parse(file.read_text()))
    return finder


def raised(folder: str) -> list[Raise]:
    return [one for file in sorted((ROOT / folder).rglob("*.py")) for one in scan(file).found]


@pytest.fixture(scope="module")
def contract() -> Contract:
    return load_contract()


def owner(enum: str) -> str:
    """The folder whose code raises the reasons of an enum, as `services/user`; shared ones belong to all."""
    return "" if enum == SHARED_REASONS_ENUM else f"services/{enum.split('.')[1]}"


def allowed(contract: Contract, methods: list[Method]) -> set[str]:
    """What the methods may fail with: what every RPC may, and what their policies list."""
    shared = {reason.name for reason in contract.reasons.values() if reason.enum == SHARED_REASONS_ENUM}
    return shared.union(*(method.policy.reasons for method in methods))


def test_reasons_are_literals() -> None:
    dynamic = [
        one
        for folder in ("chassis", "services")
        for file in sorted((ROOT / folder).rglob("*.py"))
        if str(file.relative_to(ROOT)) not in REBUILDS
        for one in scan(file).dynamic
    ]
    assert not dynamic, "\n".join(dynamic)


def test_every_raised_reason_is_declared_with_its_status(contract: Contract) -> None:
    wrong = []
    for one in raised("chassis") + raised("services"):
        declared = contract.reasons.get(one.reason)
        if declared is None:
            wrong.append(f"{one}: declared in no errors.proto")
        elif declared.code != CODES[one.kind]:
            wrong.append(f"{one}: declared with code {declared.code}, {one.kind} has {CODES[one.kind]}")
    assert not wrong, "\n".join(wrong)


def test_every_declared_reason_is_raised_by_its_owner(contract: Contract) -> None:
    everywhere = raised("chassis") + raised("services")
    missing = []
    for reason in contract.reasons.values():
        folder = ROOT / owner(reason.enum)
        if not any(one.reason == reason.name and one.file.is_relative_to(folder) for one in everywhere):
            missing.append(f"{reason.enum}.{reason.name}")
    assert not missing, f"declared and never raised: {missing}"


def test_a_service_raises_its_own_and_shared_reasons_only(contract: Contract) -> None:
    foreign = [
        str(one)
        for name in services()
        for one in raised(f"services/{name}")
        if one.reason in contract.reasons and owner(contract.reasons[one.reason].enum) not in {"", f"services/{name}"}
    ]
    assert not foreign, "\n".join(foreign)


def test_the_chassis_raises_shared_reasons_only(contract: Contract) -> None:
    shared = allowed(contract, [])
    foreign = [str(one) for one in raised("chassis") if one.reason not in shared]
    assert not foreign, "\n".join(foreign)


@pytest.mark.parametrize("service", services())
def test_a_service_fails_as_its_policies_say(service: str, contract: Contract) -> None:
    methods = [method for method in contract.methods.values() if method.host == service]
    unlisted = [str(one) for one in raised(f"services/{service}") if one.reason not in allowed(contract, methods)]
    assert not unlisted, "in no policy of the service:\n" + "\n".join(unlisted)


@pytest.mark.parametrize("service", services())
def test_a_method_fails_as_its_policy_says(service: str, contract: Contract) -> None:
    """What its own body raises. What helpers raise for it can't be told from the source alone."""
    unlisted = []
    for method in contract.methods.values():
        if method.host != service:
            continue
        for file in service_files(service, "api"):
            unlisted += [
                f"{one} in {method.descriptor.name}"
                for one in scan(file).found
                if one.function == handler_name(method) and one.reason not in allowed(contract, [method])
            ]
    assert not unlisted, "not in the policy:\n" + "\n".join(unlisted)


def test_every_reason_of_a_policy_is_raised_by_its_service(contract: Contract) -> None:
    untrue = []
    for method in contract.methods.values():
        folder = f"services/{method.host}" if method.host else "chassis"
        own = {one.reason for one in raised(folder) + raised("chassis")}
        untrue += [f"{method.descriptor.name}: {reason}" for reason in method.policy.reasons if reason not in own]
    assert not untrue, "listed in a policy, and its service never raises it:\n" + "\n".join(untrue)


@pytest.mark.parametrize(
    ("code", "found", "dynamic"),
    [
        ('raise NotFound("A", "text")', [("NotFound", "A")], 0),
        ('raise errors.Aborted("B", "text", workoutId="1") from None', [("Aborted", "B")], 0),
        ('def f():\n    return Internal("C", "text")', [("Internal", "C")], 0),
        ('raise NotFound(reason, "text")', [], 1),
        ('raise ValueError("A")', [], 0),
    ],
)
def test_the_scan_sees(code: str, found: list[tuple[str, str]], dynamic: int) -> None:
    finder = Finder(ROOT / "planted.py")
    finder.visit(ast.parse(code))
    assert [(one.kind, one.reason) for one in finder.found] == found
    assert len(finder.dynamic) == dynamic
