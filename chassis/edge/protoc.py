"""Runs protoc: stubs and typings for Python, and descriptor sets.

Imports nothing that is generated, so that it works in a checkout whose `gen/` is empty or broken.
"""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import google.rpc
from google.protobuf import descriptor_pb2

ALSO_IN_DESCRIPTORS = ("google/rpc/error_details.proto", "google/rpc/status.proto")
"""What errors carry in `Any`. If one is missing, Envoy drops the whole conversion of an error."""


class ProtocError(Exception):
    """protoc refused the files; the text is its own."""


def site_packages() -> Path:
    """Where `googleapis-common-protos` keeps the protos of google/api and google/rpc."""
    return Path(next(iter(google.rpc.__path__))).parents[1]


def proto_files(root: Path) -> list[str]:
    """All proto files under the root, as protoc names them."""
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*.proto"))


def generate_stubs(root: Path, out: Path) -> None:
    """Writes messages, stubs and typings of all files. Raises ProtocError."""
    files = proto_files(root)
    scripts = Path(sys.executable).parent
    out.mkdir(parents=True, exist_ok=True)
    _run(
        root,
        [
            f"--plugin=protoc-gen-mypy={scripts / 'protoc-gen-mypy'}",
            f"--plugin=protoc-gen-mypy_grpc={scripts / 'protoc-gen-mypy_grpc'}",
            f"--python_out={out}",
            f"--mypy_out=quiet:{out}",
            f"--grpc_python_out={out}",
            f"--mypy_grpc_out=quiet:{out}",
            *files,
        ],
    )
    with_services = {file.name for file in read_descriptors(root, comments=False).file if file.service}
    for file in set(files) - with_services:
        for suffix in ("_pb2_grpc.py", "_pb2_grpc.pyi"):
            (out / file.replace(".proto", suffix)).unlink(missing_ok=True)


def descriptor_set(root: Path, *, comments: bool) -> bytes:
    """The serialised FileDescriptorSet of all files and what they import. Raises ProtocError."""
    flags = ["--include_imports", "--descriptor_set_out=/dev/stdout"]
    if comments:
        flags.append("--include_source_info")
    return _run(root, [*flags, *proto_files(root), *ALSO_IN_DESCRIPTORS])


def read_descriptors(root: Path, *, comments: bool) -> descriptor_pb2.FileDescriptorSet:
    """The same, parsed."""
    return descriptor_pb2.FileDescriptorSet.FromString(descriptor_set(root, comments=comments))


def _run(root: Path, arguments: Sequence[str]) -> bytes:
    command = [sys.executable, "-m", "grpc_tools.protoc", f"-I{root}", f"-I{site_packages()}", *arguments]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode:
        raise ProtocError(done.stderr.decode().strip())
    return done.stdout
