"""Bodies of requests and answers: schemas with an example, by content type."""

import json
from dataclasses import dataclass

from google.protobuf.descriptor import Descriptor

from chassis.contract import HttpBinding, Method
from chassis.edge.envoy_types import Json
from chassis.edge.paths import parse_template
from chassis.openapi.examples import Examples
from chassis.openapi.media import JSON, answers_freely, is_free, media_of
from chassis.openapi.scalars import WELL_KNOWN
from chassis.openapi.schemas import ANSWER, Schemas, Use, is_required
from chassis.rule_values import rules_of

EVENT_STREAM = "text/event-stream"
ANY_OBJECT: Json = {"type": "object", "additionalProperties": True}


@dataclass(frozen=True)
class Bodies:
    """Describes bodies."""

    schemas: Schemas
    examples: Examples
    messages: dict[str, Descriptor]
    """All messages of the contract by full name; `media` options name some."""

    def request(self, method: Method, binding: HttpBinding) -> Json | None:
        """The request body; None when there is none."""
        if not binding.body:
            return None
        request = method.descriptor.input_type
        use = request_use(method)
        variables = parse_template(binding.template).variables
        if binding.body == "*":
            message, use = request, Use(use.request, use.partial, use.declared_names, frozenset(variables))
            required = any(is_required(each, use) for each in message.fields if each.name not in variables)
            return {"content": {JSON: self._json(message, use)}, "required": required}
        field = request.fields_by_name[binding.body]
        description = self.schemas.comments.of(field.full_name, declared_names=use.declared_names)
        if is_free(field.message_type):
            content = self._free(method, request=True)
        elif field.message_type is None or field.is_repeated or field.message_type.full_name in WELL_KNOWN:
            schema = self.schemas.value(field, use)
            content = {JSON: {"schema": schema, "example": self.examples.value(field, use)}}
        else:
            inside = frozenset(path.partition(".")[2] for path in variables if path.startswith(f"{binding.body}."))
            inner = Use(request=True, partial=rules_of(field).partial, without=inside)
            content = {JSON: self._json(field.message_type, inner)}
        return {"description": description, "content": content, "required": rules_of(field).required}

    def answer(self, method: Method) -> Json:
        """The content of a success by content type; empty when the answer has no body."""
        message = method.descriptor.output_type
        if answers_freely(method.descriptor):
            return self._free(method, request=False)
        if message.full_name == "google.protobuf.Empty":
            return {JSON: {"schema": {"type": "object"}, "example": {}}}
        if not method.descriptor.server_streaming:
            return {JSON: self._json(message, ANSWER)}
        reference = self.schemas.message(message, ANSWER)
        event = json.dumps(self.examples.message(message, ANSWER), ensure_ascii=False)
        schema = {
            "type": "string",
            "description": "Server-sent events; the `data` of each is one message in JSON.",
            "contentMediaType": JSON,
            "contentSchema": reference,
        }
        return {EVENT_STREAM: {"schema": schema, "example": f"data: {event}\n\n"}}

    def dialect_error(self, method: Method) -> Json:
        """The content of a client's error where the RPC has an error shape of its own; empty elsewhere."""
        name = media_of(method.descriptor).error
        if not name:
            return {}
        use = Use(declared_names=media_of(method.descriptor).declared_names)
        own = self.schemas.message(self.messages[name], use)
        example = self.examples.message(self.messages[name], use)
        status = {"$ref": "#/components/schemas/Status"}
        return {JSON: {"schema": {"anyOf": [own, status]}, "example": example}}

    def _json(self, message: Descriptor, use: Use) -> Json:
        return {"schema": self.schemas.message(message, use), "example": self.examples.message(message, use)}

    def _free(self, method: Method, *, request: bool) -> Json:
        media = media_of(method.descriptor)
        types = media.request_content_types if request else media.content_types
        name = media.request if request else media.answer
        content: Json = {}
        for each in types or [JSON]:
            if each != JSON:
                content[each] = {"schema": {"type": "string"} if each.startswith("text/") else {}}
            elif name:
                use = Use(request=request, declared_names=media.declared_names)
                content[each] = self._json(self.messages[name], use)
            else:
                content[each] = {"schema": ANY_OBJECT}
        return content


def request_use(method: Method) -> Use:
    """How an RPC's request message is used."""
    return Use(request=True, declared_names=media_of(method.descriptor).declared_names)
