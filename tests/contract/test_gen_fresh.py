"""What is generated and committed is what the contract generates, and a stale, missing or extra file is found."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorSet

from chassis.edge.generate import CHECKOUT, DESCRIPTOR, DOCUMENTS, OWNED, differences, main


def test_the_checkout_is_fresh() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "chassis.edge.generate", "--check"], cwd=CHECKOUT, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for folder in OWNED:
        shutil.copytree(CHECKOUT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "docs").mkdir()
    for document in DOCUMENTS:
        shutil.copy(CHECKOUT / document, tmp_path / document)
    return tmp_path


def test_stale_missing_and_left_over_files_are_told_apart(copy: Path) -> None:
    assert not differences(copy, CHECKOUT)
    stale, missing, extra = DESCRIPTOR, Path("envoy/split.json"), Path("gen/fitnesshub/gone_pb2.py")
    (copy / stale).write_bytes(b"old")
    (copy / missing).unlink()
    (copy / extra).write_text("")
    assert differences(copy, CHECKOUT) == {missing: "missing", stale: "stale", extra: "left over"}


def test_generating_repairs_the_checkout(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(CHECKOUT / "proto", copy / "proto")
    (copy / DESCRIPTOR).write_bytes(b"old")
    (copy / "envoy" / "split.json").unlink()
    (copy / "docs" / "errors.md").write_text("old")
    (copy / "gen" / "fitnesshub" / "gone_pb2.py").write_text("")
    monkeypatch.setattr("chassis.edge.generate.CHECKOUT", copy)
    assert main(["--check"]) == 1
    assert main([]) == 0
    assert main(["--check"]) == 0
    assert not differences(CHECKOUT, copy)


def test_a_proto_that_does_not_compile_stops_it(
    copy: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(CHECKOUT / "proto", copy / "proto")
    (copy / "proto" / "fitnesshub" / "broken.proto").write_text('syntax = "proto3";\nmessage {}')
    monkeypatch.setattr("chassis.edge.generate.CHECKOUT", copy)
    assert main([]) == 1
    assert "broken.proto:2" in capsys.readouterr().err


def test_the_descriptor_set_holds_what_errors_carry_and_no_comments() -> None:
    found = FileDescriptorSet.FromString((CHECKOUT / DESCRIPTOR).read_bytes())
    assert {"google/rpc/error_details.proto", "google/rpc/status.proto"} <= {file.name for file in found.file}
    assert not any(file.HasField("source_code_info") for file in found.file)


def test_stubs_stand_only_where_there_are_services() -> None:
    stubs = {path.name for path in (CHECKOUT / "gen").rglob("*_pb2_grpc.py")}
    assert "workout_service_pb2_grpc.py" in stubs
    assert "workout_pb2_grpc.py" not in stubs
