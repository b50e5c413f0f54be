"""The Python API without an event loop: what :mod:`yarnkernel.kernels.aio` does, waited for.

An event loop of our own, in a thread, does the work: kernels may be used from several threads.
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
#: Seconds that what Ctrl-C has interrupted may take to clean up.
CLEANUP_TIMEOUT = 60.0
#: Seconds after which Ctrl-C is heard at the latest. The system may give the signal to another
#: thread than the one that waits, which it does not wake (seen in 1 of 15 tries while gRPC
#: started its threads on a busy machine).
INTERRUPT_INTERVAL = 0.1


class _Loop:
    """An event loop in a thread of its own; a process that forks gets another one."""

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
        """Run it to its end; Ctrl-C cancels it, and waits for what that takes."""
        ended = threading.Event()

        async def watched() -> _T:
            try:
                return await coroutine
            finally:
                ended.set()

        future = self.submit(watched())
        try:
            while not future.done():
                with deferred():  # an exception in its midst would leave its locks locked
                    concurrent.futures.wait([future], INTERRUPT_INTERVAL)
            return future.result()
        except KeyboardInterrupt:
            future.cancel()
            ended.wait(CLEANUP_TIMEOUT)
            raise


def _run(coroutine: Coroutine[Any, Any, _T]) -> _T:
    return _Loop.current().run(coroutine)


class Kernel:
    """A kernel that runs; a context manager.

    Made by :func:`start` and :func:`connect`. At the end of the body a kernel that was started
    is stopped, and one that was connected to goes on.

    Attributes
    ----------
    id : str
        Its id.
    connection_info : dict
        Its connection info, as other clients need it.
    """

    def __init__(self, kernel: aio.Kernel) -> None:
        self._kernel = kernel

    @property
    def id(self) -> str:
        """Its id."""
        return self._kernel.id

    @property
    def connection_info(self) -> ConnectionInfo:
        """Its connection info, as other clients need it."""
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
        """Run a cell and do not wait: so several kernels work at once.

        To cancel the future is to interrupt the cell.
        """
        execute = self._kernel.execute(code, timeout=timeout, on_output=on_output)
        return _Loop.current().submit(execute)

    def interrupt(self, timeout: float = INTERRUPT_TIMEOUT) -> str:
        """Interrupt what it does; see :func:`yarnkernel.kernels.control.interrupt`."""
        return _run(self._kernel.interrupt(timeout))

    def restart(self, timeout: float = RESTART_TIMEOUT) -> float:
        """Restart it in place; see :meth:`yarnkernel.aio.Kernel.restart`."""
        return _run(self._kernel.restart(timeout))

    def status(self) -> KernelStatus | None:
        """Ask its supervisor; None when it has none of ours."""
        return _run(self._kernel.status())

    def missed(self) -> Missed:
        """Take what cells have printed unheard; see :meth:`yarnkernel.aio.Kernel.missed`."""
        return _run(self._kernel.missed())

    def logs(self, *, every: bool = False) -> str:
        """Return its log, or with ``every`` those of all files of its containers."""
        return _run(self._kernel.logs(every=every))

    def stop(self, *, force: bool = False, timeout: float = STOP_TIMEOUT) -> Status:
        """End it; see :meth:`yarnkernel.aio.Kernel.stop`."""
        return _run(self._kernel.stop(force=force, timeout=timeout))

    def close(self) -> None:
        """Leave it as it is: cells that run go on."""
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
    body. Without ``with`` it goes on until :meth:`Kernel.stop`, or, some time after this process
    has ended, its orphan timeout.

    Parameters
    ----------
    spec : str, optional
        Path of the application specification; ``specs/ipython.yaml`` by default.
    on_progress : callable, optional
        Called in another thread with each change of state.
    **options
        How it is started: the fields of :class:`yarnkernel.LaunchOptions`.

    Returns
    -------
    Kernel
        The kernel.

    Raises
    ------
    UsageError
        When there is no such option, or not with this value.
    YarnKernelError
        When it cannot be started: with its place's reason, and the end of its log. What was
        submitted is ended then, and upon Ctrl-C.
    """
    return Kernel(_run(_wait_for(aio.start(spec, on_progress=on_progress, **options))))


def start_several(
    count: int,
    spec: str = "",
    *,
    on_progress: Report | None = None,
    **options: Any,
) -> Kernels:
    """Start several kernels at once: all of them, or none; see :func:`start`.

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
    """Connect to a kernel that somebody has started; see :func:`yarnkernel.aio.connect`.

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
        Those that have ended too.
    user : str, optional
        Only this user's; by default one's own.
    """
    return _run(aio.list_kernels(ended=ended, user=user))


list = list_kernels  # noqa: A001  (as users write it: yarnkernel.list)
aio.show_options(start)
aio.show_options(start_several)
