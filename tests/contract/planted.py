"""Little contracts with a mistake planted in them."""

import itertools
import shutil
from pathlib import Path

from google.protobuf.descriptor_pb2 import FileDescriptorSet

from chassis.contract import Contract
from chassis.edge.derived import contract_of
from chassis.edge.protoc import read_descriptors
from tests.contract.source import ROOT

_numbers = itertools.count(1)

HEAD = """
syntax = "proto3";
// Planted.
package %s;
import "fitnesshub/options/v1/policy.proto";
import "fitnesshub/options/v1/rules.proto";
import "google/api/annotations.proto";
"""
SERVICE = """
// Planted.
service PlantedService {
  // Planted.
  rpc Plant(PlantRequest) returns (PlantResponse) {
    %s
  }
}
// Planted.
message PlantRequest {
  // Planted.
  string plant_id = 1;
  // Planted.
  PlantResponse plant = 2;
  %s
}
// Planted.
message PlantResponse {}
"""
PUBLIC = "option (fitnesshub.options.v1.policy) = {access: ACCESS_PUBLIC rate_class: RATE_CLASS_READ};"
READ = "option idempotency_level = NO_SIDE_EFFECTS;"


def next_package() -> str:
    """A package that no other planted file has."""
    return f"fitnesshub.planted{next(_numbers)}.v1"


def descriptors(folder: Path, text: str, package: str = "") -> FileDescriptorSet:
    """Compiles a proto file with source info. Every call without a package has one of its own."""
    package = package or next_package()
    options = folder / "fitnesshub" / "options"
    if not options.exists():
        shutil.copytree(ROOT / "proto" / "fitnesshub" / "options", options)
    file = folder / package.replace(".", "/") / "planted.proto"
    file.parent.mkdir(parents=True)
    file.write_text(HEAD % package + text)
    found = read_descriptors(folder, comments=True)
    shutil.rmtree(file.parents[1])
    return found


def contract(folder: Path, options: str, fields: str = "") -> Contract:
    """The contract of one service with one method. Raises what reading it raises."""
    return contract_of(descriptors(folder, SERVICE % (options, fields)))
