"""Lines to another process, which may not read them: who writes never waits."""

from __future__ import annotations

import contextlib
import os
import select
import threading


class LinePipe:
    """The writing end of a pipe; for several threads at once.

    Parameters
    ----------
    descriptor : int
        Its file descriptor.
    """

    def __init__(self, descriptor: int) -> None:
        os.set_blocking(descriptor, False)
        self._descriptor = descriptor
        self._lock = threading.Lock()
        self._unsent = bytearray()

    @property
    def is_full(self) -> bool:
        """Whether something waits for the reader."""
        return bool(self._unsent)

    def send(self, line: str) -> None:
        """Send a line: at once as far as the pipe takes it, the rest with :meth:`pass_on`.

        Raises
        ------
        OSError
            When nobody reads any more.
        """
        with self._lock:
            self._unsent += line.encode() + b"\n"
            self._write()

    def pass_on(self, timeout: float) -> None:
        """Wait for the reader and send what waits, as much as it takes at a time.

        Raises
        ------
        OSError, ValueError
            When nobody reads any more, or the pipe has been closed.
        """
        waiting = select.poll()  # select() knows no descriptors above 1023
        waiting.register(self._descriptor, select.POLLOUT)
        waiting.poll(timeout * 1000)
        with self._lock:
            self._write()

    def _write(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while self._unsent:
                del self._unsent[: os.write(self._descriptor, self._unsent)]

    def close(self) -> None:
        """Write no more: the descriptor's number may soon be another file's."""
        with self._lock:
            self._descriptor = -1
            self._unsent.clear()
