"""`docs/errors.md` and `docs/events.md`: every reason and every event of the contract, for people."""

from collections.abc import Iterator

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.descriptor_pb2 import FieldDescriptorProto
from google.rpc.code_pb2 import Code

from chassis.contract import SHARED_REASONS_ENUM, Contract, Reason
from chassis.openapi.comments import Comments
from chassis.openapi.failures import http_status
from chassis.rule_values import key_and_element, rules_of
from chassis.status import DOMAIN

_GENERATED = "<!-- Generated from proto/ by `make gen`. -->"
_EVENTS = "/events.proto"
_SCALARS: dict[int, str] = {
    number: name.removeprefix("TYPE_").lower() for name, number in FieldDescriptorProto.Type.items()
}


_ABOUT_ERRORS = f"""\
# Errors

{_GENERATED}

How a call fails is told by `google.rpc.Status`, the same over REST, gRPC and gRPC-Web. Its details hold one `ErrorInfo`
with the domain `{DOMAIN}` and one of the reasons below; go by the reason, never by the message. Beside it stand
`BadRequest` when fields are wrong, `RetryInfo` when it is known when to try again, and `RequestInfo` with the id of the
request. `/docs` lists the reasons of each operation.

Only `/auth/v1` speaks Supabase Auth's language, `{{code, error_code, msg}}`: [supabase-auth.md](supabase-auth.md) tells
which `error_code` a reason becomes. What the edge refuses and failures of servers have this shape there too.
"""
_ABOUT_EVENTS = f"""\
# Events

{_GENERATED}

What services tell each other. An event is written in the transaction of the change it tells of, inside
`fitnesshub.event.v1.Event`, and holds the whole resource after the change: consumers replace what they know, if the
version is newer, and never increment.
"""


def errors_page(contract: Contract, comments: Comments) -> str:
    """Every reason: how it is sent, what it means, and which RPCs name it."""
    enums = sorted({reason.enum for reason in contract.reasons.values()}, key=lambda name: (not _is_shared(name), name))
    return _ABOUT_ERRORS + "\n".join(line for enum in enums for line in _reasons(contract, comments, enum))


def events_page(contract: Contract, comments: Comments) -> str:
    """Every event with its fields."""
    lines: list[str] = []
    for file in contract.files:
        if file.name.endswith(_EVENTS):
            lines += ["", f"## {_domain(file.package)}", "", f"`{file.package}`, in `proto/{file.name}`"]
            for message in file.message_types_by_name.values():
                lines += _event(message, comments)
    return _ABOUT_EVENTS + "\n".join([*lines, ""])


def _reasons(contract: Contract, comments: Comments, enum: str) -> Iterator[str]:
    title = "Shared" if _is_shared(enum) else _domain(enum)
    yield from ("", f"## {title}", "", f"`{enum}`: {comments.of(enum)}", "")
    yield "| reason | gRPC | HTTP | when | RPCs |"
    yield "|---|---|---|---|---|"
    for reason in sorted(contract.reasons.values(), key=lambda each: each.name):
        if reason.enum == enum:
            when = _cell(comments.of(f"{enum}.{reason.name}"))
            rpcs = ", ".join(_rpcs(contract, reason)) or "any"
            yield f"| `{reason.name}` | {Code.Name(reason.code)} | {http_status(reason)} | {when} | {rpcs} |"
    yield ""


def _rpcs(contract: Contract, reason: Reason) -> list[str]:
    named = [each.descriptor for each in contract.methods.values() if reason.name in each.policy.reasons]
    return [
        f"`{each.containing_service.name}.{each.name}`" for each in sorted(named, key=lambda one: str(one.full_name))
    ]


def _event(message: Descriptor, comments: Comments) -> Iterator[str]:
    yield from ("", f"### {message.name}", "", comments.of(message.full_name, declared_names=True), "")
    yield "| field | type | what | personal |"
    yield "|---|---|---|---|"
    for field in message.fields:
        personal = "yes" if rules_of(field).personal else ""
        what = _cell(comments.of(field.full_name, declared_names=True))
        yield f"| `{field.name}` | {_type(field)} | {what} | {personal} |"


def _type(field: FieldDescriptor) -> str:
    key, element = key_and_element(field)
    kind = element.message_type or element.enum_type
    name = kind.full_name if kind else _SCALARS[element.type]
    if key is not None:
        return f"map of `{name}`"
    return f"repeated `{name}`" if field.is_repeated else f"`{name}`"


def _is_shared(enum: str) -> bool:
    return enum == SHARED_REASONS_ENUM


def _domain(name: str) -> str:
    return name.split(".")[1].capitalize()


def _cell(text: str) -> str:
    return text.replace("\n", " ").replace("|", "\\|")
