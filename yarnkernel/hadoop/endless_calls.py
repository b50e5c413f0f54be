"""Call library functions that have no timeout."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


def start_in_thread(work: Callable[[], T]) -> Future[T]:
    """Start a call that may never return, in a daemon thread.

    Callers wait for the result until a deadline and then abandon the thread, which does not keep
    the process from ending.
    """
    future: Future[T] = Future()

    def run() -> None:
        if not future.set_running_or_notify_cancel():  # the last point at which it can be cancelled
            return
        try:
            future.set_result(work())
        except BaseException as exc:  # noqa: BLE001  (raised again where it is waited for)
            future.set_exception(exc)

    threading.Thread(target=run, daemon=True).start()
    return future
