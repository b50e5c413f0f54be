"""The output of commands: progress lines, tables, JSON, errors."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from typing import TYPE_CHECKING, Any, TextIO

from yarnkernel.cli.live_line import LiveLine
from yarnkernel.printable import printable, without_colours

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence
    from types import TracebackType

    from rich.progress import Progress as Bar
    from rich.progress import TaskID
    from typing_extensions import Self

    from yarnkernel.cli.tables import Table
    from yarnkernel.progress import Progress

#: Steps that begin a wait.
_WAITS = {"submitted", "started", "waiting", "running", "state", "trouble"}


def add_output_options(parser: argparse.ArgumentParser, *, has_json: bool = True) -> None:
    """Add the options of every command; without ``--json`` for one that has no result."""
    group = parser.add_argument_group("output")
    if has_json:
        group.add_argument(
            "--json", action="store_true", help="print the result as one JSON document"
        )
    else:
        parser.set_defaults(json=False)
    group.add_argument("-q", "--quiet", action="store_true", help="no progress on standard error")


class Output:
    """The two streams of one command.

    Parameters
    ----------
    quiet : bool
        No progress.
    as_json : bool
        Results as JSON.
    verbose : bool, default False
        Details of the progress, too.
    """

    def __init__(self, *, quiet: bool, as_json: bool, verbose: bool = False) -> None:
        self.quiet = quiet
        self.verbose = verbose
        self.as_json = as_json
        self._begin = time.monotonic()
        self._live = LiveLine(sys.stderr, lambda: self.elapsed)

    def settle(self) -> None:
        """Note that the wait is over."""
        self._live.show("")

    def close(self) -> None:
        """Leave the terminal as it was found."""
        self._live.end()

    @property
    def elapsed(self) -> float:
        """Seconds since the command began."""
        return time.monotonic() - self._begin

    @property
    def terminal(self) -> TextIO | None:
        """The terminal for progress bars; None if there is none."""
        return None if self.quiet or not sys.stderr.isatty() else sys.stderr

    def progress(self, line: str) -> None:
        """Print a change of state with the seconds since the start."""
        self._live.show("")
        if not self.quiet:
            text = printable(without_colours(line), keep="\n\t")
            with self._live.hidden():
                print(f"[{self.elapsed:5.1f} s] {text}", file=sys.stderr, flush=True)  # noqa: T201

    def report(self, progress: Progress) -> None:
        """Print a step; details only with ``--verbose``."""
        if self.verbose or not progress.is_detail:
            self.progress(str(progress))
        if self.terminal is not None:
            waits = str(progress) if progress.step in _WAITS else ""
            self._live.show(printable(without_colours(waits)))

    def error(self, text: str) -> None:
        """Print the error that ended the command."""
        text = printable(without_colours(text), keep="\n\t")
        self._live.show("")
        with self._live.hidden():
            print(f"yarnkernel: {text}", file=sys.stderr, flush=True)  # noqa: T201

    def result(self, text: str, document: Any = None) -> None:
        """Print the command's result: ``text``, or ``document`` with ``--json``."""
        if self.as_json:
            text = json.dumps(document, indent=2)
        self.settle()
        sys.stdout.write(text if text.endswith("\n") or not text else text + "\n")
        sys.stdout.flush()

    def facts(self, rows: Sequence[tuple[str, str]], further: str, document: Any) -> None:
        """Print names and values, one per line, and a text; or ``document`` as JSON."""
        width = max(len(name) for name, _ in rows)
        lines = [f"{name:<{width}}  {printable(value)}".rstrip() for name, value in rows]
        if further:
            lines.append(printable(further, keep="\n\t"))
        self.result("\n".join(lines), document)

    def part(self, text: str) -> None:
        """Print a part of an unfinished result unchanged."""
        sys.stdout.write(text)
        sys.stdout.flush()

    def table(self, table: Table, document: Any) -> None:
        """Print a table fitted to the terminal, or ``document`` with ``--json``."""
        if self.as_json:
            self.result("", document)
            return
        is_terminal = sys.stdout.isatty()
        lines = table.lines(shutil.get_terminal_size().columns if is_terminal else None)
        if is_terminal and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb":
            lines[0] = f"\033[1m{lines[0]}\033[0m"
        self.result("\n".join(lines))


class TransferBar:
    """A progress bar for a transfer; a context manager.

    Parameters
    ----------
    output : Output
        Knows whether progress is wanted. A terminal gets a bar, anything else one line.
    what : str, optional
        The activity, in words.
    """

    def __init__(self, output: Output, what: str = "fetching Hadoop's artefacts") -> None:
        self._output = output
        self._what = what
        self._progress: Bar | None = None
        self._task: TaskID | None = None

    def start(self, total: int) -> None:
        """Begin a transfer of ``total`` bytes."""
        self._output.progress(f"{self._what}: {total / 1e6:.0f} MB")
        if self._output.terminal is None:
            return
        from rich.console import Console  # noqa: PLC0415  (slow to import)
        from rich.progress import (  # noqa: PLC0415
            BarColumn,
            DownloadColumn,
            Progress,
            TimeRemainingColumn,
            TransferSpeedColumn,
        )

        self._progress = Progress(
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        self._task = self._progress.add_task(self._what, total=total)
        self._progress.start()

    def advance(self, size: int) -> None:
        """Count ``size`` more transferred bytes."""
        if self._progress is not None and self._task is not None:
            self._progress.advance(self._task, size)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._progress is not None:
            self._progress.stop()
