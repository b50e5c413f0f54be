"""Watches a kernel: the statuses that its supervisor publishes, and its end.

The watcher owns the kernel and renews a lease to tell its supervisor so, as connections prove
nothing.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from typing import TYPE_CHECKING

from yarnkernel.errors import ApplicationNotFoundError, PlaceError, YarnKernelError
from yarnkernel.kernel_status import LEASE_KEY, STATUS_KEY, KernelStatus
from yarnkernel.store.client import KeyWatch, watch_key

if TYPE_CHECKING:
    from collections.abc import Callable

    from yarnkernel.kernels.handle import Kernel, Status
    from yarnkernel.store.address import StoreAddress

_log = logging.getLogger(__name__)

#: Seconds without a status after which its place is asked, as a network may fail silently. A
#: supervisor publishes one every ten seconds.
SILENCE = 30.0
#: Least seconds between two renewals of the lease, which follow each status.
LEASE_INTERVAL = 1.0
#: Seconds between two attempts while nobody answers.
RETRY_INTERVAL = 0.2


class KernelWatch:
    """Watches a kernel in a thread until it has ended.

    Parameters
    ----------
    kernel : Kernel
        The kernel; only this thread may use the handle.
    tell : callable
        Called in that thread with each :class:`KernelStatus`, and at the end with the final
        :class:`~yarnkernel.kernels.handle.Status`, or None if its place no longer knows it.

    Attributes
    ----------
    address : StoreAddress or None
        Where the kernel's store was last seen.
    """

    def __init__(
        self,
        kernel: Kernel,
        tell: Callable[[KernelStatus | Status | None], None],
    ) -> None:
        self._kernel = kernel
        self._tell = tell
        self.address: StoreAddress | None = None
        self._stopped = threading.Event()
        self._current: KeyWatch | None = None
        self._thread = threading.Thread(target=self._run, name=kernel.id, daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stop watching, without waiting for the thread."""
        self._stopped.set()
        if self._current is not None:
            self._current.stop()

    def _run(self) -> None:
        with self._kernel:
            while not self._stopped.is_set():
                try:
                    if self._look():
                        return
                except PlaceError:  # the ResourceManager restarts, or the line is down
                    pass
                except Exception:  # noqa: BLE001  (all that a front end hears comes from here)
                    if self._stopped.is_set():  # its connection was closed meanwhile
                        return
                    _log.exception("%s: a fault of the watch, which goes on", self._kernel.id)
                self._stopped.wait(RETRY_INTERVAL)

    def _look(self) -> bool:
        """Follow the kernel while it runs; return whether it has ended."""
        try:
            status = self._kernel.status()
        except ApplicationNotFoundError:
            self._tell(None)
            return True
        if status.ended:
            self._tell(status)
            return True
        if (address := status.store) is not None:
            self.address = address
            with contextlib.suppress(YarnKernelError):
                self._follow(address)
        return False

    def _follow(self, address: StoreAddress) -> None:
        self._current = current = watch_key(address, STATUS_KEY, SILENCE)
        renewed = -LEASE_INTERVAL
        for value in current:
            with contextlib.suppress(YarnKernelError):
                self._tell(KernelStatus.from_bytes(value))
            if time.monotonic() - renewed >= LEASE_INTERVAL and not self._stopped.is_set():
                renewed = time.monotonic()
                current.put(LEASE_KEY, str(time.time_ns()).encode())
            if self._stopped.is_set():
                return
