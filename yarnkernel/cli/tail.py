"""The last lines of logs, which places return by bytes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from yarnkernel.kernels.log_files import LogFile, join_pieces

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from yarnkernel.kernels.handle import Kernel

#: Assumed length of a line in bytes.
_OF_A_LINE = 200
#: Most bytes read of a file, as lines may be endless.
_MOST = 64 << 20


def last_lines(kernel: Kernel, lines: int, *, every: bool, timeout: float) -> list[LogFile]:
    """Read the last lines of a kernel's log, or of all its log files.

    Parameters
    ----------
    kernel : Kernel
        The kernel.
    lines : int
        How many lines of each file.
    every, timeout
        See :meth:`yarnkernel.kernels.handle.Kernel.logs`.
    """
    size = min(lines * _OF_A_LINE, _MOST)
    while True:
        files = join_pieces(kernel.logs(every=every, last_bytes=size, timeout=timeout))
        if size == _MOST or all(_has(file.text, lines, size) for file in files):
            return [replace(file, text=_end(file.text, lines)) for file in files]
        size = min(size * 8, _MOST)


def _has(text: str, lines: int, size: int) -> bool:
    """Return whether a file's last bytes are the whole file or contain enough lines."""
    return text.count("\n") > lines or len(text.encode()) < size


def _end(text: str, lines: int) -> str:
    return "".join(text.splitlines(keepends=True)[-lines:])


def from_last_lines(kernel: Kernel, lines: int, *, every: bool) -> Iterator[LogFile]:
    """Follow a kernel's log from its last lines on; see :func:`last_lines`."""
    shown: set[tuple[str, str]] = set()
    news: Iterable[LogFile] = kernel.follow_logs(every=every, last_bytes=lines * _OF_A_LINE * 8)
    for piece in news:
        source = piece.container, piece.name
        yield piece if source in shown else replace(piece, text=_end(piece.text, lines))
        shown.add(source)
