"""``--file`` and ``--sync``: what of this machine goes to the kernel, and what came of it."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from yarnkernel.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Variable of the kernel with the directory there that ``--sync`` keeps.
SYNC_VARIABLE = "YARNKERNEL_SYNC"


def check_files(texts: Sequence[str]) -> dict[str, Path]:
    """Read ``PATH[:NAME]``; what comes after a colon is no name where the whole is a path.

    Parameters
    ----------
    texts : sequence of str
        As the option has them.

    Returns
    -------
    dict of str to pathlib.Path
        Files and directories of this machine, by the names that they get.

    Raises
    ------
    UsageError
        When one is not there, or its name cannot be one.
    """
    found: dict[str, Path] = {}
    for text in texts:
        path, colon, name = text.rpartition(":")
        if not colon or os.path.lexists(text):
            path, name = text, Path(text).name
        if name in ("", ".", "..") or "/" in name:
            raise UsageError(f"--file {text!r}: {name!r} is no name; next: --file PATH:NAME")
        if name in found:
            raise UsageError(f"--file: {name!r} is there twice; next: --file PATH:NAME")
        there = Path(path)
        if not (there.is_file() or there.is_dir()):
            what = "neither a file nor a directory" if there.exists() else "not there"
            raise UsageError(f"--file {text!r}: {path} is {what}")
        if not os.access(there, os.R_OK):
            raise UsageError(f"--file {text!r}: {path} cannot be read")
        found[name] = there.resolve()
    return found


def check_sync(text: str) -> None:
    """Look for the directory that is to be kept the same.

    Raises
    ------
    UsageError
        When it is none.
    """
    if text and not Path(text).is_dir():
        raise UsageError(f"--sync {text}: there is no such directory")


@dataclass
class SyncResult:
    """What came of bringing changes either way; all paths are relative to the directory.

    Attributes
    ----------
    sent, fetched : list of str
        What was newer here, or there.
    removed_here, removed_there : list of str
        What was removed as it is gone on the other side.
    kept : list of str
        What is gone on one side, and was left alone on the other.
    conflicts : dict of str to str
        What was left alone as it has changed on both sides, or while it travelled, and why.
    left_out : dict of str to str
        What never travels, and why.
    """

    sent: list[str] = field(default_factory=list)
    fetched: list[str] = field(default_factory=list)
    removed_here: list[str] = field(default_factory=list)
    removed_there: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    conflicts: dict[str, str] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
