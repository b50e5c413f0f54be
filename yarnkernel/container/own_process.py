"""Settings of the supervisor's own process, and how the kernel gets the original ones back.

The process holds keys and tokens that the kernel, which runs as the same user, must not read.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

#: prctl(2).
_PR_SET_DUMPABLE, _PR_SET_CHILD_SUBREAPER = 4, 36
_NOFILE, _CORE = resource.RLIMIT_NOFILE, resource.RLIMIT_CORE

#: Enough for all clients; far more would make Python slow to start processes.
FILES = 4096
#: Files that are open briefly while a process starts or a client connects, and some spare.
SPARE = 16

_given: dict[int, tuple[int, int]] = {}


def close_to_others() -> None:
    """Hide this process' memory and environment from others, and prevent core dumps.

    Processes of the same user can then neither read them nor trace it. Its children are not
    affected, as exec makes a process dumpable again.
    """
    _note_limits()
    _prctl(_PR_SET_DUMPABLE, 0)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(_CORE, (0, _given[_CORE][1]))


def adopt_orphans() -> None:
    """Become the parent of orphaned descendants of the kernel."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def raise_file_limit() -> int:
    """Raise this process' limit of open files as far as it may need; return the limit."""
    _note_limits()
    soft, hard = resource.getrlimit(_NOFILE)
    if soft != resource.RLIM_INFINITY:
        wanted = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
        soft = max(soft, wanted)
        resource.setrlimit(_NOFILE, (soft, hard))
    return FILES if soft == resource.RLIM_INFINITY else soft


@contextlib.contextmanager
def limits_as_given() -> Iterator[None]:
    """Start processes under this process' original limits in the body.

    Programs that use select(2) fail with file descriptors above 1023, and limits set later would
    undo the process' own. While this process has too many files open, its children keep the raised
    limit.
    """
    ours = {kind: resource.getrlimit(kind) for kind in _given}
    for kind, limits in _given.items():
        if kind != _NOFILE or limits[0] == resource.RLIM_INFINITY or _fits(limits[0]):
            resource.setrlimit(kind, limits)
    try:
        yield
    finally:
        for kind, limits in ours.items():
            resource.setrlimit(kind, limits)


def has_spare_files() -> bool:
    """Return whether this process can open a few more files."""
    return len(_next_files()) == SPARE


def _fits(files: int) -> bool:
    """Return whether a process can be started without file descriptors above a limit."""
    found = _next_files()
    return len(found) == SPARE and max(found) < files


def _next_files() -> list[int]:
    """Return the file descriptors that will be used next."""
    opened: list[int] = []
    with contextlib.suppress(OSError):
        for _ in range(SPARE):
            opened.append(os.open(os.devnull, os.O_RDONLY))  # noqa: PERF401  (any may fail)
    for descriptor in opened:
        os.close(descriptor)
    return opened


def _note_limits() -> None:
    for kind in (_NOFILE, _CORE):
        _given.setdefault(kind, resource.getrlimit(kind))


def _prctl(option: int, value: int) -> None:
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)
