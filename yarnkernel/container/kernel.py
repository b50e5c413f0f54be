"""The kernel of this container, with its restarts in place: same host, ports and key."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import time
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING

from yarnkernel.connection import PORT_NAMES, ConnectionInfo, is_encrypted
from yarnkernel.container.activity import Activity
from yarnkernel.container.address import own_address
from yarnkernel.container.broadcasts import listen
from yarnkernel.container.descendants import end_descendants, wait_with_children
from yarnkernel.container.errors import KernelFailedError
from yarnkernel.container.gate import Gate
from yarnkernel.container.kernel_process import KernelProcess, describe_end
from yarnkernel.container.mechanism import check_encryption
from yarnkernel.container.persistent import persist
from yarnkernel.container.ports import (
    await_clash,
    await_listening,
    check_ports,
    pick_ports,
    taken_by_others,
)
from yarnkernel.container.recorder import Recorder
from yarnkernel.errors import YarnKernelError

if TYPE_CHECKING:
    from yarnkernel.container.file_carrier import FileCarrier
    from yarnkernel.container.kernel_process import KernelLaunch
    from yarnkernel.container.messages import Messages

_log = logging.getLogger(__name__)

#: How often ports are picked for a kernel that does not choose its own.
PORT_ATTEMPTS = 5
#: How often a kernel is started again after its end: somebody may have taken a port meanwhile.
RESTART_ATTEMPTS = 3
#: Seconds that the kernel has to end in good order, and again after SIGTERM.
END_GRACE = 3.0
#: Seconds that a process may take to end after SIGKILL: it may wait for a disk.
KILL_TIMEOUT = 30.0
#: Seconds after which a kernel that was interrupted is said to be busy still.
INTERRUPT_GRACE = 3.0
#: Seconds for clients' connections to a new process to be there, once they are let in.
RECONNECT_TIME = 0.2
#: Seconds for its last broadcast to arrive after its process has ended.
FAREWELL = 0.1
#: Seconds in which a kernel that is not busy answers.
IDLE_TIMEOUT = 1.0


class Kernel:
    """A kernel that outlives its process.

    Parameters
    ----------
    launch : KernelLaunch
        How it is started.
    address : str
        The numeric address that clients reach it at.
    files : FileCarrier
        Gets what it asks its front end for.
    start_timeout : float
        Seconds that it may take to answer.
    interrupt_mode : str
        ``"signal"`` or ``"message"``, as in Jupyter's kernelspecs.

    Attributes
    ----------
    info : dict
        Its connection info as clients get it; complete once it has been started.
    own_info : dict
        The same with the address and ports of its own, on this host alone.
    gate : Gate
        Whom it is reached by.
    activity, recorder : Activity, Recorder
        The use that clients make of it, and what it told while there was none.
    """

    def __init__(
        self,
        launch: KernelLaunch,
        address: str,
        files: FileCarrier,
        *,
        start_timeout: float,
        interrupt_mode: str,
    ) -> None:
        self._launch = launch
        self._files = files
        self._start_timeout = start_timeout
        self._interrupt_mode = interrupt_mode
        self._process: KernelProcess | None = None
        self._messages: Messages | None = None
        self._listening: asyncio.Task[None] | None = None
        self._killing: asyncio.Task[None] | None = None
        self.info: ConnectionInfo = {}
        self.gate = Gate(address, launch.ports)
        self._address = own_address(address)  # where it really listens
        self.own_info: ConnectionInfo = {}
        self.activity = Activity()
        self.recorder = Recorder()

    @property
    def process(self) -> KernelProcess:
        """The process that it has now."""
        if self._process is None:
            raise RuntimeError("it has not been started")
        return self._process

    @property
    def messages(self) -> Messages:
        """Its channels."""
        if self._messages is None:
            raise RuntimeError("the kernel has not been started")
        return self._messages

    async def start(self) -> None:
        """Start it for the first time and wait until it answers.

        Raises
        ------
        KernelFailedError
            When it cannot be started, ends first or does not answer in time.
        """
        for attempts_left in reversed(range(PORT_ATTEMPTS)):
            chooses = self._launch.chooses_ports
            ports = dict.fromkeys(PORT_NAMES, 0) if chooses else pick_ports(self._address)
            self.own_info = self._launch.new_connection_info(self._address, ports)
            try:
                await self._bring_up()
            except KernelFailedError:
                pid = self._process.pid if self._process is not None else 0
                given = [] if chooses else list(ports.values())
                taken = taken_by_others(self._address, given, pid)
                await self.close()
                if not taken or not attempts_left:
                    raise
                _log.warning("somebody took port %d first: trying others", taken[0])
            else:
                self._let_in()
                return

    def _let_in(self) -> None:
        """Open the ports for clients, which stay the same for as long as it lives."""
        own = self.own_info
        try:
            self.gate.open({name: (own["ip"], own[name]) for name in PORT_NAMES})
        except OSError as exc:
            raise KernelFailedError(f"cannot be reached: {exc.strerror or exc}") from exc
        self.gate.go_on()
        self.info = {**own, "ip": self.gate.address, **self.gate.ports}

    async def start_again(self) -> None:
        """Start it again after its end, on the same ports and with the same key.

        Raises
        ------
        KernelFailedError
            When it cannot be started, ends first or does not answer in time, several times.
        """
        await self.kill()
        if not self.process.ended.done():
            raise KernelFailedError(f"does not end, {KILL_TIMEOUT:.0f} s after SIGKILL")
        for attempts_left in reversed(range(RESTART_ATTEMPTS)):
            self.activity.begin_again()
            try:
                await self._bring_up()
            except KernelFailedError as exc:
                await self.kill()
                if not attempts_left:
                    raise
                _log.warning("it does not come up again: %s; trying once more", exc.summary)
            else:
                # ZeroMQ tries ten times a second; who is told of the restart speaks at once.
                await asyncio.sleep(self.gate.go_on() + RECONNECT_TIME - time.monotonic())
                return

    async def _bring_up(self) -> None:
        try:
            self._process = await KernelProcess.start(self._launch, self.own_info)
        except (OSError, YarnKernelError) as exc:
            raise KernelFailedError(f"cannot be started: {exc}") from exc
        self._process.ended.add_done_callback(lambda _: self.gate.hold())
        answering = asyncio.create_task(self._await_answer())
        clashes = await_clash(self._address, lambda: self._own_ports, self._process.pid)
        clash = asyncio.create_task(clashes)
        tasks = [answering, clash]
        if self.info:  # before, nobody could come
            tasks.append(asyncio.create_task(self._let_in_again()))
        try:
            waiting = (answering, clash, self._process.ended)
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            if self._process.ended.done():
                raise KernelFailedError(
                    f"{describe_end(self._process.ended.result())} before it could be used",
                    output=self._process.last_lines(),
                    code=self._process.ended.result(),
                )
            await (clash if clash.done() else answering)
        except YarnKernelError as exc:
            if isinstance(exc, KernelFailedError):
                raise
            raise KernelFailedError(
                f"cannot be used: {exc}", output=self._process.last_lines()
            ) from exc
        finally:
            for task in tasks:
                task.cancel()

    async def _let_in_again(self) -> None:
        await await_listening(self.process.pid, self._own_ports)
        self.gate.go_on()

    @property
    def _own_ports(self) -> list[int]:
        return [self.own_info[name] for name in PORT_NAMES]

    async def _await_answer(self) -> None:
        loop = asyncio.get_running_loop()
        end = loop.time() + self._start_timeout
        # jupyter_client takes a tenth of a second to import: meanwhile the kernel starts.
        module = await asyncio.to_thread(import_module, "yarnkernel.container.messages")
        try:
            found = await asyncio.wait_for(self.process.connection_info(), self._start_timeout)
        except asyncio.TimeoutError:
            raise YarnKernelError(f"it bound no ports within {self._start_timeout:.0f} s") from None
        self.own_info = found
        if is_encrypted(found) and not self._launch.chooses_ports:
            await check_encryption(found, max(1.0, end - loop.time()))
        if self._messages is None:
            self._messages = module.Messages(found)
            self._listening = asyncio.create_task(
                persist("listening to the kernel", partial(self._listen, self._messages))
            )
        await self.messages.ask_kernel_info(max(1.0, end - loop.time()))
        if self.info or not self._launch.chooses_ports:
            check_ports(self._address, self._own_ports, self.process.pid)

    async def _listen(self, messages: Messages) -> None:
        await listen(messages, self.activity, self.recorder, self._files, self.clients)

    async def interrupt(self) -> str:
        """Interrupt what it does.

        Returns
        -------
        str
            ``"interrupted"``; ``"idle"`` when there was nothing to interrupt;
            ``"busy"`` when it goes on all the same.
        """
        requests = self.activity.requests
        if not requests and await self._answers(IDLE_TIMEOUT):
            return "idle"
        if self._interrupt_mode == "message":
            await self.messages.interrupt(INTERRUPT_GRACE)
        else:
            self.process.signal(signal.SIGINT)
        try:
            await asyncio.wait_for(self.activity.wait_done(requests), INTERRUPT_GRACE)
        except asyncio.TimeoutError:
            return "busy"
        return "interrupted" if requests or await self._answers(INTERRUPT_GRACE) else "busy"

    async def _answers(self, timeout: float) -> bool:
        """Whether it answers on the shell channel, which it does not while it runs a cell.

        A cell of native code that keeps Python's lock does not let the kernel
        tell that it is busy.
        """
        try:
            await self.messages.ask_kernel_info(timeout)
        except YarnKernelError:
            return False
        return True

    @property
    def is_ipython(self) -> bool:
        """Whether it is an IPython kernel, which can be asked for more."""
        return self._launch.chooses_ports

    def clients(self) -> int:
        """Count the connections of clients."""
        return self.gate.connections

    async def check_busy(self) -> None:
        """Find out whether it is busy: under a flood of output broadcasts may be lost."""
        if await self._answers(IDLE_TIMEOUT):
            self.activity.begin_again()

    async def see_off(self) -> None:
        """Wait for its farewell, and end its process when that lingers after it."""
        await self.activity.farewell.wait()  # ipykernel 7.4 can lock itself up after it
        await asyncio.wait([self.process.ended], timeout=END_GRACE)
        await self._terminate()

    async def end(self, *, restart: bool = False) -> None:
        """End its process: ask it, then SIGTERM, and SIGKILL in the end."""
        if (process := self._process) is None:
            return
        if self._messages is not None and not process.ended.done():
            with contextlib.suppress(YarnKernelError):
                end = partial(wait_with_children, process.ended, process.pid, END_GRACE)
                await self._messages.shut_down(end, restart=restart)
        await self._terminate()
        if restart:
            await self.hear_out()

    async def hear_out(self) -> None:
        """Let its last broadcast arrive, which is not to be taken for one of its next process."""
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self.activity.farewell.wait(), FAREWELL)

    async def _terminate(self) -> None:
        for number in (signal.SIGTERM, signal.SIGKILL):
            if self.process.ended.done():
                return
            self.process.signal(number)
            await asyncio.wait([self.process.ended], timeout=END_GRACE)

    async def kill(self) -> None:
        """End its process at once, and what it has started and left behind, in any session."""
        if self._process is None:
            return
        if self._killing is None or self._killing.done():
            self._killing = asyncio.create_task(self._kill(self._process))
        # One for all who want that: another one would take the next process for a leftover.
        await asyncio.shield(self._killing)

    async def _kill(self, process: KernelProcess) -> None:
        process.signal(signal.SIGKILL)
        await asyncio.wait([process.ended], timeout=KILL_TIMEOUT)
        await end_descendants()

    async def close(self) -> None:
        """End its process at once and close its channels."""
        self.gate.close()
        await self.kill()
        if self._listening is not None:
            self._listening.cancel()
        if self._messages is not None:
            self._messages.close()
            self._messages = None
