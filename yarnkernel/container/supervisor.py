"""The recipe's process: it owns the kernel, publishes it, restarts it, and ends with it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from yarnkernel.announcement import DIRECTORY_VARIABLE
from yarnkernel.connection import (
    ASKED_TO_RESTART,
    ENDED_UNUSED,
    RECIPE_DIAGNOSTICS,
    REQUIRED,
    format_connection_info,
)
from yarnkernel.container.address import container_address
from yarnkernel.container.application import ApplicationFinder
from yarnkernel.container.commands import Commands
from yarnkernel.container.descendants import bury_orphans
from yarnkernel.container.errors import KernelFailedError
from yarnkernel.container.file_carrier import FileCarrier
from yarnkernel.container.kernel import KILL_TIMEOUT, Kernel
from yarnkernel.container.kernel_process import KernelLaunch, describe_end
from yarnkernel.container.limit_watch import LimitWatch
from yarnkernel.container.memory import MEBIBYTE, ContainerMemory, requested_memory
from yarnkernel.container.notices import tell_broken_off, warn
from yarnkernel.container.persistent import persist
from yarnkernel.container.publisher import StatusPublisher
from yarnkernel.container.signals import asked_to_end_by_others, heed_schedulers
from yarnkernel.errors import YarnKernelError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from yarnkernel.container.application import Application
    from yarnkernel.container.further_options import FurtherOptions
    from yarnkernel.container.limits import Limits

_log = logging.getLogger(__name__)

#: Seconds after which earlier crashes no longer count; stable_start_time of
#: jupyter_client/restarter.py.
STABLE_TIME = 10.0
#: Seconds to wait for a restart command after a kernel has ended without a farewell, as IRkernel
#: does.
RESTART_GRACE = 1.0
#: Seconds for processes that the memory guard has ended to release their memory.
GUARD_PAUSE = 0.1
#: Share of the container's memory above which an end by a signal may be due to memory.
SUSPICIOUS = 0.9
#: The notice in a notebook whose kernel is ended.
STOPPED = "The kernel was stopped from outside, as by yarnkernel stop. Its variables are gone.\n"


@dataclass(frozen=True)
class SupervisorOptions:
    """The options of the recipe's command line.

    Attributes
    ----------
    launch : KernelLaunch
        How the kernel is started.
    kernel_info_key : str
        Key under which its connection info is published.
    start_timeout : float
        Seconds for it to answer.
    interrupt_mode : str
        ``"signal"`` or ``"message"``.
    max_restarts : int
        How often in a row a crashing kernel is restarted.
    once : bool
        Whether to end with the kernel's first process.
    owned : bool
        Whether a front end owns it, which stays connected.
    any_host : bool
        Whether hosts that have not read its connection info may connect.
    memory_guard : float
        Share of the container's memory at which the kernel is ended; 0 switches it off.
    limits : Limits
        When it is ended for lack of use.
    further : FurtherOptions
        The further containers that it may request.
    verbose : bool
        Whether to log each step.
    """

    launch: KernelLaunch
    kernel_info_key: str
    start_timeout: float
    interrupt_mode: str
    max_restarts: int
    once: bool
    owned: bool
    any_host: bool
    memory_guard: float
    limits: Limits
    further: FurtherOptions
    verbose: bool


class Supervisor:
    """Run one kernel in this container.

    Parameters
    ----------
    options : SupervisorOptions
        How.
    """

    def __init__(self, options: SupervisorOptions) -> None:
        self._options = options
        self._memory = ContainerMemory(requested_memory(os.environ) * MEBIBYTE)
        patience = options.limits.orphan * options.owned
        self._publisher = StatusPublisher(self._memory, patience, options.launch.directory)
        self._files = FileCarrier(self._publisher.wants)
        sealed = options.launch.encryption == REQUIRED
        self._commands = Commands(self._publisher, self._files, sealed=sealed)
        self._crashes = 0
        self._over_limit = ""
        self._kernel: Kernel | None = None

    async def run(self) -> int:
        """Run the kernel to its end.

        Returns
        -------
        int
            0 if we were asked to end or the kernel ended in good order; otherwise its exit code
            (128 plus the number of a signal), or 1 if it could not be started.

        Raises
        ------
        YarnKernelError
            When this is not an application's container, or the application cannot be run.
        """
        asked = asyncio.Event()
        # Outside YARN the parent is a job or the host's first process.
        has_parent = DIRECTORY_VARIABLE not in os.environ
        options = self._options
        finder = ApplicationFinder(os.environ, asked, options.further, options.launch.ports)
        life = asyncio.create_task(self._live(finder))
        asked_to_end = asyncio.create_task(asked_to_end_by_others(asked, has_parent=has_parent))
        if not has_parent:
            heed_schedulers(asked, lambda: self._kernel)
        await asyncio.wait((life, asked_to_end), return_when=asyncio.FIRST_COMPLETED)
        kernel = self._kernel
        if not life.done() and kernel is not None and not kernel.activity.farewell.is_set():
            await warn(kernel, STOPPED)
        life.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            return await life
        return 0

    async def _live(self, finder: ApplicationFinder) -> int:
        starting = asyncio.create_task(self._start_kernel())
        async with contextlib.AsyncExitStack() as stack:
            stack.push_async_callback(self._end_kernel, starting)
            store = await stack.enter_async_context(await finder.open())
            # Closed before the application, which reports the end: no kernel may be left then.
            stack.push_async_callback(self._end_kernel, starting)
            try:
                kernel = await starting
                if self._options.any_host or not store.tell_readers(kernel.gate.admit):
                    kernel.gate.admit_all()
                # The status first, so that whoever finds the kernel also finds its supervisor.
                await self._publisher.publish(kernel, store)
                await store.put(
                    self._options.kernel_info_key, format_connection_info(kernel.info).encode()
                )
                self._publisher.reached("published")
                _log.info("published under %r", self._options.kernel_info_key)
                await self._supervise(kernel, store)
                await self._publisher.publish_end(kernel, store)
            except KernelFailedError as exc:
                _log.error("the kernel %s", exc.summary)
                self._publisher.ended(exc.code, exc.summary)
                if self._kernel is not None and "published" in self._publisher.phases:
                    await self._publisher.publish_end(self._kernel, store)
                text = f"{RECIPE_DIAGNOSTICS}{exc.summary}.\n{exc.output}"
                await store.end_application("FAILED", text.strip())
                return exc.exit_code
            return 0

    async def _start_kernel(self) -> Kernel:
        launch = self._options.launch
        try:
            launch.check()
            address = container_address(os.environ)
        except YarnKernelError as exc:
            raise KernelFailedError(f"cannot be started: {exc}") from exc
        _log.info("starting %s on %s", " ".join(launch.command), address)
        self._kernel = Kernel(
            launch,
            address,
            self._files,
            start_timeout=self._options.start_timeout,
            interrupt_mode=self._options.interrupt_mode,
        )
        await self._kernel.start()
        self._publisher.reached("kernel")
        return self._kernel

    async def _end_kernel(self, starting: asyncio.Task[Kernel]) -> None:
        starting.cancel()
        # Only now is it certain whether there is a process. Gathered, as asyncio would log a
        # failure that nobody retrieves.
        over = asyncio.gather(starting, return_exceptions=True)
        await asyncio.wait([over], timeout=KILL_TIMEOUT)
        kernel, self._kernel = self._kernel, None
        if kernel is not None:
            await kernel.end()
            await kernel.close()

    async def _supervise(self, kernel: Kernel, store: Application) -> None:
        jobs: dict[str, Callable[[], Coroutine[Any, Any, None]]] = {
            "obeying commands": lambda: self._commands.obey(kernel, store),
            "the memory guard": lambda: self._guard_memory(kernel),
            "the question for the memory's limit": lambda: self._learn_memory_limit(store),
            "burying orphans": bury_orphans,
            "telling the status": lambda: self._publisher.run(kernel, store),
        }
        tasks = [asyncio.create_task(persist(what, job)) for what, job in jobs.items()]
        limits = LimitWatch(self._options.limits, store, owned=self._options.owned)
        try:
            while reason := await self._until_restart(kernel, store, limits):
                _log.warning("restarting the kernel, which %s", reason)
                await self._restart(kernel, reason)
        finally:
            for task in tasks:
                task.cancel()

    async def _until_restart(self, kernel: Kernel, store: Application, limits: LimitWatch) -> str:
        """Wait until the kernel's process has ended, and return why to start it again.

        Returns
        -------
        str
            What happened, to follow "The kernel"; empty if it has ended for good.

        Raises
        ------
        KernelFailedError
            When it has crashed too often.
        """
        began = time.monotonic()
        ended = kernel.process.ended
        restart = asyncio.create_task(self._commands.restart_asked())
        limit = asyncio.create_task(limits.reached(kernel))
        farewell = asyncio.create_task(persist("seeing the kernel off", kernel.see_off))
        try:
            waiting = (ended, restart, limit)
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            if not ended.done():
                farewell.cancel()
                if restart.done():
                    await kernel.end(restart=True)
                    return ASKED_TO_RESTART
                await self._end_unused(kernel, store, limit.result())
                return ""
            stable = time.monotonic() - began > STABLE_TIME
            if self._over_limit:
                return self._crashed(kernel, self._over_limit, stable=stable)
            await kernel.hear_out()
            if await self._ended_in_good_order(kernel, restart):
                return ""
        finally:
            for task in (restart, limit, farewell):
                task.cancel()
        if restart.done() or kernel.activity.restart_asked:
            return ASKED_TO_RESTART + " by a client" * kernel.activity.restart_asked
        reason = describe_end(ended.result()) + self._suspicion(ended.result())
        return self._crashed(kernel, reason, stable=stable)

    async def _ended_in_good_order(self, kernel: Kernel, restart: asyncio.Task[None]) -> bool:
        code = kernel.process.ended.result()
        self._publisher.ended(code, describe_end(code))
        if self._options.once:
            return kernel.activity.farewell.is_set() or code == 0
        if not kernel.activity.farewell.is_set() and code == 0:
            await asyncio.wait([restart], timeout=RESTART_GRACE)
        if restart.done() or kernel.activity.restart_asked:
            return False
        return kernel.activity.farewell.is_set() or code == 0

    async def _end_unused(self, kernel: Kernel, store: Application, reason: str) -> None:
        text = f"{RECIPE_DIAGNOSTICS}{ENDED_UNUSED}{reason}."
        _log.warning("%s", text)
        await warn(kernel, f"{text} Its variables are gone.\n")
        await kernel.end()
        self._publisher.ended(0, f"{ENDED_UNUSED}{reason}")
        await self._publisher.publish_end(kernel, store)
        await store.end_application("SUCCEEDED", text)

    def _suspicion(self, code: int) -> str:
        used, limit = self._memory.last_used, self._memory.limit
        if code != -signal.SIGKILL or used < SUSPICIOUS * limit or not limit:
            return ""
        used_of = self._memory.describe(used)
        return f", when its container used {used_of}: out of memory? If so, more --memory"

    def _crashed(self, kernel: Kernel, reason: str, *, stable: bool) -> str:
        self._crashes = 1 if stable else self._crashes + 1
        allowed = self._options.max_restarts
        if self._crashes <= allowed:
            return reason
        if allowed:
            reason += f", after {allowed} restarts (--max-restarts)"
        ended = kernel.process.ended
        code = ended.result() if ended.done() else -signal.SIGKILL
        raise KernelFailedError(reason, output=kernel.process.last_lines(), code=code)

    async def _guard_memory(self, kernel: Kernel) -> None:
        """End the kernel before YARN ends the container for its memory, even during a restart."""
        while True:
            used = await self._memory.wait_exceeded(self._options.memory_guard)
            self._over_limit = (
                "was ended because its container used "
                f"{self._memory.describe(used)} (--memory-guard); next: more --memory, of the "
                "kernelspec or the start"
            )
            await kernel.kill()
            self._memory.look_anew()
            await asyncio.sleep(GUARD_PAUSE)

    async def _learn_memory_limit(self, store: Application) -> None:
        self._memory.limit = await store.memory_limit() * MEBIBYTE

    async def _restart(self, kernel: Kernel, reason: str) -> None:
        begin = time.monotonic()
        self._over_limit = ""
        self._commands.restarting()
        self._publisher.restarting(reason)
        broken_off = kernel.activity.headers
        await kernel.start_again()
        if not reason.startswith(ASKED_TO_RESTART):
            # Before clients hear of the restart and forget what they were waiting for.
            await tell_broken_off(kernel, f"{RECIPE_DIAGNOSTICS}{reason}.\n", broken_off)
        self._publisher.restarted()
        self._commands.restarted(time.monotonic() - begin)
