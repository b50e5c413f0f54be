"""A status line at the bottom of a terminal while something waits."""

from __future__ import annotations

import contextlib
import shutil
import threading
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: Seconds between two updates.
_INTERVAL = 0.5
_ERASE = "\r\x1b[K"


class LiveLine:
    """Shows what is waited for, and for how long.

    Parameters
    ----------
    stream : file
        The terminal.
    elapsed : callable
        Returns the seconds to show.
    """

    def __init__(self, stream: TextIO, elapsed: Callable[[], float]) -> None:
        self._stream = stream
        self._elapsed = elapsed
        self._lock = threading.RLock()
        self._over = threading.Event()
        self._text = ""
        self._thread: threading.Thread | None = None

    def show(self, text: str) -> None:
        """Show a text until the next one; empty removes the line."""
        with self.hidden() if not text else self._lock:
            self._text = text
            if text and self._thread is None:
                self._thread = threading.Thread(target=self._live, daemon=True)
                self._thread.start()

    @contextlib.contextmanager
    def hidden(self) -> Iterator[None]:
        """Hide the line while the body prints others."""
        with self._lock:
            if self._thread is not None:
                self._stream.write(_ERASE)
                self._stream.flush()
            yield

    def end(self) -> None:
        """Remove the line for good."""
        with self.hidden():
            self._over.set()
            self._text = ""

    def _live(self) -> None:
        while not self._over.wait(_INTERVAL):
            with self._lock, contextlib.suppress(OSError, ValueError):
                if self._text:
                    line = f"[{self._elapsed():5.1f} s] {self._text}"
                    width = shutil.get_terminal_size().columns - 1
                    self._stream.write(f"{_ERASE}{line[:width]}")
                    self._stream.flush()
