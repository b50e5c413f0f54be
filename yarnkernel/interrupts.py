"""Defers or ignores Ctrl-C and SIGTERM where they would do harm."""

from __future__ import annotations

import contextlib
import signal
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def ignore(_number: int, _frame: FrameType | None) -> None:
    """Do nothing.

    Not ``signal.SIG_IGN``: child processes inherit that, and Python complains
    about a signal that came just before it was set.
    """


@contextlib.contextmanager
def _handled_by(handler: Any) -> Iterator[None]:
    """Let ``handler`` get the signals; Python delivers them only to the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in SIGNALS}
    for number in before:
        signal.signal(number, handler)
    try:
        yield
    finally:
        for number, previous in before.items():
            signal.signal(number, previous)


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Ignore these signals in the body, which therefore needs a deadline of its own."""
    with _handled_by(ignore):
        yield


@contextlib.contextmanager
def deferred() -> Iterator[None]:
    """Defer these signals to the end of the body, which has to be short.

    For libraries that hold locks: an exception from a signal handler between the lock's acquisition
    and the block that releases it would leave it locked for ever.
    """
    pending: list[int] = []
    try:
        with _handled_by(lambda number, _: pending.append(number)):
            yield
    finally:
        for number in pending:
            signal.raise_signal(number)
