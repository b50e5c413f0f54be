"""A path to a cluster's directory that Hadoop's shell scripts can handle.

The launch scripts of Hadoop's DefaultContainerExecutor do not quote local directories, and skein
does not quote ``JAVA_HOME``: a space in the name of a home would break every container. Such a
directory gets a link with a plain name, in the user's own directory in the system's temporary one.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
import tempfile
from pathlib import Path

from yarnkernel.errors import LocalClusterError


def is_plain(path: Path) -> bool:
    """Return whether a path has only characters without special meaning in shell scripts."""
    return re.fullmatch(r"[A-Za-z0-9/._+@-]+", str(path)) is not None


def mark_of(directory: Path) -> str:
    """Return the mark of all processes of the cluster with this directory, a plain word."""
    return hashlib.sha256(os.fsencode(directory)).hexdigest()[:32]


def _links_directory() -> Path:
    """Return the user's own directory for links, which nobody else can write to."""
    path = Path(tempfile.gettempdir()) / f"yarnkernel-{os.getuid()}"
    if not is_plain(path):
        raise LocalClusterError(f"Hadoop cannot work below {path}; set TMPDIR to a plain path")
    path.mkdir(mode=0o700, exist_ok=True)
    _check_owner(path)
    return path


def _check_owner(path: Path) -> None:
    entry = path.lstat()
    if not stat.S_ISDIR(entry.st_mode) or entry.st_uid != os.getuid() or entry.st_mode & 0o077:
        raise LocalClusterError(f"{path} is not a directory of yours alone; remove it")


def make_work_dir(directory: Path) -> Path:
    """Return a plain path to a cluster's directory: itself, or a link to it.

    Parameters
    ----------
    directory : pathlib.Path
        The cluster's directory; need not exist yet.

    Returns
    -------
    pathlib.Path
        An absolute path to the same directory.

    Raises
    ------
    LocalClusterError
        When a link is needed and there is no safe place for it.
    """
    if is_plain(directory):
        return directory
    link = _links_directory() / mark_of(directory)
    link.unlink(missing_ok=True)
    link.symlink_to(directory)
    return link


def check_work_dir(path: Path) -> None:
    """Check that a path from :func:`make_work_dir` still leads to the same directory.

    Systems remove old files in their temporary directory; files that others put there later, such
    as a ``java``, must not be run.

    Raises
    ------
    LocalClusterError
        When it does not.
    """
    if not path.exists():
        raise LocalClusterError(
            f"{path} is not there any more, without which the cluster cannot be used; "
            "next: yarnkernel cluster stop"
        )
    if path.is_symlink():
        _check_owner(path.parent)


def remove_work_dir(directory: Path) -> None:
    """Remove the link of a cluster's directory, if it has one."""
    if not is_plain(directory):
        (_links_directory() / mark_of(directory)).unlink(missing_ok=True)
