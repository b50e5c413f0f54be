"""An archive of the classes that Hadoop's daemons load, to make their JVMs start faster.

See "Class Data Sharing" in the manual of the JDK. There is one for each Java and each directory of
jars, in the user's cache directory. Nothing depends on it: if it is missing or no longer fits, a
JVM reads the classes from the jars.
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

#: Seconds that a cluster runs before its archive is made, which takes 13 s of a processor: not
#: worth it for a cluster that is used for a moment.
DELAY = 120.0
#: Seconds for making it, at a low priority on a busy machine.
MAKE_TIMEOUT = 900.0
#: Seconds without use after which an archive, of 80 MB, is removed.
UNUSED = 30 * 86_400.0
#: The module that makes one in a separate process, and the option of its JVM.
MAKER, MAKER_OPTION = "yarnkernel.local.class_archive", "-Xshare:dump"


def class_path(state: ClusterState, conf_dir: Path) -> str:
    """Return a daemon's class path, which begins with the archive's class path, so that it fits.

    No jar of the lock has a file that has to be found in ``conf_dir``.
    """
    jars = os.path.realpath(state.jars)
    return f"{jars}/*:{conf_dir}" if ":" not in jars else f"{conf_dir}:{state.jars}/*"


def _base_of(state: ClusterState) -> Path | None:
    """Return the start of the archive's path for a cluster's Java and jars; None without one.

    It differs if the Java or the directory of jars has changed.
    """
    java, jars = os.path.realpath(state.java_home), os.path.realpath(state.jars)
    try:
        modules, directory = Path(java, "lib", "modules").stat(), Path(jars).stat()
    except OSError:
        return None
    parts = (java, modules.st_mtime_ns, modules.st_size, jars, directory.st_mtime_ns)
    key = hashlib.sha256(repr(parts).encode()).hexdigest()[:16]
    base = platformdirs.user_cache_path("yarnkernel") / "classes" / key
    # A JVM reads a colon as the end of a path.
    return None if ":" in f"{jars}{base}" else base


def _is_whole(archive: Path) -> bool:
    """Return whether an archive has the size in its name: a JVM would crash with a partial one."""
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
    """Return options that let a daemon's JVM use the archive.

    If there is none yet, the ResourceManager, which loads nearly all classes of the other daemons,
    lists the classes that it loads.
    """
    base = _base_of(state)
    if base is None:
        return []
    if (archive := _find(base)) is None:
        is_first = name == state.options.resourcemanagers[0]
        return [f"-XX:DumpLoadedClassList={_class_list(state)}"] if is_first else []
    with contextlib.suppress(OSError):
        os.utime(archive)  # marks it as used: see UNUSED
    return [f"-XX:SharedArchiveFile={archive}"]


def maker_arguments(state: ClusterState) -> list[str]:
    """Return :func:`main`'s arguments for a running cluster's archive; empty if it exists."""
    base = _base_of(state)
    if base is None or _find(base) or not _class_list(state).exists():
        return []
    jars = os.path.realpath(state.jars)
    return [state.java_home, f"{jars}/*", str(_class_list(state)), str(base)]


def make_later(state: ClusterState, environment: Mapping[str, str]) -> None:
    """Start a process that makes the archive after a while, unless it exists.

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
        # Atomically, as JVMs may be starting.
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
    """Make an archive, only once even if several clusters have been started.

    Parameters
    ----------
    java_home : str
        The Java for which it is made.
    class_path : str
        The start of its class path.
    class_list : str
        A file with the names of the classes.
    name : str
        The start of the archive's path.
    delay : float, optional
        Seconds before it is made.
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
