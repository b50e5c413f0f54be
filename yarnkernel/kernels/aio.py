"""The Python API for asyncio: start, find, use and end kernels.

``yarnkernel.aio``; the blocking counterpart is in :mod:`yarnkernel` itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from yarnkernel.connection import AUTO, NEVER, is_encrypted
from yarnkernel.deadline import START_TIMEOUT, Deadline
from yarnkernel.errors import YarnKernelError
from yarnkernel.kernels import places
from yarnkernel.kernels.async_kernel import Kernel
from yarnkernel.kernels.options import LaunchOptions
from yarnkernel.kernels.session import ENCRYPTS
from yarnkernel.progress import ignore

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Generator, Sequence

    from yarnkernel.connection import ConnectionInfo
    from yarnkernel.kernels.handle import Kernel as Handle
    from yarnkernel.kernels.handle import Status
    from yarnkernel.progress import Report

__all__ = ["Kernel", "Opening", "connect", "list", "list_kernels", "start", "start_several"]

_T = TypeVar("_T")


class Opening(Generic[_T]):
    """The future result of a start, for ``await`` or ``async with``."""

    def __init__(self, make: Callable[[], Coroutine[Any, Any, _T]]) -> None:
        self._make = make
        self._made: _T | None = None

    def __await__(self) -> Generator[Any, None, _T]:
        return self._make().__await__()

    async def __aenter__(self) -> _T:
        self._made = await self
        return self._made

    async def __aexit__(self, *exc_info: object) -> None:
        kernels = [self._made] if isinstance(self._made, Kernel) else self._made
        await asyncio.gather(*(one.__aexit__(*exc_info) for one in cast("Any", kernels)))


def _launch_options(spec: str, options: dict[str, Any]) -> LaunchOptions:
    encrypt = AUTO if ENCRYPTS else NEVER
    return LaunchOptions.from_dict({"encrypt": encrypt, "spec": str(spec), **options})


def start(spec: str = "", *, on_progress: Report | None = None, **options: Any) -> Opening[Kernel]:
    """Start a kernel.

    With ``kernel = await start()`` it runs until :meth:`Kernel.stop` or, some time after this
    process has ended, its orphan timeout. ``async with start() as kernel`` stops it at the end.

    Parameters
    ----------
    spec : str, optional
        Path of the application specification; ``specs/ipython.yaml`` by default.
    on_progress : callable, optional
        Called in another thread with each change of state.
    **options
        Options of the start: the fields of :class:`yarnkernel.LaunchOptions`, such as ``memory="2
        GiB"``, ``queue="research"``, ``timeout=300.0`` (seconds for the start).

    Returns
    -------
    awaitable of Kernel
        Also an asynchronous context manager.

    Raises
    ------
    YarnKernelError
        When it cannot be started, with its place's reason and the end of its log. What was
        submitted is then ended, as it is on cancellation.
    """
    launch = _launch_options(spec, options)
    return Opening(lambda: _start(launch, on_progress or ignore))


def start_several(
    count: int,
    spec: str = "",
    *,
    on_progress: Report | None = None,
    **options: Any,
) -> Opening[Sequence[Kernel]]:
    """Start several kernels at once, all or none; see :func:`start`."""
    launch = _launch_options(spec, options)
    return Opening(lambda: _start_several(count, launch, on_progress or ignore))


async def _start_several(count: int, launch: LaunchOptions, report: Report) -> Sequence[Kernel]:
    starts = [asyncio.create_task(_start(launch, report)) for _ in range(count)]
    try:
        return await asyncio.gather(*starts)
    except BaseException:
        for one in starts:
            one.cancel()
        ended = await asyncio.gather(*starts, return_exceptions=True)
        kernels = [one for one in ended if isinstance(one, Kernel)]
        await asyncio.gather(*(one.stop(force=True) for one in kernels), return_exceptions=True)
        raise


def show_options(function: Any) -> None:
    """Show the options that a function passes on to ``help()`` and completion."""
    signature = inspect.signature(function)
    own = [one for one in signature.parameters.values() if one.kind is not one.VAR_KEYWORD]
    options = [
        one.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for one in inspect.signature(LaunchOptions).parameters.values()
        if one.name not in signature.parameters
    ]
    function.__signature__ = signature.replace(parameters=[*own, *options])


show_options(start)
show_options(start_several)


async def _start(launch: LaunchOptions, report: Report) -> Kernel:
    deadline = Deadline(launch.timeout)

    def run() -> tuple[Handle, ConnectionInfo]:
        with (
            contextlib.closing(places.open_place(launch)) as place,
            place.start(launch, deadline, recipe_options=["--owned"], report=report) as started,
        ):
            if deadline.given_up:
                raise YarnKernelError("the start was given up")
            return started

    handle, info = await _in_thread(run, deadline)
    kernel = Kernel(handle, info, owned=True)
    try:
        return await kernel.open()
    except BaseException:
        await asyncio.shield(kernel.stop(force=True))
        raise


async def _in_thread(run: Callable[[], Any], deadline: Deadline) -> Any:
    """Run a function with a deadline in a thread; cancellation lets the deadline pass."""
    future = asyncio.get_running_loop().run_in_executor(None, run)
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        deadline.cut_short()
        with contextlib.suppress(YarnKernelError):
            await future
        raise


def connect(
    kernel: str,
    *,
    timeout: float = START_TIMEOUT,
    on_progress: Report | None = None,
) -> Opening[Kernel]:
    """Connect to a running kernel as soon as it can be used.

    Parameters
    ----------
    kernel : str
        Its id.
    timeout : float, default 300.0
        Seconds to wait for it.
    on_progress : callable, optional
        Called in another thread with each change of state.

    Returns
    -------
    awaitable of Kernel
        Also an asynchronous context manager, which leaves the kernel running.

    Raises
    ------
    UsageError
        When this is not an id.
    KernelStartError, KernelStartTimeoutError
        When it ends first, or the timeout passes.
    """
    places.place_of(kernel).check_id(kernel)
    return Opening(lambda: _connect(kernel, Deadline(timeout), on_progress or ignore))


async def _connect(kernel: str, deadline: Deadline, report: Report) -> Kernel:
    from yarnkernel.kernels.control import ENCRYPT_TIMEOUT  # noqa: PLC0415  (gRPC)

    def run() -> tuple[Handle, ConnectionInfo]:
        with places.find_kernel(kernel) as handle:
            info = handle.wait(deadline, report=report)
            if ENCRYPTS and not is_encrypted(info):
                with contextlib.suppress(YarnKernelError):
                    info = handle.other_info(ENCRYPT_TIMEOUT, encrypted=True) or info
            return handle, info

    handle, info = await _in_thread(run, deadline)
    return await Kernel(handle, info, owned=False).open()


async def list_kernels(*, ended: bool = False, user: str = "") -> Sequence[Status]:
    """List kernels, the newest last; ``yarnkernel.aio.list``.

    Parameters
    ----------
    ended : bool, default False
        Include kernels that have ended.
    user : str, optional
        Whose kernels; by default one's own.
    """
    return await asyncio.to_thread(places.list_kernels, ended=ended, user=user or None)


list = list_kernels  # noqa: A001  (as users write it: aio.list)
