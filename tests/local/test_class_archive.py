"""The archive of the daemons' classes: used where it fits, and nothing fails where it does not."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from yarnkernel.local import class_archive
from yarnkernel.local.sites import JAVA_MODULE_OPTIONS
from yarnkernel.local.state import JAVA_START_OPTIONS, read_state

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Shell
    from yarnkernel.local.state import ClusterState

#: As a JVM writes them down, of Java and of Hadoop.
CLASSES = "java/lang/Object\njava/lang/String\norg/apache/hadoop/util/VersionInfo\n"


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the archives are, in a cache without any."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache/yarnkernel/classes"


@pytest.fixture
def state(
    cluster: dict[str, Any], user_shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> ClusterState:
    monkeypatch.setenv("HOME", user_shell.environment["HOME"])
    state = read_state("default")
    assert state is not None
    assert state.directory == cluster["directory"]
    return state


def options(state: ClusterState) -> list[str]:
    return class_archive.java_options(state, "resourcemanager")


def listing(state: ClusterState) -> list[str]:
    """What the ResourceManager's JVM is told where there is no archive."""
    return [f"-XX:DumpLoadedClassList={state.path / 'tmp' / 'classes'}"]


def make(state: ClusterState, directory: Path, class_list: Path) -> Path:
    """Make the archive, in an empty directory or one that has it."""
    class_list.write_text(CLASSES)
    base = class_archive._base_of(state)
    assert base is not None
    jars = os.path.realpath(state.jars)
    class_archive.main(state.java_home, f"{jars}/*", str(class_list), str(base), delay=0)
    (archive,) = directory.glob("*.jsa")
    return archive


def test_fits_and_is_made_once(state: ClusterState, directory: Path, tmp_path: Path) -> None:
    assert options(state) == listing(state)
    assert class_archive.java_options(state, "nodemanager0") == []
    archive = make(state, directory, tmp_path / "list")
    assert options(state) == [f"-XX:SharedArchiveFile={archive}"]
    assert class_archive.java_options(state, "nodemanager0") == options(state)
    shown = subprocess.run(
        [
            *(f"{state.java_home}/bin/java", "-Xshare:on", "-Xlog:class+load", *options(state)),
            *JAVA_START_OPTIONS,
            *JAVA_MODULE_OPTIONS,
            *("-cp", class_archive.class_path(state, state.conf_dir)),
            "org.apache.hadoop.util.VersionInfo",
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout
    assert "org.apache.hadoop.util.VersionInfo source: shared objects file" in shown
    inode = archive.stat().st_ino
    assert make(state, directory, tmp_path / "list").stat().st_ino == inode
    assert {path.suffix for path in directory.iterdir()} == {".jsa", ".lock"}


def test_part_of_one_is_not_used_and_made_anew(
    state: ClusterState, directory: Path, tmp_path: Path
) -> None:
    """A JVM would crash with it."""
    archive = make(state, directory, tmp_path / "list")
    size = archive.stat().st_size
    archive.chmod(0o600)
    os.truncate(archive, size // 2)
    assert options(state) == listing(state)
    assert make(state, directory, tmp_path / "list").stat().st_size == size


def test_unused_ones_are_removed(state: ClusterState, directory: Path, tmp_path: Path) -> None:
    directory.mkdir(parents=True)
    (old := directory / "0123456789abcdef-3.jsa").write_bytes(b"old")
    (new := directory / "0123456789abcdee-3.jsa").write_bytes(b"new")
    long_ago = time.time() - class_archive.UNUSED - 60
    os.utime(old, (long_ago, long_ago))
    with pytest.raises(ValueError, match="too many values"):  # ours, and the new one
        make(state, directory, tmp_path / "list")
    assert new.exists()
    assert not old.exists()


def test_where_none_can_be_made(state: ClusterState, directory: Path, tmp_path: Path) -> None:
    base = class_archive._base_of(state)
    assert base is not None
    class_archive.main(str(tmp_path), "*", str(tmp_path / "none"), str(base), delay=0)
    assert [path.suffix for path in directory.iterdir()] == [".lock"]
    shutil.rmtree(directory)
    directory.touch()
    class_archive.main(state.java_home, "*", str(tmp_path / "none"), str(base), delay=0)
    assert class_archive._find(base) is None


def test_java_or_jars_that_have_changed(
    state: ClusterState, directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(state, directory, tmp_path / "list")
    java, jars = tmp_path / "java", tmp_path / "jars"
    java.symlink_to(os.path.realpath(state.java_home))
    jars.mkdir()
    other = replace(state, directory=str(tmp_path))
    assert options(other) == listing(other)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "one:two"))
    assert options(state) == []
