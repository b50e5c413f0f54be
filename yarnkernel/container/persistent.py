"""Jobs that must go on for a kernel's whole life: one that fails is logged and restarted."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_log = logging.getLogger(__name__)

T = TypeVar("T")

#: Seconds after which a failed job is restarted.
PAUSE = 1.0


async def persist(what: str, job: Callable[[], Awaitable[T]]) -> T:
    """Run a job, and restart it until it ends without an error.

    A host that briefly runs out of threads, memory or file descriptors must not cost the kernel its
    heartbeats, its limits or its life.

    Parameters
    ----------
    what : str
        Its name in the log.
    job : callable
        Starts it.

    Returns
    -------
    object
        Its result.
    """
    told = ""
    while True:
        try:
            return await job()
        except Exception as exc:  # noqa: BLE001  (whatever it is)
            fault = repr(exc)
            # Logged once, even if it goes on for hours.
            _log.error("%s has failed and begins anew: %s", what, fault, exc_info=fault != told)
            told = fault
        await asyncio.sleep(PAUSE)
