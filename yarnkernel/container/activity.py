"""Whether a kernel is in use, as its broadcasts show."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

#: Requests of front ends that poll; as in Jupyter Server's ``untracked_message_types``
#: (jupyter_server/services/kernels/kernelmanager.py).
UNTRACKED = frozenset(
    {
        "comm_info_request",
        "debug_request",
        "interrupt_request",
        "kernel_info_request",
        "shutdown_request",
    }
)

#: Seconds between two checks whether requests are done.
POLL_INTERVAL = 0.02


class Activity:
    """The use that clients make of a kernel.

    Attributes
    ----------
    connected : bool
        Whether any client has ever sent it a request.
    last : float
        When a request that counts as use last began or ended, in seconds since 1970; the time of
        creation before the first one.
    last_used : float
        The same in seconds of :func:`time.monotonic`, which nobody can set.
    last_heard : float
        When any request of a client was last seen, by the same clock, including those that do not
        count as use. Whoever sends requests has the kernel's key.
    farewell : asyncio.Event
        Set when the kernel has told its clients that it is shutting down.
    restart_asked : bool
        Whether it announced a restart.
    changed : callable
        Called after each change.
    """

    def __init__(self) -> None:
        self.connected = False
        self.last_heard = 0.0
        self._touch()
        self.farewell = asyncio.Event()
        self.restart_asked = False
        self.changed: Callable[[], None] = lambda: None
        self._busy: dict[str, dict[str, Any]] = {}
        self._last: list[dict[str, Any]] = []

    def _touch(self) -> None:
        self.last, self.last_used = time.time(), time.monotonic()

    @property
    def requests(self) -> frozenset[str]:
        """Ids of the requests that the kernel works on."""
        return frozenset(self._busy)

    @property
    def headers(self) -> list[dict[str, Any]]:
        """The headers of these requests."""
        return list(self._busy.values())

    @property
    def last_headers(self) -> list[dict[str, Any]]:
        """The same; for an idle kernel, the header of its last request."""
        return self.headers or self._last

    @property
    def busy(self) -> bool:
        """Whether the kernel is working on a request."""
        return bool(self._busy)

    def begin_again(self) -> None:
        """Forget a process that has ended; what it was working on counts as use until now."""
        if self._busy:
            self._touch()
        self._busy.clear()
        self.farewell.clear()
        self.restart_asked = False

    def note(self, message: dict[str, Any]) -> None:
        """Take note of a broadcast."""
        parent = message["parent_header"]
        if message["msg_type"] == "shutdown_reply":
            self.farewell.set()
            self.restart_asked = bool(message["content"].get("restart"))
        if not parent:
            return  # the kernel's own "starting"
        self.connected = True
        self.last_heard = time.monotonic()
        if parent.get("msg_type") not in UNTRACKED:
            self._touch()
            if message["content"].get("execution_state") == "busy":
                self._busy[parent.get("msg_id", "")] = parent
                self._last = [parent]
            else:
                self._busy.pop(parent.get("msg_id", ""), None)
        self.changed()

    async def wait_done(self, requests: frozenset[str]) -> None:
        """Wait until the kernel is working on none of these requests."""
        while True:
            if not requests & self._busy.keys():
                return
            await asyncio.sleep(POLL_INTERVAL)
