"""Calls of libraries that know no deadline."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


def start_in_thread(work: Callable[[], T]) -> Future[T]:
    """Start what may never end.

    Who waits for the result does so within a deadline, and leaves the thread behind when that has
    passed: it keeps no process from ending.
    """
    future: Future[T] = Future()

    def run() -> None:
        if not future.set_running_or_notify_cancel():  # from here on it cannot be cancelled
            return
        try:
            future.set_result(work())
        except BaseException as exc:  # noqa: BLE001  (raised again where it is waited for)
            future.set_exception(exc)

    threading.Thread(target=run, daemon=True).start()
    return future
