"""Waits that strangers, file systems and impatient people used to break."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import shutil
import socket
import subprocess
import tempfile
from typing import TYPE_CHECKING

import pytest

from yarnkernel.deadline import Deadline
from yarnkernel.errors import LocalClusterError
from yarnkernel.local.artefacts import Artefact, _copy_from_maven
from yarnkernel.local.cluster import _check_locks
from yarnkernel.local.work_dir import check_work_dir, make_work_dir
from yarnkernel.yarn.skein_driver import _await_port

if TYPE_CHECKING:
    from pathlib import Path


def test_stranger_at_the_port_where_a_driver_calls_back() -> None:
    """What is no port is no driver's; the driver comes after it."""
    with contextlib.ExitStack() as stack:
        callback = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        process = stack.enter_context(subprocess.Popen(["sleep", "60"]))
        stack.callback(process.kill)
        log = stack.enter_context(tempfile.TemporaryFile())
        for said in (b"", b"ab", (4711).to_bytes(4, "big")):
            with socket.create_connection(callback.getsockname()) as connection:
                connection.sendall(said)
        assert _await_port(process, callback, log) == 4711


@pytest.mark.parametrize("seconds", [1e300, float("inf")])
def test_deadline_that_is_far_away(seconds: float) -> None:
    """Who wants to wait for ever waits as long as sockets can be told to."""
    with socket.socket() as one:
        one.settimeout(Deadline(seconds).step(seconds))
    assert Deadline(seconds).remaining > 1e6


def test_file_system_without_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _check_locks(tmp_path)

    def flock(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", flock)
    with pytest.raises(LocalClusterError, match=r"No locks available; next: set XDG_STATE_HOME"):
        _check_locks(tmp_path)


def test_link_that_somebody_else_has_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Temporary directories are cleaned after days, and the next to make it need not be us."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    directory = tmp_path / "a home"
    directory.mkdir()
    link = make_work_dir(directory)
    check_work_dir(link)
    check_work_dir(directory)
    link.parent.chmod(0o777)
    with pytest.raises(LocalClusterError, match="is not a directory of yours alone"):
        check_work_dir(link)
    link.unlink()
    link.parent.rmdir()
    with pytest.raises(LocalClusterError, match="is not there any more"):
        check_work_dir(link)


def test_jar_that_changes_while_it_is_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The copy is what is used, so the copy is what is checked."""
    local = tmp_path / ".m2/repository/a/a.jar"
    local.parent.mkdir(parents=True)
    local.write_bytes(b"good")
    digest = "770e607624d689265ca6c44884d0807d9b054d23c473c106c72be9de08b7376c"
    artefact = Artefact("a/a.jar", 4, digest)
    monkeypatch.setenv("HOME", str(tmp_path))
    (target := tmp_path / "jars").mkdir()
    assert _copy_from_maven(artefact, target)
    (target / "a.jar").unlink()

    def exchanged(_source: Path, part: Path) -> None:
        part.write_bytes(b"evil")

    monkeypatch.setattr(shutil, "copyfile", exchanged)
    assert not _copy_from_maven(artefact, target)
    assert list(target.iterdir()) == []
