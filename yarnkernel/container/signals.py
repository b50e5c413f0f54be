"""Signals that a supervisor gets, and the end of the process that has started it."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from typing import TYPE_CHECKING

from yarnkernel.container.notices import warn

if TYPE_CHECKING:
    from collections.abc import Callable

    from yarnkernel.container.kernel import Kernel

_log = logging.getLogger(__name__)

#: Seconds between two looks whether the process that started us is still there.
PARENT_INTERVAL = 1.0
#: What a notebook shows when the kernel's job is about to end.
ENDS_SOON = "yarnkernel: the time limit of this kernel's job is near: it ends in about a minute."


async def asked_to_end_by_others(asked: asyncio.Event, *, has_parent: bool) -> None:
    """Wait for a signal that ends us, or for the end of the process that started us."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, asked.set)
    parent = os.getppid()
    while not asked.is_set() and (os.getppid() == parent or not has_parent):
        try:
            await asyncio.wait_for(asked.wait(), PARENT_INTERVAL)
        except asyncio.TimeoutError:
            continue


def heed_schedulers(asked: asyncio.Event, kernel: Callable[[], Kernel | None]) -> None:
    """Take the signals by which batch systems announce a job's end.

    SIGUSR1 comes a minute before its time is over (see ``submission`` in jobs/slurm.py and its
    siblings), SIGUSR2 of Grid Engine just before SIGKILL (``-notify`` of qsub(1)).

    Parameters
    ----------
    asked : asyncio.Event
        Set when the kernel has to end.
    kernel : callable
        Returns the kernel, when there is one.
    """
    loop = asyncio.get_running_loop()
    warnings: set[asyncio.Task[None]] = set()

    def announce() -> None:
        if (found := kernel()) is not None:
            _log.warning(ENDS_SOON)
            warnings.add(asyncio.create_task(warn(found, f"{ENDS_SOON}\n")))

    loop.add_signal_handler(signal.SIGUSR1, announce)
    loop.add_signal_handler(signal.SIGUSR2, asked.set)
