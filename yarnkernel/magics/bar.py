"""Progress of targets in a status line, shown after two seconds."""

from __future__ import annotations

import sys
import time
import uuid
from typing import TYPE_CHECKING

from yarnkernel.magics.lines import publish

if TYPE_CHECKING:
    from yarnkernel.groups.run import Run

#: Seconds before it is shown.
PATIENCE = 2.0
#: Seconds between two updates, at first and after a minute.
INTERVAL, LATER_INTERVAL = 1.0, 5.0
#: Most targets that it names, and characters for the state of each.
NAMED, LONGEST = 3, 60
_WIDTH = 20


class Bar:
    """A status line; not shown where output is only recorded.

    Parameters
    ----------
    in_notebook : bool
        Whether it is shown by a front end rather than a terminal.
    """

    def __init__(self, *, in_notebook: bool) -> None:
        self._in_notebook = in_notebook
        self._id = ""
        self._begin = self._shown = time.monotonic()
        self._text = ""

    def look(self, run: Run) -> None:
        """Update the line if it is time."""
        now = time.monotonic()
        interval = INTERVAL if now - self._begin < 60 else LATER_INTERVAL  # noqa: PLR2004
        if now - self._begin < PATIENCE or now - self._shown < interval:
            return
        self._shown = now
        starting = any(not job.target.kernel for job in run.running)
        if run.running and (len(run.jobs) > 1 or starting):
            self._show(self._words(run, now - self._begin))

    def end(self, run: Run) -> None:
        """Replace the line by its final text."""
        if not self._text:
            return
        count, result = len(run.jobs), {job.label: job.seconds for job in run.jobs}
        slowest = max(result, key=lambda label: result[label])
        text = f"{count - len(run.running)} of {count} done in {max(result.values()):.1f} s"
        if run.running:
            text = f"{count - len(run.running)} of {count} done, the others are left at work"
        elif count > 1:
            text = f"{text}; the slowest: {slowest}"
        self._show(text)
        if not self._in_notebook:
            sys.stderr.write("\n")
        self._text = ""

    def make_way(self) -> None:
        """Remove it from a terminal before other output."""
        if self._text and not self._in_notebook and sys.stderr.isatty():
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()

    @staticmethod
    def _words(run: Run, seconds: float) -> str:
        count, done = len(run.jobs), len(run.jobs) - len(run.running)
        filled = _WIDTH * done // count
        late = [
            f"{job.label} ({job.state[:LONGEST]})" if not job.target.kernel else job.label
            for job in run.running
        ]
        more = f" and {len(late) - NAMED} more" if len(late) > NAMED else ""
        bar = f"[{'#' * filled}{'.' * (_WIDTH - filled)}]"
        return f"{bar} {done} of {count} done, {seconds:.0f} s; {', '.join(late[:NAMED])}{more}"

    def _show(self, text: str) -> None:
        if self._in_notebook:
            known = bool(self._id)
            self._id = self._id or f"yarnkernel-{uuid.uuid4().hex}"
            publish({"text/plain": text}, shown_as=self._id, update=known)
        elif sys.stderr.isatty():
            sys.stderr.write(f"\r\x1b[K{text}")
            sys.stderr.flush()
        self._text = text
