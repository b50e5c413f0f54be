"""The blocking Python API, on top of :mod:`yarnkernel.kernels.aio`.

An event loop in a thread does the work, so that kernels may be used from several threads.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import os
import threading
from typing import TYPE_CHECKING, Any, TypeVar

from yarnkernel.deadline import START_TIMEOUT
from yarnkernel.interrupts import deferred
from yarnkernel.kernels import aio
from yarnkernel.kernels.async_kernel import INTERRUPT_TIMEOUT, RESTART_TIMEOUT
from yarnkernel.kernels.handle import STOP_TIMEOUT

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from typing_extensions import Self

    from yarnkernel.connection import ConnectionInfo
    from yarnkernel.kernel_status import KernelStatus
    from yarnkernel.kernels.handle import Status
    from yarnkernel.kernels.results import Missed, Output, Result
    from yarnkernel.progress import Report

_T = TypeVar("_T")
#: Seconds for a call that Ctrl-C has interrupted to clean up.
CLEANUP_TIMEOUT = 60.0
#: Seconds after which Ctrl-C is noticed at the latest. The system may deliver the signal to another
#: thread, which does not wake the waiting one (seen in 1 of 15 tries while gRPC started its threads
#: on a busy machine).
INTERRUPT_INTERVAL = 0.1


class _Loop:
    """An event loop in a thread; a forked process gets a new one."""

    _lock = threading.Lock()
    _current: _Loop | None = None

    def __init__(self) -> None:
        self._pid = os.getpid()
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, name="yarnkernel", daemon=True).start()

    @classmethod
    def current(cls) -> _Loop:
        with cls._lock:
            if cls._current is None or cls._current._pid != os.getpid():  # noqa: SLF001
                cls._current = cls()
            return cls._current

    def submit(self, coroutine: Coroutine[Any, Any, _T]) -> concurrent.futures.Future[_T]:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    def run(self, coroutine: Coroutine[Any, Any, _T]) -> _T:
        """Run a coroutine to its end; Ctrl-C cancels it and waits for its cleanup."""
        ended = threading.Event()

        async def watched() -> _T:
            try:
                return await coroutine
            finally:
                ended.set()

        future = self.submit(watched())
        try:
            while not future.done():
                with deferred():  # an exception inside would leave its locks held
                    concurrent.futures.wait([future], INTERRUPT_INTERVAL)
            return future.result()
        except KeyboardInterrupt:
            future.cancel()
            ended.wait(CLEANUP_TIMEOUT)
            raise


def _run(coroutine: Coroutine[Any, Any, _T]) -> _T:
    return _Loop.current().run(coroutine)


class Kernel:
    """A running kernel; a context manager.

    Made by :func:`start` and :func:`connect`. At the end of the body, a kernel from ``start`` is
    stopped, and one from ``connect`` keeps running.

    Attributes
    ----------
    id : str
        Its id.
    connection_info : dict
        Its connection info, for other clients.
    """

    def __init__(self, kernel: aio.Kernel) -> None:
        self._kernel = kernel

    @property
    def id(self) -> str:
        """Its id."""
        return self._kernel.id

    @property
    def connection_info(self) -> ConnectionInfo:
        """Its connection info, for other clients."""
        return self._kernel.connection_info

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        _run(self._kernel.__aexit__(*exc_info))

    def __repr__(self) -> str:
        return repr(self._kernel)

    def execute(
        self,
        code: str,
        *,
        timeout: float | None = None,
        on_output: Callable[[Output], object] | None = None,
    ) -> Result:
        """Run a cell and wait for its end; see :meth:`yarnkernel.aio.Kernel.execute`.

        Ctrl-C interrupts the cell. ``on_output`` is called in another thread.
        """
        return _run(self._kernel.execute(code, timeout=timeout, on_output=on_output))

    def execute_soon(
        self,
        code: str,
        *,
        timeout: float | None = None,
        on_output: Callable[[Output], object] | None = None,
    ) -> concurrent.futures.Future[Result]:
        """Run a cell without waiting, so that several kernels work at once.

        Cancelling the future interrupts the cell.
        """
        execute = self._kernel.execute(code, timeout=timeout, on_output=on_output)
        return _Loop.current().submit(execute)

    def interrupt(self, timeout: float = INTERRUPT_TIMEOUT) -> str:
        """Interrupt its work; see :func:`yarnkernel.kernels.control.interrupt`."""
        return _run(self._kernel.interrupt(timeout))

    def restart(self, timeout: float = RESTART_TIMEOUT) -> float:
        """Restart it in place; see :meth:`yarnkernel.aio.Kernel.restart`."""
        return _run(self._kernel.restart(timeout))

    def status(self) -> KernelStatus | None:
        """Ask its supervisor; return None if it has none of ours."""
        return _run(self._kernel.status())

    def missed(self) -> Missed:
        """Take output that no client has received; see :meth:`yarnkernel.aio.Kernel.missed`."""
        return _run(self._kernel.missed())

    def logs(self, *, every: bool = False) -> str:
        """Return its log, or with ``every`` all log files of its containers."""
        return _run(self._kernel.logs(every=every))

    def stop(self, *, force: bool = False, timeout: float = STOP_TIMEOUT) -> Status:
        """End it; see :meth:`yarnkernel.aio.Kernel.stop`."""
        return _run(self._kernel.stop(force=force, timeout=timeout))

    def close(self) -> None:
        """Disconnect; running cells go on."""
        _run(self._kernel.close())


class Kernels(tuple[Kernel, ...]):
    """Several kernels; a context manager, which stops them all."""

    __slots__ = ()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        async def leave() -> None:
            await asyncio.gather(*(one._kernel.__aexit__(*exc_info) for one in self))  # noqa: SLF001

        _run(leave())


async def _wait_for(opening: aio.Opening[_T]) -> _T:
    return await opening


def start(spec: str = "", *, on_progress: Report | None = None, **options: Any) -> Kernel:
    """Start a kernel and wait for it.

    ``with yarnkernel.start(memory="2 GiB", queue="research") as kernel`` stops it at the end of the
    body. Without ``with`` it runs until :meth:`Kernel.stop` or, some time after this process has
    ended, its orphan timeout.

    Parameters
    ----------
    spec : str, optional
        Path of the application specification; ``specs/ipython.yaml`` by default.
    on_progress : callable, optional
        Called in another thread with each change of state.
    **options
        Options of the start: the fields of :class:`yarnkernel.LaunchOptions`.

    Returns
    -------
    Kernel
        The kernel.

    Raises
    ------
    UsageError
        When an option is unknown or its value is invalid.
    YarnKernelError
        When it cannot be started, with its place's reason and the end of its log. What was
        submitted is then ended, as it is on Ctrl-C.
    """
    return Kernel(_run(_wait_for(aio.start(spec, on_progress=on_progress, **options))))


def start_several(
    count: int,
    spec: str = "",
    *,
    on_progress: Report | None = None,
    **options: Any,
) -> Kernels:
    """Start several kernels at once, all or none; see :func:`start`.

    Parameters
    ----------
    count : int
        How many.
    """
    opening = aio.start_several(count, spec, on_progress=on_progress, **options)
    kernels = _run(_wait_for(opening))
    return Kernels(Kernel(one) for one in kernels)


def connect(
    kernel: str,
    *,
    timeout: float = START_TIMEOUT,
    on_progress: Report | None = None,
) -> Kernel:
    """Connect to a running kernel; see :func:`yarnkernel.aio.connect`.

    Parameters
    ----------
    kernel : str
        Its id.
    timeout : float, default 300.0
        Seconds to wait for it.
    on_progress : callable, optional
        Called in another thread with each change of state.
    """
    return Kernel(_run(_wait_for(aio.connect(kernel, timeout=timeout, on_progress=on_progress))))


def list_kernels(*, ended: bool = False, user: str = "") -> Sequence[Status]:
    """List kernels, the newest last; ``yarnkernel.list``.

    Parameters
    ----------
    ended : bool, default False
        Include kernels that have ended.
    user : str, optional
        Whose kernels; by default one's own.
    """
    return _run(aio.list_kernels(ended=ended, user=user))


list = list_kernels  # noqa: A001  (as users write it: yarnkernel.list)
aio.show_options(start)
aio.show_options(start_several)
