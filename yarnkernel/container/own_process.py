"""The supervisor's own process: what it takes from Linux for itself, and gives back to the kernel.

It holds keys and tokens that a kernel, which is the same user, must not read.
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

#: Enough for all clients; with far more, Python takes long to start a process.
FILES = 4096
#: Files that are open for a moment while a process is started or a client comes, and some.
SPARE = 16

_given: dict[int, tuple[int, int]] = {}


def close_to_others() -> None:
    """Keep this process' memory and environment to itself, and its core from any file.

    Processes of the same user can read neither then, nor trace it. What it starts is as ever:
    exec makes a process dumpable again.
    """
    _note_limits()
    _prctl(_PR_SET_DUMPABLE, 0)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(_CORE, (0, _given[_CORE][1]))


def adopt_orphans() -> None:
    """Become the parent of what the kernel's processes leave behind, wherever they have put it."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def raise_file_limit() -> int:
    """Allow this process as many open files as it needs at most, and return how many it may."""
    _note_limits()
    soft, hard = resource.getrlimit(_NOFILE)
    if soft != resource.RLIM_INFINITY:
        wanted = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
        soft = max(soft, wanted)
        resource.setrlimit(_NOFILE, (soft, hard))
    return FILES if soft == resource.RLIM_INFINITY else soft


@contextlib.contextmanager
def limits_as_given() -> Iterator[None]:
    """Let the body start a process under the limits that this one was started with.

    Programs that use select(2) do not work with file descriptors above 1023; and set afterwards,
    limits would undo what the process has set itself. While this process has too many
    files open for that, what it starts may open as many.
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
    """Say whether this process can open some more files."""
    return len(_next_files()) == SPARE


def _fits(files: int) -> bool:
    """Say whether a process can be started without a file descriptor above so many."""
    found = _next_files()
    return len(found) == SPARE and max(found) < files


def _next_files() -> list[int]:
    """Return the file descriptors that are going to be used next, as many as there are."""
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
