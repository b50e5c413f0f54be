"""An archive of the classes that Hadoop's daemons load, with which their JVMs start faster.

See "Class Data Sharing" in the manual of the JDK. There is one for each Java and each directory
of jars, in the user's cache directory. Nothing depends on it: a JVM that finds none, or one that
does not fit any more, reads the classes from the jars.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs

from yarnkernel.local.sites import JAVA_MODULE_OPTIONS
from yarnkernel.local.state import JAVA_START_OPTIONS
from yarnkernel.python_command import python_command

if TYPE_CHECKING:
    from collections.abc import Mapping

    from yarnkernel.local.state import ClusterState

#: Seconds that a cluster runs before its archive is made, which takes a processor 13 s: who tries
#: one for a moment does not pay for the next ones.
DELAY = 120.0
#: Seconds that it may take, on a machine that has more urgent things to do.
MAKE_TIMEOUT = 900.0
#: Seconds without a start after which an archive, of 80 MB, is removed.
UNUSED = 30 * 86_400.0
#: What makes one, in a process of its own, and what its JVM is told.
MAKER, MAKER_OPTION = "yarnkernel.local.class_archive", "-Xshare:dump"


def class_path(state: ClusterState, conf_dir: Path) -> str:
    """Class path of a daemon: an archive fits where it begins as it did when it was made.

    No jar of the lock has a file that has to be found in ``conf_dir``.
    """
    jars = os.path.realpath(state.jars)
    return f"{jars}/*:{conf_dir}" if ":" not in jars else f"{conf_dir}:{state.jars}/*"


def _base_of(state: ClusterState) -> Path | None:
    """What the path of the archive of a cluster's Java and jars begins with; None without one.

    A Java or a directory of jars that has changed since has another one.
    """
    java, jars = os.path.realpath(state.java_home), os.path.realpath(state.jars)
    try:
        modules, directory = Path(java, "lib", "modules").stat(), Path(jars).stat()
    except OSError:
        return None
    parts = (java, modules.st_mtime_ns, modules.st_size, jars, directory.st_mtime_ns)
    key = hashlib.sha256(repr(parts).encode()).hexdigest()[:16]
    base = platformdirs.user_cache_path("yarnkernel") / "classes" / key
    # A JVM takes a colon for the end of a path.
    return None if ":" in f"{jars}{base}" else base


def _is_whole(archive: Path) -> bool:
    """Whether an archive has the size that its name tells: a JVM would crash with a part of one."""
    return archive.name.endswith(f"-{archive.stat().st_size}.jsa")


def _find(base: Path) -> Path | None:
    try:
        whole = [path for path in base.parent.glob(f"{base.name}-*.jsa") if _is_whole(path)]
    except OSError:
        return None
    return whole[0] if whole else None


def _class_list(state: ClusterState) -> Path:
    return state.path / "tmp" / "classes"


def java_options(state: ClusterState, name: str) -> list[str]:
    """Options that let a daemon's JVM use the archive.

    Where there is none yet, the ResourceManager, which has nearly all classes of the
    others, writes down what it loads.
    """
    base = _base_of(state)
    if base is None:
        return []
    if (archive := _find(base)) is None:
        is_first = name == state.options.resourcemanagers[0]
        return [f"-XX:DumpLoadedClassList={_class_list(state)}"] if is_first else []
    with contextlib.suppress(OSError):
        os.utime(archive)  # it is in use: see UNUSED
    return [f"-XX:SharedArchiveFile={archive}"]


def maker_arguments(state: ClusterState) -> list[str]:
    """What :func:`main` takes for the archive of a running cluster; nothing when it is there."""
    base = _base_of(state)
    if base is None or _find(base) or not _class_list(state).exists():
        return []
    jars = os.path.realpath(state.jars)
    return [state.java_home, f"{jars}/*", str(_class_list(state)), str(base)]


def make_later(state: ClusterState, environment: Mapping[str, str]) -> None:
    """Start a process that makes the archive after a while, unless it is there.

    It ends with the cluster at the latest.
    """
    if not (arguments := maker_arguments(state)):
        return
    subprocess.Popen(
        [*python_command(MAKER), *arguments],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def _make(java_home: str, class_path: str, class_list: str, base: Path) -> None:
    part = base.with_suffix(".part")
    command = [
        *(f"{java_home}/bin/java", MAKER_OPTION),
        *JAVA_START_OPTIONS,
        *JAVA_MODULE_OPTIONS,
        f"-XX:SharedClassListFile={class_list}",
        f"-XX:SharedArchiveFile={part}",
        *("-cp", class_path),
    ]
    try:
        subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=MAKE_TIMEOUT, check=True
        )
        # At once: JVMs may be starting.
        part.replace(base.with_name(f"{base.name}-{part.stat().st_size}.jsa"))
    finally:
        part.unlink(missing_ok=True)


def _remove_useless(directory: Path) -> None:
    for path in directory.glob("*.jsa"):
        if not _is_whole(path) or time.time() - path.stat().st_mtime > UNUSED:
            path.unlink()


def main(
    java_home: str, class_path: str, class_list: str, name: str, *, delay: float = DELAY
) -> None:
    """Make an archive, once, however many clusters have been started.

    Parameters
    ----------
    java_home : str
        The Java that it is for.
    class_path : str
        What its class path begins with.
    class_list : str
        A file with the names of the classes.
    name : str
        What the archive's path begins with.
    delay : float, optional
        Seconds before it is begun.
    """
    import filelock  # noqa: PLC0415  (an extra)

    time.sleep(delay)
    base = Path(name)
    with contextlib.suppress(OSError, subprocess.SubprocessError, filelock.Timeout):
        base.parent.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(base.with_suffix(".lock"), timeout=0):
            if _find(base) is None:
                _remove_useless(base.parent)
                _make(java_home, class_path, class_list, base)


if __name__ == "__main__":
    os.nice(10)
    main(*sys.argv[1:])
