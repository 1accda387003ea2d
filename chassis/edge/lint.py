"""What must hold of the contract and neither protoc, buf nor Envoy checks. Each problem names its place."""

from collections.abc import Iterator
from itertools import combinations

from fitnesshub.options.v1 import rules_pb2
from google.protobuf.descriptor import Descriptor
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
    ServiceDescriptorProto,
)

from chassis import streams
from chassis.contract import Contract, HttpBinding, Method
from chassis.edge.access import KEY_SET_PATH
from chassis.edge.limits import rate_class
from chassis.edge.paths import Template, TemplateError, parse_template

ROOT = "fitnesshub/"
UPLOAD_PIECE = (1 << 20) + (1 << 16)
"""Bytes: Envoy's transcoder makes messages of an upload with 1 MiB of content each, and the other fields go with it."""
_VERBS = {"GET", "POST", "PUT", "PATCH", "DELETE"}
_Path = tuple[int, ...]


def contract_problems(contract: Contract) -> Iterator[str]:
    """Problems of HTTP mappings and of request messages."""
    methods = [contract.methods[path] for path in sorted(contract.methods)]
    parsed: list[tuple[Method, HttpBinding, Template]] = []
    for method in methods:
        for binding in method.http:
            try:
                template = parse_template(binding.template)
            except TemplateError as error:
                yield f"{method.path}: {error}"
                continue
            parsed.append((method, binding, template))
            yield from (f"{method.path}: {each}" for each in _binding_problems(method, binding, template))
    for (first, binding, template), (second, other, other_template) in combinations(parsed, 2):
        if binding.verb == other.verb and template.overlaps(other_template):
            both = f"{binding.verb} {template.text} and {other_template.text}"
            yield f"{first.path} and {second.path}: {both} match one path"
    yield from (f"{method.path}: {each}" for method in methods if method.http for each in _stream_problems(method))
    yield from _unbounded_fields(methods)
    yield from _key_set_problems(parsed)


def comment_problems(files: FileDescriptorSet) -> Iterator[str]:
    """Everything of ours that has no comment. The descriptors must carry source info."""
    for file in files.file:
        if not file.name.startswith(ROOT):
            continue
        lines = {tuple(at.path): (at.span[0] + 1, at.leading_comments.strip()) for at in file.source_code_info.location}
        for path, name in declared(file):
            line, comment = lines[path]
            if not comment:
                yield f"proto/{file.name}:{line}: {name} has no comment"


def _binding_problems(method: Method, binding: HttpBinding, template: Template) -> Iterator[str]:
    request = method.descriptor.input_type
    if binding.verb not in _VERBS:
        yield f"HTTP method {binding.verb} isn't one the edge lets browsers use"
    for variable in template.variables:
        problem = _variable_problem(request, variable)
        if problem:
            yield f"{binding.template}: {{{variable}}} {problem} in {request.full_name}"
    if binding.body and binding.verb in ("GET", "DELETE"):
        yield f"{binding.verb} {binding.template} has a body"
    if binding.body not in ("", "*") and binding.body not in request.fields_by_name:
        yield f"{binding.template}: body {binding.body!r} is no field of {request.full_name}"


def _stream_problems(method: Method) -> Iterator[str]:
    """What a stream needs over REST: a way to tell how it ended, and room for the pieces Envoy cuts an upload into."""
    if method.descriptor.server_streaming:
        answer = method.descriptor.output_type
        if not streams.carries_control(answer) and not streams.is_download(answer):
            yield (
                f"{answer.full_name} is streamed over HTTP and needs "
                f"`fitnesshub.mesh.v1.StreamControl control = {streams.CONTROL_NUMBER}`"
            )
    if method.descriptor.client_streaming and method.max_request_bytes < UPLOAD_PIECE:
        yield f"the edge cuts an upload into messages of up to {UPLOAD_PIECE} bytes; max_request_bytes is less"


def _variable_problem(message: Descriptor, variable: str) -> str:
    *parents, last = variable.split(".")
    for parent in parents:
        field = message.fields_by_name.get(parent)
        if field is None or field.message_type is None or field.is_repeated:
            return "isn't a field"
        message = field.message_type
    field = message.fields_by_name.get(last)
    if field is None:
        return "isn't a field"
    return "isn't a single plain value" if field.message_type is not None or field.is_repeated else ""


def _unbounded_fields(methods: list[Method]) -> Iterator[str]:
    """Repeated fields and maps that a caller can fill without end."""
    seen: set[str] = set()
    waiting = [method.descriptor.input_type for method in methods]
    while waiting:
        message = waiting.pop(0)
        if message.full_name in seen or message.full_name.startswith("google."):
            continue
        seen.add(message.full_name)
        for field in message.fields:
            rules = field.GetOptions().Extensions[rules_pb2.rules]
            if rules.output_only:
                continue
            if field.is_repeated and not rules.HasField("max_items"):
                yield f"{field.full_name} is repeated and has no max_items"
            if field.message_type is not None:
                waiting += _value_types(field.message_type)


def _value_types(message: Descriptor) -> list[Descriptor]:
    """The message itself; of a map, its values' type if that is a message."""
    if not message.GetOptions().map_entry:
        return [message]
    value = message.fields_by_name["value"].message_type
    return [] if value is None else [value]


def _key_set_problems(parsed: list[tuple[Method, HttpBinding, Template]]) -> Iterator[str]:
    """The edge fetches the keys of access tokens through itself, so that path must be there and unlimited."""
    found = [method for method, binding, _ in parsed if (binding.verb, binding.template) == ("GET", KEY_SET_PATH)]
    if not found:
        yield f"no method serves GET {KEY_SET_PATH}, where the edge gets the keys of access tokens"
    yield from (
        f"{method.path}: GET {KEY_SET_PATH} must be exempt from rate limits" for method in found if rate_class(method)
    )


def declared(file: FileDescriptorProto) -> Iterator[tuple[_Path, str]]:
    """Everything that needs a comment, with its path in the source info."""
    for index, service in enumerate(file.service):
        yield from _service((6, index), service)
    for index, message in enumerate(file.message_type):
        yield from _message((4, index), message, "")
    for index, enum in enumerate(file.enum_type):
        yield from _enum((5, index), enum, "")
    for index, field in enumerate(file.extension):
        yield (7, index), field.name


def _service(path: _Path, service: ServiceDescriptorProto) -> Iterator[tuple[_Path, str]]:
    yield path, service.name
    for index, method in enumerate(service.method):
        yield (*path, 2, index), f"{service.name}.{method.name}"


def _message(path: _Path, message: DescriptorProto, prefix: str) -> Iterator[tuple[_Path, str]]:
    if message.options.map_entry:
        return
    name = f"{prefix}{message.name}"
    yield path, name
    for index, field in enumerate(message.field):
        yield (*path, 2, index), f"{name}.{field.name}"
    for index, nested in enumerate(message.nested_type):
        yield from _message((*path, 3, index), nested, f"{name}.")
    for index, enum in enumerate(message.enum_type):
        yield from _enum((*path, 4, index), enum, f"{name}.")


def _enum(path: _Path, enum: EnumDescriptorProto, prefix: str) -> Iterator[tuple[_Path, str]]:
    yield path, f"{prefix}{enum.name}"
    for index, value in enumerate(enum.value):
        yield (*path, 2, index), f"{prefix}{enum.name}.{value.name}"
