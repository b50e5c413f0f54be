"""Whether a directory is the same on two machines, and paths in one that is."""

from __future__ import annotations

import os
from pathlib import Path


def identify(directory: str | Path) -> str:
    """Return what a directory is known by on every machine that shares it.

    Its path, its number in its file system and when its list of files was last changed: alone, the
    first two would be the same on machines that were made from one image.

    Returns
    -------
    str
        Empty when it cannot be looked at.
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
        Relative to the directory, absolute, or with ``~``.
    identity : str
        Of the directory, see :func:`identify`.
    """
    directory = Path(os.path.realpath(identity.split(":", 2)[2]))
    found = Path(os.path.realpath(directory / Path(path).expanduser()))
    return str(found) if found.is_relative_to(directory) and found.exists() else None
