"""Jobs that a kernel must not lose: one that fails is told of and begun anew."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_log = logging.getLogger(__name__)

T = TypeVar("T")

#: Seconds after which a job that has failed begins anew.
PAUSE = 1.0


async def persist(what: str, job: Callable[[], Awaitable[T]]) -> T:
    """Do a job, again and again until it comes to its end without a fault.

    A host that is out of threads, memory or file descriptors for a moment must not cost the
    kernel its heartbeats or its limits for the rest of its life, nor its life.

    Parameters
    ----------
    what : str
        What it is, for the log.
    job : callable
        Begins it.

    Returns
    -------
    object
        What it comes to.
    """
    told = ""
    while True:
        try:
            return await job()
        except Exception as exc:  # noqa: BLE001  (whatever it is)
            fault = repr(exc)
            # Once for what goes on for hours.
            _log.error("%s has failed and begins anew: %s", what, fault, exc_info=fault != told)
            told = fault
        await asyncio.sleep(PAUSE)
