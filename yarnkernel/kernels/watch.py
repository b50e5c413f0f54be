"""Watch a kernel: what its supervisor tells, as soon as it does, and its end.

Who watches a kernel owns it, and lets its supervisor know so: sockets can be anybody's.
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

#: Seconds after which its place is asked for the kernel again, as a network may fail in silence.
#: A supervisor tells something every ten.
SILENCE = 30.0
#: Seconds at least between two renewals of the lease; one follows upon each status.
LEASE_INTERVAL = 1.0
#: Seconds between two questions while nobody answers.
RETRY_INTERVAL = 0.2


class KernelWatch:
    """Watches a kernel in a thread of its own until it has ended.

    Parameters
    ----------
    kernel : Kernel
        The kernel; this handle is this thread's alone.
    tell : callable
        Called in this thread with each :class:`KernelStatus`, and at the end with the
        final :class:`~yarnkernel.kernels.handle.Status`, or None when its place does not know
        it any more.

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
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Watch no longer; does not wait for the thread."""
        self._stopped.set()
        if self._current is not None:
            self._current.stop()

    def _run(self) -> None:
        with self._kernel:
            while not self._stopped.is_set():
                try:
                    if self._look():
                        return
                except PlaceError:  # a ResourceManager that restarts, a line that is down
                    pass
                except Exception:  # noqa: BLE001  (all that a front end hears comes from here)
                    if self._stopped.is_set():  # under which its connection was closed
                        return
                    _log.exception("%s: a fault of the watch, which goes on", self._kernel.id)
                self._stopped.wait(RETRY_INTERVAL)

    def _look(self) -> bool:
        """Look at the kernel, follow it while it runs, and say whether it has ended."""
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
