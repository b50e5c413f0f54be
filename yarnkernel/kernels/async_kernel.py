"""A running kernel, for asyncio."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from yarnkernel.errors import ApplicationError, YarnKernelError
from yarnkernel.kernel_status import KernelStatus
from yarnkernel.kernels.handle import STOP_TIMEOUT
from yarnkernel.kernels.log_files import join_pieces
from yarnkernel.kernels.results import CellError, ExecutionTimeoutError
from yarnkernel.kernels.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Self

    from yarnkernel.connection import ConnectionInfo
    from yarnkernel.kernels.handle import Kernel as Handle
    from yarnkernel.kernels.handle import Status, Watch
    from yarnkernel.kernels.results import Missed, Output, Result

#: Seconds for an interrupt and a restart.
INTERRUPT_TIMEOUT, RESTART_TIMEOUT = 15.0, 60.0


class Kernel:
    """A running kernel; an asynchronous context manager.

    Made by :func:`start` and :func:`connect`. At the end of the body, a kernel from ``start`` is
    stopped, and one from ``connect`` keeps running.

    Attributes
    ----------
    id : str
        Its id.
    connection_info : dict
        Its connection info, for other clients.
    """

    def __init__(self, handle: Handle, info: ConnectionInfo, *, owned: bool) -> None:
        self.id = handle.id
        self.connection_info = info
        self._handle = handle
        self._owned = owned
        self._session = Session(info)
        self._watch: Watch | None = None
        self._restarts: int | None = None
        self._ended: CellError | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self) -> Self:
        """Connect; called by :func:`start` and :func:`connect`."""
        await self._session.open()
        loop = asyncio.get_running_loop()

        def tell(news: KernelStatus | Status | None) -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed, and nobody listens
                loop.call_soon_threadsafe(self._take_news, news)

        self._watch = self._handle.watch(tell)
        return self

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._owned:
            await self.stop()
        else:
            await self.close()

    def __repr__(self) -> str:
        return f"<yarnkernel kernel {self.id}>"

    def _take_news(self, news: KernelStatus | Status | None) -> None:
        error = None
        if isinstance(news, KernelStatus):
            known, self._restarts = self._restarts, news.restarts
            if known is not None and news.restarts > known:
                error = CellError(
                    "KernelDied", f"the kernel {news.last_end}; it is another one now"
                )
        else:
            how = f"{news.outcome} {news.diagnostics}".strip() if news else "its place lost it"
            error = self._ended = CellError("KernelEnded", f"{self.id} has ended: {how}")
        if error is not None:
            task = asyncio.create_task(self._session.died(error))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def execute(
        self,
        code: str,
        *,
        timeout: float | None = None,
        on_output: Callable[[Output], object] | None = None,
    ) -> Result:
        """Run a cell and wait for its end; an exception of its code is part of the result.

        Cancellation interrupts the cell.

        Parameters
        ----------
        code : str
            The cell.
        timeout : float, optional
            Seconds after which it is interrupted. By default it may run as long as its kernel
            lives; the kernel's end is noticed.
        on_output : callable, optional
            Called with each output as it arrives.

        Returns
        -------
        Result
            Its outputs, and its error if it has failed.

        Raises
        ------
        ExecutionTimeoutError
            When the timeout passed.
        ApplicationError
            When the kernel ended first.
        """
        if self._ended is not None:
            raise ApplicationError(
                self._ended.value, app_id=self.id, hint=f"yarnkernel logs {self.id}"
            )
        try:
            return await asyncio.wait_for(self._session.execute(code, on_output), timeout)
        except asyncio.CancelledError:
            await asyncio.shield(self._interrupt_quietly())
            raise
        except asyncio.TimeoutError:
            await self._interrupt_quietly()
            raise ExecutionTimeoutError(
                f"{self.id}: the cell took longer than {timeout:g} s, and was interrupted"
            ) from None

    async def _interrupt_quietly(self) -> None:
        with contextlib.suppress(YarnKernelError):
            await self.interrupt()

    async def interrupt(self, timeout: float = INTERRUPT_TIMEOUT) -> str:
        """Interrupt its work; see :func:`yarnkernel.kernels.control.interrupt`."""
        with self._handle.again() as handle:
            return await asyncio.to_thread(handle.interrupt, timeout)

    async def restart(self, timeout: float = RESTART_TIMEOUT) -> float:
        """Restart it in place: the container, ports and key stay, variables are lost.

        Parameters
        ----------
        timeout : float, default 60.0
            Seconds.

        Returns
        -------
        float
            Seconds that it took.

        Raises
        ------
        ApplicationError
            When it cannot be restarted.
        """
        with self._handle.again() as handle:
            seconds, self._restarts = await asyncio.to_thread(handle.restart, timeout)
        await self._session.died(CellError("KernelRestarted", "the kernel was restarted"))
        await self._session.close()
        self._session = Session(self.connection_info)
        await self._session.open()
        return seconds

    async def status(self) -> KernelStatus | None:
        """Ask its supervisor; return None if it has none of ours."""
        with self._handle.again() as handle:
            return await asyncio.to_thread(handle.kernel_status, INTERRUPT_TIMEOUT)

    async def missed(self) -> Missed:
        """Take the output of cells while no client was connected, up to the last MiB."""
        with self._handle.again() as handle:
            return await asyncio.to_thread(handle.missed, INTERRUPT_TIMEOUT)

    async def logs(self, *, every: bool = False) -> str:
        """Return its log, or with ``every`` all log files of its containers."""
        with self._handle.again() as handle:
            files = await asyncio.to_thread(lambda: join_pieces(handle.logs(every=every)))
        return "".join(file.text for file in files)

    async def stop(self, *, force: bool = False, timeout: float = STOP_TIMEOUT) -> Status:
        """End it; see :meth:`yarnkernel.kernels.handle.Kernel.stop`."""
        await self.close()
        with self._handle.again() as handle:
            return await asyncio.to_thread(lambda: handle.stop(force=force, timeout=timeout))

    async def close(self) -> None:
        """Disconnect; running cells go on."""
        if self._watch is not None:
            self._watch.stop()
        await self._session.close()
