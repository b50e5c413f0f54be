"""Watches whether a kernel has reached one of its limits."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING

from yarnkernel.container.persistent import persist
from yarnkernel.errors import YarnKernelError
from yarnkernel.kernel_status import LEASE_KEY

if TYPE_CHECKING:
    from yarnkernel.container.application import Application
    from yarnkernel.container.kernel import Kernel
    from yarnkernel.container.limits import Limits

#: Seconds between two checks of the limits, which need not be exact to the second.
LIMIT_INTERVAL = 1.0
#: Seconds between two checks for a front end or clients.
CONNECTION_INTERVAL = 30.0
#: Seconds after which a busy kernel is asked whether it still is.
BUSY_INTERVAL = 3600.0


class LimitWatch:
    """Checks the limits of a kernel from its publication on.

    Parameters
    ----------
    limits : Limits
        The limits.
    store : Application
        The store in which its owner renews a lease.
    owned : bool
        Whether a front end owns it, which stays connected.
    """

    def __init__(self, limits: Limits, store: Application, *, owned: bool) -> None:
        self._limits = limits
        self._store = store
        self._lease: bytes | None = None
        self._leased = 0.0
        # Not the wall clock: setting it would end idle kernels.
        self._published = time.monotonic()
        self._last_client = self._published if owned else None
        self._looked = self._asked = self._published

    async def reached(self, kernel: Kernel) -> str:
        """Wait until a limit is reached and return which; a failed check is repeated."""
        return await persist("the look at the limits", lambda: self._wait(kernel))

    async def _wait(self, kernel: Kernel) -> str:
        while True:
            now = time.monotonic()
            await self._look_for_clients(kernel, now)
            activity = kernel.activity
            if reason := self._limits.reached(now, self._published, activity, self._last_client):
                return reason
            if activity.busy and now - max(self._asked, activity.last_used) > BUSY_INTERVAL:
                self._asked = now
                await kernel.check_busy()
            await asyncio.sleep(LIMIT_INTERVAL)

    async def _look_for_clients(self, kernel: Kernel, now: float) -> None:
        """Check whether a client with the kernel's key or its owner's certificate is there.

        Connections prove little: anybody may hold them, and those of a dead host look alive for
        ever. They count only if nobody renews a lease, as with older clients, or if another client
        has come since.
        """
        interval = min(CONNECTION_INTERVAL, self._limits.orphan / 10)
        if self._last_client is None or now - self._looked <= interval:
            return
        self._looked = now
        lease = None
        with contextlib.suppress(YarnKernelError):
            lease = await self._store.get(LEASE_KEY)
        if lease is not None and lease != self._lease:
            self._lease, self._leased = lease, now
        heard = kernel.activity.last_heard
        is_connected = (
            self._lease is None or heard > self._leased + 3 * interval
        ) and kernel.clients()
        self._last_client = max(self._last_client, self._leased, heard, now * bool(is_connected))
