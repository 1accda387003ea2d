import re

import pytest
from fitnesshub.gateway.v1.docs_service_pb2 import GetDocsFileRequest, GetDocsPageRequest, GetOpenApiRequest

from chassis.call import Call
from chassis.errors import NotFound
from services.gateway.api.docs_service import DocsApi, document
from services.gateway.bootstrap import docs_api

PAGE = document("text/html", b"<html>")
DOCS = DocsApi(document("application/json", b"{}"), PAGE, {"a.js": document("text/javascript", b"1")})


async def test_documents_are_served_as_they_are() -> None:
    call = Call("/x")
    found = await DOCS.get_docs_file(GetDocsFileRequest(file="a.js"), call)
    assert (found.content_type, found.data) == ("text/javascript", b"1")
    assert call.response_metadata["cache-control"] == "public, max-age=86400"
    assert (await DOCS.get_open_api(GetOpenApiRequest(), Call("/x"))).data == b"{}"


async def test_what_is_known_is_not_sent_again() -> None:
    call = Call("/x", metadata={"if-none-match": PAGE.etag})
    found = await DOCS.get_docs_page(GetDocsPageRequest(), call)
    assert found.ByteSize() == 0
    assert call.response_metadata == {"cache-control": "no-cache", "etag": PAGE.etag, "x-http-code": "304"}


@pytest.mark.parametrize("name", ["b.js", "../a.js", ""])
async def test_other_files_are_not_there(name: str) -> None:
    with pytest.raises(NotFound) as failure:
        await DOCS.get_docs_file(GetDocsFileRequest(file=name), Call("/x"))
    assert (failure.value.reason, failure.value.metadata) == ("DOCS_FILE_NOT_FOUND", {"file": name})


async def test_the_page_has_all_it_loads_and_no_script_of_its_own() -> None:
    docs = docs_api()
    page = (await docs.get_docs_page(GetDocsPageRequest(), Call("/x"))).data.decode()
    names = re.findall(r'(?:src|href)="/docs/([^"]+)"', page)
    assert len(names) == 5
    for name in names:
        assert (await docs.get_docs_file(GetDocsFileRequest(file=name), Call("/x"))).data
    assert re.findall(r"<script(?![^>]*\bsrc=)", page) == []
    assert re.findall(r"\son\w+=|style=", page) == []
