"""Lines to another process, which may not read them: writers never block."""

from __future__ import annotations

import contextlib
import os
import select
import threading


class LinePipe:
    """The writing end of a pipe; thread-safe.

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
        """Whether there is unsent data."""
        return bool(self._unsent)

    def send(self, line: str) -> None:
        """Send as much of a line as the pipe accepts; :meth:`pass_on` sends the rest.

        Raises
        ------
        OSError
            When the reader has closed the pipe.
        """
        with self._lock:
            self._unsent += line.encode() + b"\n"
            self._write()

    def pass_on(self, timeout: float) -> None:
        """Wait for the reader and send as much unsent data as the pipe accepts.

        Raises
        ------
        OSError, ValueError
            When either end of the pipe has been closed.
        """
        waiting = select.poll()  # select() supports no descriptors above 1023
        waiting.register(self._descriptor, select.POLLOUT)
        waiting.poll(timeout * 1000)
        with self._lock:
            self._write()

    def _write(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while self._unsent:
                del self._unsent[: os.write(self._descriptor, self._unsent)]

    def close(self) -> None:
        """Stop writing, as another file may soon get the descriptor's number."""
        with self._lock:
            self._descriptor = -1
            self._unsent.clear()
