"""Prints the text output of several targets, each line with the target's name."""

from __future__ import annotations

import sys
import time
from typing import Any

from IPython.display import publish_display_data

#: Seconds to wait for the rest of a line, as a kernel may send half of one.
PATIENCE = 0.5


def publish(
    data: dict[str, Any],
    metadata: dict[str, Any] | None = None,
    *,
    shown_as: str = "",
    update: bool = False,
) -> None:
    """Display something, with an optional id by which it can be updated."""
    transient = {"display_id": shown_as} if shown_as else {}
    publish_display_data(data, metadata, transient=transient, update=update)  # type: ignore[no-untyped-call]


class Lines:
    """Writes text to standard output and standard error as it arrives.

    Parameters
    ----------
    prefixed : bool
        Whether each line begins with its target's name.
    """

    def __init__(self, *, prefixed: bool) -> None:
        self._prefixed = prefixed
        #: Incomplete lines, with the time of their arrival.
        self._waiting: dict[tuple[str, str], tuple[str, float]] = {}
        #: The target and stream of the unfinished line on the screen.
        self._open: tuple[str, str] | None = None
        #: Whether that line is being overwritten, as by a progress bar.
        self._returned = False
        self._stream = ""

    def write(self, label: str, stream: str, text: str, *, of_ours: bool = False) -> None:
        """Write a target's text.

        Parameters
        ----------
        label : str
            Who.
        stream : str
            ``"stdout"`` or ``"stderr"``.
        text : str
            What.
        of_ours : bool, default False
            Whether the text is ours, about the target.
        """
        if of_ours or not self._prefixed:
            self.end(label)
            self._put((label, stream), f"[{label}] {text}" if of_ours else text)
            return
        for known in [one for one in self._waiting if one[0] == label and one[1] != stream]:
            self._release(known)
        before, _ = self._waiting.pop((label, stream), ("", 0.0))
        lines = (before + text).splitlines(keepends=True)
        if lines and not lines[-1].endswith("\n"):
            self._waiting[label, stream] = (lines.pop(), time.monotonic())
        if lines:
            self._put((label, stream), self._with_prefix((label, stream), "".join(lines)))

    def look(self) -> None:
        """Write lines that have been incomplete for too long."""
        late = time.monotonic() - PATIENCE
        for known in [one for one, (_, since) in self._waiting.items() if since < late]:
            self._release(known)

    def end(self, label: str) -> None:
        """Write the incomplete line of a target."""
        for known in [one for one in self._waiting if one[0] == label]:
            self._release(known)

    def end_all(self) -> None:
        """Write all incomplete lines and end the current line."""
        for known in list(self._waiting):
            self._release(known)
        self._close_line()
        for stream in (sys.stdout, sys.stderr):
            stream.flush()

    def heading(self, label: str) -> None:
        """Write which target the next output is from."""
        self._put((label, "stdout"), f"[{label}]\n")
        sys.stdout.flush()

    def _release(self, known: tuple[str, str]) -> None:
        text, _ = self._waiting.pop(known)
        self._put(known, self._with_prefix(known, text))

    def _with_prefix(self, known: tuple[str, str], text: str) -> str:
        lines = text.splitlines(keepends=True)
        goes_on = self._open == known and not self._returned
        return "".join(
            line if number == 0 and goes_on else f"[{known[0]}] {line}"
            for number, line in enumerate(lines)
        )

    def _close_line(self) -> None:
        if self._open is not None and self._prefixed:
            self._to(self._open[1], "\n")
        self._open = None

    def _put(self, known: tuple[str, str], text: str) -> None:
        if self._open != known:
            self._close_line()
        self._to(known[1], text)
        self._open = None if text.endswith("\n") else known
        self._returned = text.endswith("\r")

    def _to(self, stream: str, text: str) -> None:
        if stream != self._stream:  # sent separately, to keep the order
            for other in (sys.stdout, sys.stderr):
                other.flush()
            self._stream = stream
        (sys.stderr if stream == "stderr" else sys.stdout).write(text)
