"""The whole OpenAPI 3.1 document."""

from collections.abc import Iterator
from pathlib import Path

from google.protobuf.descriptor import Descriptor, ServiceDescriptor

from chassis.contract import Contract
from chassis.edge.envoy_types import Json
from chassis.openapi.bodies import Bodies
from chassis.openapi.comments import Comments
from chassis.openapi.error_shapes import SHAPES, error_example
from chassis.openapi.examples import Examples
from chassis.openapi.operations import BEARER, Operations, bindings, tag_of
from chassis.openapi.parameters import HEADERS as REQUEST_HEADERS
from chassis.openapi.responses import HEADERS, Responses
from chassis.openapi.schemas import Schemas, component_names
from chassis.version import VERSION

_INTRODUCTION = Path(__file__).with_name("introduction.md")


def openapi_document(contract: Contract, comments: Comments, examples: Examples) -> Json:
    """The document as JSON."""
    schemas = Schemas(comments, component_names(contract), dict(SHAPES))
    responses = Responses(contract, Bodies(schemas, examples, messages_of(contract)))
    paths = Operations(contract, responses).paths()
    used = _references({"paths": paths, "responses": responses.components})
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "FitnessHub API",
            "version": VERSION,
            "description": _INTRODUCTION.read_text().strip(),
            "contact": {"name": "The FitnessHub maintainers"},
            # Redocly wants one; as long as the project has none, nothing is granted.
            "license": {"name": "No licence granted yet", "identifier": "LicenseRef-FitnessHub"},
        },
        "servers": [{"url": "/", "description": "The server that this document comes from."}],
        "tags": list(_tags(contract, comments, examples)),
        "paths": paths,
        "components": {
            "securitySchemes": {
                BEARER: {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "The access token of a session, as `POST /auth/v1/token` answers it.",
                }
            },
            "schemas": dict(sorted(schemas.components.items())),
            "parameters": {name: each for name, each in REQUEST_HEADERS.items() if f"parameters/{name}" in used},
            "headers": {name: each for name, each in HEADERS.items() if f"headers/{name}" in used},
            "responses": dict(sorted(responses.components.items())),
            "examples": {
                name: {"summary": name, "value": error_example(reason, comments, examples)}
                for name, reason in sorted(contract.reasons.items())
                if f"examples/{name}" in used
            },
        },
    }


def messages_of(contract: Contract) -> dict[str, Descriptor]:
    """All top-level messages by full name."""
    return {each.full_name: each for file in contract.files for each in file.message_types_by_name.values()}


def _tags(contract: Contract, comments: Comments, examples: Examples) -> Iterator[Json]:
    services = {method.descriptor.containing_service for method, _, _ in bindings(contract)}
    order = list(examples.tags)

    def place(service: ServiceDescriptor) -> tuple[int, str]:
        return order.index(service.name) if service.name in order else len(order), str(service.full_name)

    for service in sorted(services, key=place):
        yield {"name": tag_of(service, examples), "description": comments.of(service.full_name)}


def _references(content: object) -> set[str]:
    """The components that are referred to, as `headers/ETag`."""
    if isinstance(content, dict):
        own = {content["$ref"].removeprefix("#/components/")} if isinstance(content.get("$ref"), str) else set()
        return own.union(*map(_references, content.values()))
    return set[str]().union(*map(_references, content)) if isinstance(content, list) else set()
