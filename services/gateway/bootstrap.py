"""Composition root of the gateway service."""

from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

from fitnesshub.gateway.v1 import docs_service_pb2, health_service_pb2, saga_service_pb2
from fitnesshub.mesh.v1.saga_service_pb2_grpc import SagaServiceStub
from fitnesshub.mesh.v1.status_service_pb2_grpc import StatusServiceStub

from chassis.service import Runtime, Service
from services.gateway.api.docs_service import DocsApi, Document, document
from services.gateway.api.health_service import HealthApi
from services.gateway.api.saga_service import SagaApi

_PAGE = Path(__file__).parent / "api/page"
_SWAGGER_UI = "flask_swagger_ui"
"""The wheel that carries Swagger UI's own files. Its Python isn't imported."""
_CONTENT_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".png": "image/png",
}
_FROM_SWAGGER_UI = ("swagger-ui.css", "swagger-ui-bundle.js", "index.css", "favicon-32x32.png")


def build(runtime: Runtime) -> Service:
    """Builds the service; it keeps nothing, so it needs neither database nor Redis."""
    hosts = runtime.contract.hosts()
    statuses = {service: StatusServiceStub(runtime.channel(service)) for service in hosts}
    sagas = {service: SagaServiceStub(runtime.channel(service)) for service in hosts}
    return Service(
        name="gateway",
        apis={
            docs_service_pb2.DESCRIPTOR.services_by_name["DocsService"]: docs_api(),
            health_service_pb2.DESCRIPTOR.services_by_name["HealthService"]: HealthApi(statuses, runtime.clock),
            saga_service_pb2.DESCRIPTOR.services_by_name["SagaService"]: SagaApi(sagas, runtime.page_tokens()),
        },
    )


def docs_api() -> DocsApi:
    """Reads the documents. Raises FileNotFoundError when one isn't there."""
    openapi = files("fitnesshub").joinpath("openapi.json").read_bytes()
    swagger_ui = _swagger_ui()
    parts = [swagger_ui / name for name in _FROM_SWAGGER_UI] + [_PAGE / "start.js"]
    return DocsApi(
        openapi=document("application/json", openapi),
        page=_read(_PAGE / "index.html"),
        files={part.name: _read(part) for part in parts},
    )


def _read(file: Path) -> Document:
    return document(_CONTENT_TYPES[file.suffix], file.read_bytes())


def _swagger_ui() -> Path:
    """The folder of Swagger UI's files. Raises FileNotFoundError when its wheel isn't installed."""
    spec = find_spec(_SWAGGER_UI)
    for location in spec.submodule_search_locations or () if spec else ():
        return Path(location) / "dist"
    raise FileNotFoundError(f"Swagger UI isn't installed: the wheel {_SWAGGER_UI} brings it")
