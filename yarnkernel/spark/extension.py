"""Hooks before and after each cell."""

from __future__ import annotations

import contextlib
import logging
import signal
import sys
import threading
import warnings
from typing import Any

from . import contexts
from .names import NAMES, FirstReads
from .progress import Watch

#: Seconds for Spark to cancel its jobs before the cell is interrupted anyway.
CANCEL_TIMEOUT = 3.0
#: py4j's log message about an interrupt, which the cell shows anyway.
_INTERRUPTED = "KeyboardInterrupt while sending command."


class Extension:
    """The Spark extension of an IPython shell.

    Parameters
    ----------
    shell : IPython.core.interactiveshell.InteractiveShell
        The kernel's.
    """

    def __init__(self, shell: Any) -> None:
        self._shell = shell
        self._watch: Watch | None = None

    def register(self) -> None:
        """Register the hooks."""
        self._shell.events.register("pre_run_cell", self._before)
        self._shell.events.register("post_run_cell", self._after)
        self._shell.ast_transformers.append(FirstReads(self._shell.user_ns))
        self._shell.input_transformers_cleanup.append(_read_sc)
        # Each interrupt would print four tracebacks about broken connections.
        logging.getLogger("py4j").setLevel(logging.CRITICAL)
        logging.getLogger().addFilter(lambda record: record.msg != _INTERRUPTED)
        warnings.filterwarnings("once", "PySpark does not yet fully support pandas")

    def _before(self, info: Any) -> None:
        if "spark" in (info.raw_cell or "").lower():
            contexts.watch_over()
        if "pyspark" not in sys.modules:
            return
        _heed_interrupts()
        if reason := contexts.bury():
            self._forget()
            print(f"{reason} The next use of Spark makes another one.", flush=True)  # noqa: T201
        if contexts.active() is not None:
            self._watch = Watch(contexts.active())
            self._watch.start()

    def _after(self, _result: Any) -> None:
        watch, self._watch = self._watch, None
        if watch is not None:
            watch.stop()

    def _forget(self) -> None:
        """Remove names of ended contexts from the user's namespace, so that they are made again."""
        for name in NAMES:
            if contexts.is_over(self._shell.user_ns.get(name)):
                del self._shell.user_ns[name]


def _read_sc(lines: list[str]) -> list[str]:
    """Read the cell "sc" as the name, not as IPython's deprecated %sc."""
    return ["(sc)\n"] if "".join(lines).strip() == "sc" else lines


def _heed_interrupts() -> None:
    """Let interrupts cancel Spark's jobs until the cell's end.

    ipykernel sets Python's own handler before each cell, which replaces PySpark's.
    """
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, _cancel)


def _cancel(_number: int, _frame: object) -> None:
    # This thread's py4j connection is waiting for an answer; another thread gets its own.
    cancelling = threading.Thread(target=_cancel_jobs, daemon=True)
    cancelling.start()
    cancelling.join(CANCEL_TIMEOUT)
    raise KeyboardInterrupt


def _cancel_jobs() -> None:
    with contextlib.suppress(Exception):  # there is no context, or it is just being made
        contexts.active().cancelAllJobs()
