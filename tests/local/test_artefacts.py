"""Hadoop's artefacts: fetched once, from where the user says, and only what the lock lists."""

from __future__ import annotations

import contextlib
import functools
import http.server
import signal
import threading
from typing import TYPE_CHECKING

import pytest

from tests.conftest import CACHE, Shell, finish
from yarnkernel.local import kdc
from yarnkernel.local.artefacts import load_lock
from yarnkernel.local.options import HADOOP_VERSIONS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

VERSION = HADOOP_VERSIONS[0]
ARTEFACTS = load_lock(f"hadoop-{VERSION}")
START = ("cluster", "start", "--name", "artefacts")
#: Enough of a Java for these tests: the cluster ends as soon as the artefacts are there.
JAVA = """\
#!/bin/sh
[ "$1" != -version ] || { echo 'openjdk version "17.0.9"' >&2; exit; }
echo 'Error: this Java runs no daemon'
exit 1
"""
THERE = "ended while it started: Error: this Java runs no daemon"


@pytest.fixture(scope="session")
def maven(cluster: object, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory laid out as a Maven repository, with all artefacts."""
    assert cluster
    root = tmp_path_factory.mktemp("maven")
    for artefact in ARTEFACTS:
        target = root / artefact.path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(CACHE / "yarnkernel" / f"hadoop-{VERSION}" / artefact.name)
    return root


class _Repository(http.server.SimpleHTTPRequestHandler):
    asked: list[str]

    def log_message(self, *_: object) -> None:
        self.asked.append(self.path)


@pytest.fixture
def served(maven: Path) -> Iterator[tuple[str, list[str]]]:
    """A Maven repository on this machine, and what it was asked for."""
    asked: list[str] = []
    handler = functools.partial(
        type("Handler", (_Repository,), {"asked": asked}), directory=str(maven)
    )
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()
        thread.join()


@pytest.fixture
def newcomer(user_shell: Shell, tmp_path: Path) -> Shell:
    """A user whose cache is empty."""
    java = tmp_path / "java/bin/java"
    java.parent.mkdir(parents=True)
    java.write_text(JAVA)
    java.chmod(0o755)
    return user_shell.using(
        HOME=str(tmp_path), XDG_CACHE_HOME=None, JAVA_HOME=str(java.parent.parent)
    )


def cached(shell: Shell) -> list[Path]:
    return sorted((shell_home(shell) / ".cache/yarnkernel" / f"hadoop-{VERSION}").iterdir())


def shell_home(shell: Shell) -> Path:
    from pathlib import Path

    return Path(shell.environment["HOME"])


def test_fetched_once_by_two_at_once(newcomer: Shell, served: tuple[str, list[str]]) -> None:
    url, asked = served
    results = []

    def start(name: str) -> None:
        shell = newcomer.using(YARNKERNEL_MAVEN_URL=url)
        results.append(shell.yarnkernel(*START[:3], name))

    threads = [threading.Thread(target=start, args=(name,)) for name in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [THERE in result.error(1) for result in results] == [True, True]
    assert sorted(asked) == sorted(f"/{artefact.path}" for artefact in ARTEFACTS)
    assert sum("fetching Hadoop's artefacts: 104 MB" in result.err for result in results) == 1
    assert [path.name for path in cached(newcomer)] == sorted(a.name for a in ARTEFACTS)


def test_damaged_ones_are_fetched_again(newcomer: Shell, served: tuple[str, list[str]]) -> None:
    url, asked = served
    start = (*START, "--repository", url)
    newcomer.yarnkernel(*start).error(1)
    missing, short, *_ = cached(newcomer)
    missing.unlink()
    short.write_bytes(b"short")
    (missing.parent / "stranger.jar").write_bytes(b"")
    asked.clear()
    assert THERE in newcomer.yarnkernel(*start).error(1)
    assert {path.rpartition("/")[2] for path in asked} == {missing.name, short.name}
    assert [path.name for path in cached(newcomer)] == sorted(a.name for a in ARTEFACTS)


def test_maven_repository_of_the_user_is_used(newcomer: Shell, maven: Path) -> None:
    (shell_home(newcomer) / ".m2").mkdir()
    (shell_home(newcomer) / ".m2" / "repository").symlink_to(maven)
    # Nobody answers there: whatever is fetched would fail.
    assert THERE in newcomer.yarnkernel(*START, "--repository", "http://127.0.0.1:9").error(1)


def test_offline(newcomer: Shell) -> None:
    error = newcomer.yarnkernel(*START, "--repository", "http://127.0.0.1:9").error(1)
    assert "from http://127.0.0.1:9: it cannot be reached" in error
    assert "is this machine offline?" in error
    assert "--repository or YARNKERNEL_MAVEN_URL" in error
    assert len(error.splitlines()) == 1


def test_repository_with_something_else(
    newcomer: Shell, served: tuple[str, list[str]], maven: Path
) -> None:
    victim = maven / ARTEFACTS[0].path
    there = victim.readlink()
    url, _ = served
    try:
        victim.unlink()
        error = newcomer.yarnkernel(*START, "--repository", url).error(1)
        assert f"it answered 404 for {url}/{ARTEFACTS[0].path}" in error
        victim.write_bytes(b"x" * ARTEFACTS[0].size)
        error = newcomer.yarnkernel(*START, "--repository", url).error(1)
        assert "does not match the known hash" in error
        assert len(error.splitlines()) == 1
    finally:
        victim.unlink(missing_ok=True)
        victim.symlink_to(there)


def test_full_disk_or_no_right_to_write(newcomer: Shell) -> None:
    cache = shell_home(newcomer) / "file"
    cache.write_text("not a directory")
    error = newcomer.using(XDG_CACHE_HOME=str(cache)).yarnkernel(*START).error(1)
    assert "Not a directory" in error
    assert len(error.splitlines()) == 1


@pytest.mark.parametrize("version", HADOOP_VERSIONS)
def test_lock_is_what_the_pom_says(version: str) -> None:
    """The lock's own form; scripts/lock-artefacts --check compares it with Maven's answer."""
    artefacts = load_lock(f"hadoop-{version}")
    assert len({artefact.name for artefact in artefacts}) == len(artefacts) > 150
    assert [a.sha256 for a in artefacts if len(a.sha256) != 64] == []
    assert f"hadoop-common-{version}.jar" in {artefact.name for artefact in artefacts}


def test_lock_of_the_kdc() -> None:
    artefacts = load_lock(kdc.ARTEFACTS)
    assert all(len(artefact.sha256) == 64 for artefact in artefacts)
    assert "hadoop-minikdc-3.5.0.jar" in {artefact.name for artefact in artefacts}


def test_unknown_version_names_those_there_are(newcomer: Shell) -> None:
    result = newcomer.yarnkernel(*START, "--hadoop-version", "2.10.2")
    assert result.code == 2
    assert all(repr(version) in result.err for version in HADOOP_VERSIONS)


def test_interrupted_fetch_does_not_wait_for_slow_downloads(newcomer: Shell) -> None:
    """From a repository that gives 64 KiB in half a second: the first jar would take a minute."""
    asked = threading.Event()
    closing = threading.Event()

    class Slow(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(1 << 23))
            self.end_headers()
            asked.set()
            with contextlib.suppress(OSError):
                while not closing.wait(0.5):
                    self.wfile.write(bytes(1 << 16))

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Slow) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            url = f"http://127.0.0.1:{server.server_port}"
            process = newcomer.start("yarnkernel", *START, "--repository", url)
            assert asked.wait(30)
            process.send_signal(signal.SIGINT)
            finish(process, 15)
        finally:
            closing.set()
            server.shutdown()
            thread.join()
    assert process.returncode == 130
    assert cached(newcomer) == []
