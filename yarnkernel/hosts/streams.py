"""Archives sent to a host, or fetched from it, in pieces: packed and unpacked on the fly.

This file is sent to hosts with :mod:`yarnkernel.hosts.helper`. Archives are not stored: a thread at
the other end of a pipe packs or unpacks them.
"""

from __future__ import annotations

import base64
import contextlib
import errno
import io
import os
import select
import threading
from typing import IO, TYPE_CHECKING, Any

from yarnkernel.hosts import tree

if TYPE_CHECKING:
    from collections.abc import Callable

#: Seconds without a piece sent or fetched after which a stream is given up.
PATIENCE = 120.0
#: Seconds for the last piece to be written.
LAST_TIMEOUT = 60.0


class _Stream:
    """A pipe with a thread at one end.

    Parameters
    ----------
    work : callable
        Run by the thread with its end.
    incoming : bool
        Whether the thread reads.
    """

    def __init__(self, work: Callable[[IO[bytes]], Any], *, incoming: bool) -> None:
        reading, writing = os.pipe()
        own, self.handle = (reading, writing) if incoming else (writing, reading)
        self._work = work
        self._result: Any = None
        self._problem: BaseException | None = None
        self._thread = threading.Thread(target=self._run, args=(own, incoming), daemon=True)
        self._thread.start()

    def _run(self, handle: int, incoming: bool) -> None:  # noqa: FBT001  (of one caller)
        end = _End(handle, incoming=incoming)
        try:
            with contextlib.closing(end):
                file: Any = io.BufferedReader(end, 1 << 16) if incoming else end
                self._result = self._work(file)
                while incoming and file.read(1 << 16):
                    pass
        except BaseException as exc:  # noqa: BLE001  (it is the answer)
            self._problem = exc

    def finish(self) -> Any:
        os.close(self.handle)
        self._thread.join(LAST_TIMEOUT)
        if self._thread.is_alive():
            raise ValueError("the last piece was not written in time")
        if isinstance(self._problem, OSError) and self._problem.strerror:
            what = self._problem
            where = f" ({what.filename})" if what.filename else ""
            full = what.errno in (errno.ENOSPC, errno.EDQUOT)
            hint = "; next: make room there" if full else ""
            raise ValueError(f"{what.strerror}{where}{hint}")
        if self._problem is not None:
            raise ValueError(str(self._problem))
        return self._result


class _End(io.RawIOBase):
    """An end of a pipe with a timeout."""

    def __init__(self, handle: int, *, incoming: bool) -> None:
        self._handle = handle
        self._incoming = incoming

    def readable(self) -> bool:
        return self._incoming

    def writable(self) -> bool:
        return not self._incoming

    def readinto(self, buffer: Any) -> int:
        if not select.select([self._handle], [], [], PATIENCE)[0]:
            raise ValueError("nothing comes any more")
        content = os.read(self._handle, len(buffer))
        buffer[: len(content)] = content
        return len(content)

    def write(self, data: Any) -> int:
        left = memoryview(data)
        while left:
            if not select.select([], [self._handle], [], PATIENCE)[1]:
                raise ValueError("nobody fetches it any more")
            left = left[os.write(self._handle, left[: select.PIPE_BUF]) :]
        return len(data)

    def close(self) -> None:
        if not self.closed:
            os.close(self._handle)
        super().close()


_streams: dict[str, _Stream] = {}


def stream_in(token: str, directory: str, expected: Any, whole: bool) -> None:  # noqa: FBT001  (called by name)
    """Begin to unpack what will be sent; see the functions of :mod:`yarnkernel.hosts.tree`."""

    def work(source: IO[bytes]) -> Any:
        if whole:
            return tree.unpack_whole(source, directory)
        return tree.unpack(source, directory, expected)

    _streams[token] = _Stream(work, incoming=True)


def stream_out(token: str, sources: dict[str, str]) -> None:
    """Begin to pack what will be fetched."""
    _streams[token] = _Stream(lambda sink: tree.pack(sink, sources), incoming=False)


def feed(token: str, data: str) -> None:
    """Accept the next piece (base64)."""
    left = memoryview(base64.b64decode(data))
    handle = _find(token).handle
    while left:
        left = left[os.write(handle, left) :]


def take(token: str, most: int) -> str:
    """Return the next piece (base64); empty at the end."""
    pieces, size = [], 0
    handle = _find(token).handle
    while size < most:
        piece = os.read(handle, min(most - size, 1 << 16))
        if not piece:
            break
        pieces.append(piece)
        size += len(piece)
    return base64.b64encode(b"".join(pieces)).decode()


def finish(token: str) -> Any:
    """Return the stream's result, or raise its first error."""
    stream = _find(token)
    del _streams[token]
    return stream.finish()


def finish_all() -> None:
    """Finish all streams, so that nothing incomplete stays: the rest will not be sent."""
    for token in list(_streams):
        with contextlib.suppress(ValueError, OSError):
            finish(token)


def _find(token: str) -> _Stream:
    if token not in _streams:
        raise ValueError("the line was lost meanwhile")
    return _streams[token]
