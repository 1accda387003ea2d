"""The page on adding an RPC names files and things that exist, so that who follows it isn't led astray."""

import ast
import builtins
import importlib
import re
from pathlib import Path
from textwrap import dedent

import pytest

from tests.contract.source import ROOT

PAGE = (ROOT / "docs/adding-an-rpc.md").read_text()
FILE = re.compile(r"`([a-z][\w./-]*/[\w.-]*)`")
SNIPPET = re.compile(r"^ *```python\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
EXAMPLE = re.compile("count_?workouts", re.IGNORECASE)
"""What the page adds and nobody has."""


def snippets() -> list[tuple[Path, str]]:
    """Each Python snippet with the file it is for: the last existing one that was named before it."""
    found = []
    for snippet in SNIPPET.finditer(PAGE):
        named = [Path(each) for each in FILE.findall(PAGE[: snippet.start()])]
        files = [each for each in named if each.suffix == ".py" and (ROOT / each).is_file()]
        found.append((files[-1], dedent(snippet[1])))
    return found


SNIPPETS = snippets()


def test_there_are_snippets() -> None:
    assert len(SNIPPETS) == PAGE.count("```python") >= 5


def test_files_exist() -> None:
    named = {each for each in FILE.findall(PAGE) if not EXAMPLE.search(each)}
    assert "services/workout/store/workouts.py" in named
    shown = {each for each in named if not (ROOT / each).exists() and not list(ROOT.glob(f"services/*/{each}"))}
    assert not shown


@pytest.mark.parametrize(("file", "code"), SNIPPETS, ids=[f"{file}:{len(code)}" for file, code in SNIPPETS])
def test_a_snippet_names_what_is_there(file: Path, code: str) -> None:
    there = vars(importlib.import_module(".".join(file.with_suffix("").parts))) | vars(builtins)
    tree = ast.parse(f"{{{code}}}" if code.startswith('"') else code)  # a line of a dict
    own = {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    own |= {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    for node in ast.walk(tree):
        match node:
            case ast.ImportFrom(module=str(module)):
                there |= {each.name: getattr(importlib.import_module(module), each.name) for each in node.names}
            case ast.Name(id=name) if name not in own and not EXAMPLE.search(name):
                assert name in there, f"{file} has no {name}"
            case ast.Attribute(value=ast.Name(id=name), attr=attribute) if name in there and name not in own:
                assert hasattr(there[name], attribute) or EXAMPLE.search(attribute), f"no {name}.{attribute} in {file}"
