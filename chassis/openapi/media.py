"""What RPCs with free-form bodies say about them: the `media` option of the contract."""

from fitnesshub.options.v1 import media_pb2
from google.protobuf.descriptor import Descriptor, MethodDescriptor

HTTP_BODY = "google.api.HttpBody"
JSON = "application/json"


def media_of(method: MethodDescriptor) -> media_pb2.Media:
    """The option of an RPC; an empty one when it has none."""
    return method.GetOptions().Extensions[media_pb2.media]


def is_free(message: Descriptor | None) -> bool:
    """Whether a message is a free-form body."""
    return message is not None and message.full_name == HTTP_BODY


def answers_freely(method: MethodDescriptor) -> bool:
    """Whether an RPC answers with a free-form body."""
    return is_free(method.output_type)
