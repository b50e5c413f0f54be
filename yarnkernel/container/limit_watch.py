"""Watch whether a kernel has outlived its use, for as long as it lives."""

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

#: Seconds between two looks at the limits; no limit has to be kept to the second.
LIMIT_INTERVAL = 1.0
#: Seconds between two looks whether a front end or clients are there.
CONNECTION_INTERVAL = 30.0
#: Seconds after which a kernel that is busy is asked whether it is.
BUSY_INTERVAL = 3600.0


class LimitWatch:
    """Looks at the limits of a kernel that has just been published.

    Parameters
    ----------
    limits : Limits
        The limits.
    store : Application
        Where its owner renews a lease.
    owned : bool
        Whether a front end owns it, which is there all the time.
    """

    def __init__(self, limits: Limits, store: Application, *, owned: bool) -> None:
        self._limits = limits
        self._store = store
        self._lease: bytes | None = None
        self._leased = 0.0
        # Not the host's clock, which may be set anew: it would end idle kernels.
        self._published = time.monotonic()
        self._last_client = self._published if owned else None
        self._looked = self._asked = self._published

    async def reached(self, kernel: Kernel) -> str:
        """Wait until a limit is reached, and say which; a look that fails is made again."""
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
        """Look whether anybody is there who has the kernel's key, or its owner's certificate.

        Connections are anybody's, and those of a host that is gone look alive for ever. They
        count where nobody renews a lease, as with older clients, or somebody else has come since.
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
