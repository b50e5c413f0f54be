"""Signals to a supervisor, and the end of the process that has started it."""

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

#: Seconds between two checks whether our parent is still there.
PARENT_INTERVAL = 1.0
#: The notice in a notebook when the kernel's job is about to end.
ENDS_SOON = "yarnkernel: the time limit of this kernel's job is near: it ends in about a minute."


async def asked_to_end_by_others(asked: asyncio.Event, *, has_parent: bool) -> None:
    """Wait for a signal to end, or for the end of our parent."""
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
    """Handle the signals with which batch systems announce a job's end.

    SIGUSR1 comes a minute before the time limit (see ``submission`` in jobs/slurm.py and its
    siblings), Grid Engine's SIGUSR2 just before SIGKILL (``-notify`` of qsub(1)).

    Parameters
    ----------
    asked : asyncio.Event
        Set when the kernel has to end.
    kernel : callable
        Returns the kernel if there is one.
    """
    loop = asyncio.get_running_loop()
    warnings: set[asyncio.Task[None]] = set()

    def announce() -> None:
        if (found := kernel()) is not None:
            _log.warning(ENDS_SOON)
            warnings.add(asyncio.create_task(warn(found, f"{ENDS_SOON}\n")))

    loop.add_signal_handler(signal.SIGUSR1, announce)
    loop.add_signal_handler(signal.SIGUSR2, asked.set)
