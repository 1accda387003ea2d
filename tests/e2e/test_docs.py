"""The OpenAPI document and the reference page, through the front door."""

import json
import re
from urllib.parse import urljoin, urlsplit

import httpx
import pytest

from tests.contract.source import ROOT

LOADED = re.compile(r"""(?:src|href)="([^"]+)"|url\(["']?([^"')]+)|fetch\("([^"]+)|url: "([^"]+)""")
SCRIPT_OF_ITS_OWN = re.compile(r"<script(?![^>]*\bsrc=)|\son\w+=")


async def test_the_document_is_the_generated_one(http: httpx.AsyncClient) -> None:
    answer = await http.get("/openapi.json")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == json.loads((ROOT / "gen/fitnesshub/openapi.json").read_text())


@pytest.mark.parametrize("path", ["/openapi.json", "/docs", "/docs/swagger-ui-bundle.js"])
@pytest.mark.parametrize("coding", ["identity", "gzip", "br"])
async def test_what_is_known_is_not_sent_again(http: httpx.AsyncClient, path: str, coding: str) -> None:
    first = await http.get(path, headers={"accept-encoding": coding})
    assert first.status_code == 200
    again = await http.get(path, headers={"accept-encoding": coding, "if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"].removeprefix("W/") == first.headers["etag"].removeprefix("W/")
    assert "content-type" not in again.headers
    other = await http.get(path, headers={"accept-encoding": coding, "if-none-match": '"other"'})
    assert (other.status_code, other.content) == (200, first.content)


async def test_an_etag_is_strong_where_the_bytes_are_those_of_the_service(http: httpx.AsyncClient) -> None:
    answer = await http.get("/openapi.json", headers={"accept-encoding": "identity"})
    assert re.fullmatch('"[0-9a-f]{24}"', answer.headers["etag"])
    assert answer.headers["cache-control"] == "no-cache"


async def test_the_large_files_are_compressed(http: httpx.AsyncClient) -> None:
    for path in ("/openapi.json", "/docs/swagger-ui-bundle.js", "/docs/swagger-ui.css"):
        assert (await http.get(path, headers={"accept-encoding": "gzip"})).headers["content-encoding"] == "gzip"


async def test_the_page_loads_from_us_only_and_runs_under_our_policy(http: httpx.AsyncClient) -> None:
    seen: dict[str, str] = {}
    waiting = ["/docs"]
    while waiting:
        path = waiting.pop()
        answer = await http.get(path)
        assert answer.status_code == 200, path
        assert answer.headers["x-content-type-options"] == "nosniff"
        kind = answer.headers["content-type"].partition(";")[0]
        seen[path] = kind
        if kind == "text/html":
            assert "script-src 'self';" in answer.headers["content-security-policy"]
            assert SCRIPT_OF_ITS_OWN.findall(answer.text) == []
        # Swagger UI's own script is 1.7 MB of code, in which any text may stand; the policy binds it.
        if kind in ("text/html", "text/css") or path == "/docs/start.js":
            found = {one for groups in LOADED.findall(answer.text) for one in groups if one}
            links = {urljoin(path, one) for one in found if not one.startswith(("data:", "#"))}
            assert {one for one in links if urlsplit(one).netloc} == set(), path
            waiting += links - set(seen) - set(waiting)
    assert seen == {
        "/docs": "text/html",
        "/docs/favicon-32x32.png": "image/png",
        "/docs/index.css": "text/css",
        "/docs/start.js": "text/javascript",
        "/docs/swagger-ui-bundle.js": "text/javascript",
        "/docs/swagger-ui.css": "text/css",
        "/openapi.json": "application/json",
    }


@pytest.mark.parametrize("name", ["nothing.js", "..%2Fbootstrap.py", "index.html"])
async def test_other_files_are_not_there(http: httpx.AsyncClient, name: str) -> None:
    answer = await http.get(f"/docs/{name}")
    assert answer.status_code in (400, 404)
    assert {"code", "message", "details"} <= answer.json().keys()


async def test_a_wrong_file_has_its_own_reason(http: httpx.AsyncClient) -> None:
    answer = await http.get("/docs/nothing.js")
    assert answer.status_code == 404
    assert answer.json()["details"][0]["reason"] == "DOCS_FILE_NOT_FOUND"
    assert answer.json()["details"][0]["metadata"] == {"file": "nothing.js"}
