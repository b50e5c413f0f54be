"""``--file`` and ``--sync``: files of this machine that go to the kernel."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from yarnkernel.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Variable of the kernel with the synchronised directory on its host.
SYNC_VARIABLE = "YARNKERNEL_SYNC"


def check_files(texts: Sequence[str]) -> dict[str, Path]:
    """Read ``PATH[:NAME]``; a colon is part of the path if a file of the whole name exists.

    Parameters
    ----------
    texts : sequence of str
        The option's values.

    Returns
    -------
    dict of str to pathlib.Path
        Files and directories of this machine by their new names.

    Raises
    ------
    UsageError
        When one is missing or its new name is invalid.
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
    """Return the directory to synchronise.

    Raises
    ------
    UsageError
        When it is not a directory.
    """
    if text and not Path(text).is_dir():
        raise UsageError(f"--sync {text}: there is no such directory")


@dataclass
class SyncResult:
    """The result of a synchronisation; all paths are relative to the directory.

    Attributes
    ----------
    sent, fetched : list of str
        Files that were newer here, or there.
    removed_here, removed_there : list of str
        Files that were deleted as they are gone on the other side.
    kept : list of str
        Files that are gone on one side and were kept on the other.
    conflicts : dict of str to str
        Files that were left alone because they changed on both sides or during the transfer, with
        the reason.
    left_out : dict of str to str
        Files that are never transferred, with the reason.
    """

    sent: list[str] = field(default_factory=list)
    fetched: list[str] = field(default_factory=list)
    removed_here: list[str] = field(default_factory=list)
    removed_there: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    conflicts: dict[str, str] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
