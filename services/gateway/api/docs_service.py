"""DocsService: the OpenAPI document and the reference page, out of memory, with ETags."""

from collections.abc import Mapping
from dataclasses import dataclass

from fitnesshub.gateway.v1.docs_service_pb2 import GetDocsFileRequest, GetDocsPageRequest, GetOpenApiRequest
from google.api.httpbody_pb2 import HttpBody

from chassis.call import Call
from chassis.conditional import is_unchanged, strong_etag
from chassis.errors import NotFound

REVALIDATED = "no-cache"
"""Changes with every release: kept, and asked for again with its ETag."""
FOR_A_DAY = "public, max-age=86400"
"""The page's parts are 2 MB and change with Swagger UI's version only."""


@dataclass(frozen=True)
class Document:
    """Something to be served as it is."""

    content_type: str
    data: bytes
    etag: str


def document(content_type: str, data: bytes) -> Document:
    """A document with its ETag."""
    return Document(content_type, data, strong_etag(data))


class DocsApi:
    """Serves documents read at start."""

    def __init__(self, openapi: Document, page: Document, files: Mapping[str, Document]) -> None:
        self._openapi = openapi
        self._page = page
        self._files = files

    async def get_open_api(self, _request: GetOpenApiRequest, call: Call) -> HttpBody:
        return _serve(call, self._openapi, REVALIDATED)

    async def get_docs_page(self, _request: GetDocsPageRequest, call: Call) -> HttpBody:
        return _serve(call, self._page, REVALIDATED)

    async def get_docs_file(self, request: GetDocsFileRequest, call: Call) -> HttpBody:
        found = self._files.get(request.file)
        if found is None:
            raise NotFound("DOCS_FILE_NOT_FOUND", f"the page has no file {request.file}", file=request.file)
        return _serve(call, found, FOR_A_DAY)


def _serve(call: Call, found: Document, cache_control: str) -> HttpBody:
    call.response_metadata["cache-control"] = cache_control
    if is_unchanged(call, found.etag):
        return HttpBody()
    return HttpBody(content_type=found.content_type, data=found.data)
