"""Finds out whether two machines share a directory, and resolves paths in one."""

from __future__ import annotations

import os
from pathlib import Path


def identify(directory: str | Path) -> str:
    """Return an identity that is equal on all machines that share a directory.

    It consists of path, inode number and last change. The first two alone could be equal on
    machines that were cloned from one image.

    Returns
    -------
    str
        Empty if it cannot be read.
    """
    path = Path(directory).absolute()
    try:
        status = path.stat()
    except OSError:
        return ""
    return f"{status.st_ino}:{status.st_mtime_ns}:{path}"


def resolve(path: str, identity: str) -> str | None:
    """Return the absolute path of a file below a directory; None for others.

    Parameters
    ----------
    path : str
        Relative to the directory, absolute or with ``~``.
    identity : str
        The directory's, see :func:`identify`.
    """
    directory = Path(os.path.realpath(identity.split(":", 2)[2]))
    found = Path(os.path.realpath(directory / Path(path).expanduser()))
    return str(found) if found.is_relative_to(directory) and found.exists() else None
