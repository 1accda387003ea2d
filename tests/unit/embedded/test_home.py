"""The state folder: who may have it, who is in it, what is removed."""

import fcntl
import json
import os
import tempfile
from pathlib import Path

import pytest

from embedded import home as homes
from embedded.home import Home, create, create_sockets, find_home, is_locked, lock, lock_children, remove, running_pid
from embedded.problems import EmbeddedError
from embedded.state import Part, ServicePart, State, load


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return Home(tmp_path / "home")


def mode(path: Path) -> str:
    return oct(path.stat().st_mode & 0o777)


def test_the_folder_is_in_the_current_one_by_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_home({}).root == tmp_path / ".fitnesshub"
    assert find_home({"FITNESSHUB_HOME": "state"}).root == tmp_path / "state"
    assert find_home({"FITNESSHUB_HOME": "/srv/state"}).root == Path("/srv/state")


def test_folders_are_private_whatever_they_were(home: Home) -> None:
    home.root.mkdir(mode=0o755)
    create(home)
    home.secrets.chmod(0o755)
    create(home)
    folders = [home.root, home.data, home.secrets, home.logs, home.run]
    assert [mode(folder) for folder in folders] == ["0o700"] * len(folders)


def test_a_folder_with_other_things_is_refused(home: Home) -> None:
    home.root.mkdir()
    (home.root / "thesis.tex").touch()
    with pytest.raises(EmbeddedError, match="holds files that aren't FitnessHub's"):
        create(home)
    with pytest.raises(EmbeddedError, match="there is no state"):
        remove(home)
    assert (home.root / "thesis.tex").exists()


def test_a_file_is_refused(home: Home) -> None:
    home.root.touch()
    with pytest.raises(EmbeddedError, match="is not a folder"):
        create(home)


def test_the_socket_folder_is_short_and_always_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep, other = Home(Path("/" + "x" * 200)), Home(Path("/" + "y" * 200))
    assert deep.sockets == Home(deep.root).sockets != other.sockets
    assert len(str(deep.sockets)) < 60 or not str(tempfile.gettempdir()).startswith("/tmp")
    monkeypatch.setattr(tempfile, "tempdir", "/tmp/" + "z" * 120)
    assert deep.sockets.parent == Path("/tmp")


def test_the_socket_folder_comes_back_private(home: Home) -> None:
    create_sockets(home)
    home.sockets.chmod(0o777)
    create_sockets(home)
    assert mode(home.sockets) == "0o700"
    homes.remove_sockets(home)
    assert not home.sockets.exists()
    create_sockets(home)
    assert mode(home.sockets) == "0o700"


def test_a_link_for_a_socket_folder_is_refused_and_kept(home: Home, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    home.sockets.symlink_to(elsewhere)
    homes.remove_sockets(home)
    with pytest.raises(EmbeddedError, match="must be a folder"):
        create_sockets(home)
    assert elsewhere.is_dir()


def test_somebody_elses_socket_folder_is_refused_and_kept(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    home.sockets.mkdir()
    stranger = os.geteuid() + 1
    monkeypatch.setattr(os, "geteuid", lambda: stranger)
    homes.remove_sockets(home)
    with pytest.raises(EmbeddedError, match="belongs to another user"):
        create_sockets(home)


def test_one_supervisor_at_a_time(home: Home) -> None:
    create(home)
    assert running_pid(home) is None
    with lock(home):
        assert running_pid(home) == os.getpid()
        with pytest.raises(EmbeddedError, match=rf"already running in .*pid {os.getpid()}"):
            lock(home)
    assert running_pid(home) is None
    lock(home).close()


def test_a_start_waits_for_what_is_left_of_an_earlier_stack(home: Home) -> None:
    create(home)
    with lock_children(home), pytest.raises(EmbeddedError, match=rf"still running \(pids: {os.getpid()}\)"):
        lock_children(home, timeout=0.1)
    lock_children(home, timeout=0.1).close()


def test_looking_for_a_lock_does_not_take_it(home: Home) -> None:
    create(home)
    assert not is_locked(home.lock_file)
    with lock(home) as held:
        assert is_locked(home.lock_file)
        fcntl.flock(held, fcntl.LOCK_UN)
        assert not is_locked(home.lock_file)


def test_removing_spares_what_is_not_ours_and_what_is_running(home: Home) -> None:
    create(home)
    create_sockets(home)
    with lock(home), pytest.raises(EmbeddedError, match="already running"):
        remove(home)
    (home.root / "notes.txt").touch()
    remove(home)
    assert [path.name for path in home.root.iterdir()] == ["notes.txt"]
    assert not home.sockets.exists()


def test_state_is_read_while_its_supervisor_lives(home: Home) -> None:
    create(home)
    state = State("split", os.getpid(), "http://h:1", "h:2", "http://h:3", "postgresql://", "redis://", "0.1.0", 1.5)
    state.services.append(ServicePart("user", "h:4", process="user-serve", metrics="http://h:5/metrics"))
    state.servers.append(Part("valkey", "unix:///x", "up", "9.1.2", 17))
    with lock(home):
        assert load(home) is None
        state.save(home)
        assert load(home) == state
        found = json.loads(home.state_file.read_text())
        home.state_file.write_text(json.dumps(found | {"pid": 1}))
        assert load(home) is None, "an earlier run's"
        state.save(home)
    assert load(home) is None, "nobody holds the lock"
    assert mode(home.state_file) == "0o600"
