"""Watch whether a kernel has outlived its use, for as long as it lives."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from yarnkernel.container.persistent import persist

if TYPE_CHECKING:
    from yarnkernel.container.kernel import Kernel
    from yarnkernel.container.limits import Limits

#: Seconds between two looks at the limits; no limit has to be kept to the second.
LIMIT_INTERVAL = 1.0
#: Seconds between two looks whether clients are connected.
CONNECTION_INTERVAL = 30.0
#: Seconds after which a kernel that is busy is asked whether it is.
BUSY_INTERVAL = 3600.0


class LimitWatch:
    """Looks at the limits of a kernel that has just been published.

    Parameters
    ----------
    limits : Limits
        The limits.
    owned : bool
        Whether a front end owns it, which is connected all the time.
    """

    def __init__(self, limits: Limits, *, owned: bool) -> None:
        self._limits = limits
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
            self._look_for_clients(kernel, now)
            activity = kernel.activity
            if reason := self._limits.reached(now, self._published, activity, self._last_client):
                return reason
            if activity.busy and now - max(self._asked, activity.last_used) > BUSY_INTERVAL:
                self._asked = now
                await kernel.check_busy()
            await asyncio.sleep(LIMIT_INTERVAL)

    def _look_for_clients(self, kernel: Kernel, now: float) -> None:
        interval = min(CONNECTION_INTERVAL, self._limits.orphan / 10)
        if self._last_client is not None and now - self._looked > interval:
            self._looked = now
            if kernel.clients():
                self._last_client = now
