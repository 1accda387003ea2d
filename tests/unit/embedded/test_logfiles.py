"""Log files are put aside by size and read from the end."""

from pathlib import Path

import pytest

from embedded import logfiles


def test_only_large_files_are_put_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logfiles, "MAX_BYTES", 10)
    log = tmp_path / "x.log"
    logfiles.rotate(log)
    for number in range(1, 6):
        log.write_text(f"{number}" * 10)
        logfiles.rotate(log)
        assert log.exists()
        log.write_text(f"{number}" * 11)
        logfiles.rotate(log)
        assert not log.exists()
    kept = {path.name: path.read_text()[0] for path in tmp_path.iterdir()}
    assert kept == {"x.log.1": "5", "x.log.2": "4", "x.log.3": "3"}


def test_reads_the_last_lines_of_this_run(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    assert logfiles.tail(log, 3) == []
    log.write_text("old\n")
    start = logfiles.size(log)
    with log.open("a") as file:
        file.write("one\n\ntwo\nthree\n")
    assert logfiles.tail(log, 2, start) == ["two", "three"]
    assert logfiles.tail(log, 9, start) == ["one", "two", "three"]
