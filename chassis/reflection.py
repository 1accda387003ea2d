"""Server reflection, v1 and v1alpha, so that grpcurl and `buf curl` need no proto files.

grpcio ships only v1alpha. v1 is the same protocol byte for byte under another package name.
"""

from collections.abc import Iterable
from typing import Any, TypeAlias

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, text_format
from grpc_reflection.v1alpha import reflection, reflection_pb2, reflection_pb2_grpc

V1 = "grpc.reflection.v1.ServerReflection"
V1ALPHA = "grpc.reflection.v1alpha.ServerReflection"
Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"


def add_reflection(server: Any, services: Iterable[str]) -> None:
    """Lets a grpc.aio server describe the proto services with these full names."""
    pool = descriptor_pool.Default()
    _describe_v1(pool)
    servicer = reflection.aio.ReflectionServicer([*services, V1, V1ALPHA], pool=_Pool(pool))
    reflection_pb2_grpc.add_ServerReflectionServicer_to_server(servicer, server)  # type: ignore[no-untyped-call]
    server.add_generic_rpc_handlers((_ReflectionV1(servicer),))


class _Pool:
    """A descriptor pool that finds methods too when it is asked for a symbol of any kind; protobuf's doesn't."""

    def __init__(self, pool: Any) -> None:
        self._pool = pool

    def FindFileContainingSymbol(self, name: str) -> Any:  # noqa: N802 - the pool's name for it
        service, _, method = name.rpartition(".")
        try:
            known = method in self._pool.FindServiceByName(service).methods_by_name
        except KeyError:
            known = False
        return self._pool.FindFileContainingSymbol(service if known else name)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pool, name)


class _ReflectionV1(grpc.GenericRpcHandler):
    def __init__(self, servicer: Any) -> None:
        self._handler: Handler = grpc.stream_stream_rpc_method_handler(
            servicer.ServerReflectionInfo,
            reflection_pb2.ServerReflectionRequest.FromString,
            reflection_pb2.ServerReflectionResponse.SerializeToString,
        )

    def service(self, details: grpc.HandlerCallDetails) -> "Handler | None":
        return self._handler if details.method == f"/{V1}/ServerReflectionInfo" else None


def _describe_v1(pool: Any) -> None:
    """Adds the description of v1 to the pool: clients ask for that of every service they are told of."""
    try:
        pool.FindServiceByName(V1)
    except KeyError:
        alpha = descriptor_pb2.FileDescriptorProto()
        reflection_pb2.DESCRIPTOR.CopyToProto(alpha)
        text = text_format.MessageToString(alpha).replace("v1alpha", "v1")
        pool.AddSerializedFile(text_format.Parse(text, descriptor_pb2.FileDescriptorProto()).SerializeToString())
