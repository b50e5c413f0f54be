"""The operations of a kernel's supervisor, which are the same at each place.

Modules are imported on first use: gRPC is slow to import, and reading a log does not need it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from yarnkernel.connection import KERNEL_INFO_KEY
from yarnkernel.errors import ApplicationError, PlaceError

if TYPE_CHECKING:
    from collections.abc import Callable

    from yarnkernel.connection import ConnectionInfo
    from yarnkernel.kernel_status import KernelStatus
    from yarnkernel.kernels.handle import Kernel, Status
    from yarnkernel.kernels.results import Missed
    from yarnkernel.kernels.watch import KernelWatch
    from yarnkernel.store.address import StoreAddress


class SupervisedKernel(ABC):
    """The half of a :class:`~yarnkernel.kernels.handle.Kernel` that all places share."""

    id: str

    @abstractmethod
    def again(self) -> Kernel:
        """See :meth:`yarnkernel.kernels.handle.Kernel.again`."""

    @abstractmethod
    def _ask(self, timeout: float) -> Status:
        """Ask its place for the status, within ``timeout`` seconds."""

    def address(self, timeout: float, last: StoreAddress | None = None) -> StoreAddress:
        """See :meth:`yarnkernel.kernels.handle.Kernel.address`."""
        try:
            status = self._ask(timeout)
            if (address := status.store) is not None:
                return address
        except PlaceError:
            if last is None:
                raise
            return last
        ended = f"has ended: {status.outcome}" if status.ended else f"is {status.outcome}"
        raise ApplicationError(
            f"{self.id} {ended}; there is no kernel",
            app_id=self.id,
            state=status.state,
            diagnostics=status.diagnostics,
            hint=f"yarnkernel {'logs' if status.ended else 'connect'} {self.id}",
        )

    @abstractmethod
    def reached(self, info: ConnectionInfo) -> ConnectionInfo:
        """See :meth:`yarnkernel.kernels.handle.Addressed.reached`."""

    def kernel_status(self, timeout: float) -> KernelStatus | None:
        """See :meth:`yarnkernel.kernels.handle.Kernel.kernel_status`."""
        from yarnkernel.kernels.control import read_kernel_status  # noqa: PLC0415

        return read_kernel_status(self.address(timeout), timeout)

    def interrupt(
        self, timeout: float, *, key: str = KERNEL_INFO_KEY, last: StoreAddress | None = None
    ) -> str:
        """See :func:`yarnkernel.kernels.control.interrupt`."""
        from yarnkernel.kernels.control import interrupt  # noqa: PLC0415

        return interrupt(self, timeout, key=key, last=last)

    def restart(
        self,
        timeout: float,
        *,
        restarts: int | None = None,
        last: StoreAddress | None = None,
    ) -> tuple[float, int]:
        """See :func:`yarnkernel.kernels.control.restart`."""
        from yarnkernel.kernels.control import restart  # noqa: PLC0415

        return restart(self, timeout, restarts=restarts, last=last)

    def other_info(self, timeout: float, *, encrypted: bool) -> ConnectionInfo | None:
        """See :func:`yarnkernel.kernels.control.other_info`."""
        from yarnkernel.kernels.control import other_info  # noqa: PLC0415

        return other_info(self, timeout, encrypted=encrypted)

    def missed(self, timeout: float) -> Missed:
        """See :func:`yarnkernel.kernels.missed.read_missed`."""
        from yarnkernel.kernels.missed import read_missed  # noqa: PLC0415

        return read_missed(self, timeout)

    def shut_down(self, address: StoreAddress, reason: str, timeout: float) -> None:
        """See :meth:`yarnkernel.kernels.handle.Kernel.shut_down`."""
        from yarnkernel.store.client import shut_down  # noqa: PLC0415

        shut_down(address, reason, timeout)

    def watch(self, tell: Callable[[KernelStatus | Status | None], None]) -> KernelWatch:
        """See :class:`yarnkernel.kernels.watch.KernelWatch`."""
        from yarnkernel.kernels.watch import KernelWatch  # noqa: PLC0415

        watch = KernelWatch(self.again(), tell)
        watch.start()
        return watch
