"""Finds out whether a kernel has ended after its connection was cut.

If the store does not report that, the watch notices it only after half a minute of silence, which
is too long for users who wait for a cell. The line to its host may also be down: then there is no
way to know more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from yarnkernel.errors import ApplicationNotFoundError, YarnKernelError
from yarnkernel.groups.waits import Pause, Pending, in_thread
from yarnkernel.kernels import places

if TYPE_CHECKING:
    from yarnkernel.groups.waits import Wait
    from yarnkernel.kernels.handle import Status

#: Seconds between two queries of its place, and their number, as it may not know yet.
INTERVAL, MOST = 1.0, 10


class Doubt:
    """Queries a kernel's place a few times.

    Parameters
    ----------
    kernel : str
        Its id.
    """

    def __init__(self, kernel: str) -> None:
        self._kernel = kernel
        self._left = MOST
        self._wait: Wait = Pause(0.0)

    def look(self) -> str:
        """Return how it has ended; empty if it has not, or that is unknown."""
        if not self._wait.done:
            return ""
        wait, self._wait = self._wait, Pause(INTERVAL)
        if isinstance(wait, Pending):
            try:
                status: Status = wait.answer
            except ApplicationNotFoundError:
                return "its place does not know it any more"
            except (YarnKernelError, OSError):
                return ""
            return f"{status.outcome} {status.diagnostics}".strip() if status.ended else ""
        if self._left > 0:
            self._left -= 1
            self._wait = in_thread(self._ask)
        return ""

    def _ask(self) -> Status:
        with places.find_kernel(self._kernel) as handle:
            return handle.status()
