"""Spectral (`spectral:oas`) and Redocly (`recommended`) have nothing to say about the OpenAPI document."""

import json
from pathlib import Path
from typing import Any

from tests.contract.source import ROOT
from tests.node import installed, program, run

PROJECT = Path(__file__).parent / "openapi_lint"
DOCUMENT = ROOT / "gen/fitnesshub/openapi.json"
SECONDS = 100


async def findings(file: Path) -> list[dict[str, Any]]:
    """What both say of a file."""
    folder = await installed(PROJECT)
    found: list[dict[str, Any]] = json.loads(
        await run(program("node"), "lint.mjs", str(file), folder=folder, seconds=SECONDS)
    )
    return found


async def test_neither_has_anything_to_say() -> None:
    assert await findings(DOCUMENT) == []


async def test_both_find_mistakes(tmp_path: Path) -> None:
    document = json.loads(DOCUMENT.read_text())
    operations = [each for item in document["paths"].values() for each in item.values()]
    del operations[0]["operationId"], document["info"]["contact"], document["info"]["license"]
    document["components"]["schemas"]["Unused"] = {"type": "object"}
    bodies = [
        each["requestBody"] for path in document["paths"].values() for each in path.values() if "requestBody" in each
    ]
    next(body for body in bodies if "title" in json.dumps(body))["content"]["application/json"]["example"]["title"] = 5
    planted = tmp_path / "openapi.json"
    planted.write_text(json.dumps(document))
    found = {(each["by"], each["rule"]) for each in await findings(planted)}
    assert found == {
        ("spectral", "operation-operationId"),
        ("spectral", "info-contact"),
        ("spectral", "oas3-unused-component"),
        ("spectral", "oas3-valid-media-example"),
        ("redocly", "operation-operationId"),
        ("redocly", "info-license"),
        ("redocly", "no-unused-components"),
        ("redocly", "no-invalid-media-type-examples"),
    }
