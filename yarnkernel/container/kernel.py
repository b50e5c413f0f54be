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

#: Attempts to pick ports for a kernel that does not choose its own.
PORT_ATTEMPTS = 5
#: Attempts to start a kernel again after its end: somebody may have taken a port in the meantime.
RESTART_ATTEMPTS = 3
#: Seconds for the kernel to shut down when asked, and again after SIGTERM.
END_GRACE = 3.0
#: Seconds for a process to end after SIGKILL: it may be waiting for a disk.
KILL_TIMEOUT = 30.0
#: Seconds after which an interrupted kernel is reported as still busy.
INTERRUPT_GRACE = 3.0
#: Seconds for clients to connect to a new process once they are admitted.
RECONNECT_TIME = 0.2
#: Seconds for the last broadcast to arrive after the process has ended.
FAREWELL = 0.1
#: Seconds within which an idle kernel answers.
IDLE_TIMEOUT = 1.0


class Kernel:
    """A kernel that outlives its process.

    Parameters
    ----------
    launch : KernelLaunch
        How to start it.
    address : str
        The numeric address at which clients reach it.
    files : FileCarrier
        Gets its requests to its front end.
    start_timeout : float
        Seconds for it to answer.
    interrupt_mode : str
        ``"signal"`` or ``"message"``, as in Jupyter's kernelspecs.

    Attributes
    ----------
    info : dict
        The connection info for clients; complete once it has started.
    own_info : dict
        The same with its own address and ports, which only this host can reach.
    gate : Gate
        Where clients connect.
    activity, recorder : Activity, Recorder
        How clients use it, and its output while no client was connected.
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
        """Its current process."""
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
        """Start the first process and wait until it answers.

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
        """Open the ports for clients, which stay the same for the kernel's whole life."""
        own = self.own_info
        try:
            self.gate.open({name: (own["ip"], own[name]) for name in PORT_NAMES})
        except OSError as exc:
            raise KernelFailedError(f"cannot be reached: {exc.strerror or exc}") from exc
        self.gate.go_on()
        self.info = {**own, "ip": self.gate.address, **self.gate.ports}

    async def start_again(self) -> None:
        """Start a new process after the end of the last one, with the same ports and key.

        Raises
        ------
        KernelFailedError
            When it repeatedly cannot be started, ends early or does not answer in time.
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
                # ZeroMQ reconnects ten times a second; clients that hear of it talk at once.
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
        # The kernel starts while jupyter_client is imported, which takes a tenth of a second.
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
        """Interrupt its current work.

        Returns
        -------
        str
            ``"interrupted"``; ``"idle"`` when there was nothing to interrupt;
            ``"busy"`` when it carries on regardless.
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
        """Return whether it answers on the shell channel, as it does not while it runs a cell.

        A cell of native code that holds Python's lock keeps the kernel from reporting that it is
        busy.
        """
        try:
            await self.messages.ask_kernel_info(timeout)
        except YarnKernelError:
            return False
        return True

    @property
    def is_ipython(self) -> bool:
        """Whether it is an IPython kernel, which offers more."""
        return self._launch.chooses_ports

    def clients(self) -> int:
        """Return the number of clients' connections."""
        return self.gate.connections

    async def check_busy(self) -> None:
        """Find out whether it is busy, as broadcasts may be lost in a flood of output."""
        if await self._answers(IDLE_TIMEOUT):
            self.activity.begin_again()

    async def see_off(self) -> None:
        """Wait for its farewell, and end its process if that lingers."""
        await self.activity.farewell.wait()  # ipykernel 7.4 can deadlock after it
        await asyncio.wait([self.process.ended], timeout=END_GRACE)
        await self._terminate()

    async def end(self, *, restart: bool = False) -> None:
        """End its process: by a request, then SIGTERM, then SIGKILL."""
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
        """Wait for its last broadcast, so that it is not taken for one of the next process."""
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self.activity.farewell.wait(), FAREWELL)

    async def _terminate(self) -> None:
        for number in (signal.SIGTERM, signal.SIGKILL):
            if self.process.ended.done():
                return
            self.process.signal(number)
            await asyncio.wait([self.process.ended], timeout=END_GRACE)

    async def kill(self) -> None:
        """Kill its process and all processes that it has started, in any session."""
        if self._process is None:
            return
        if self._killing is None or self._killing.done():
            self._killing = asyncio.create_task(self._kill(self._process))
        # Shared by all callers: a second one would take the next process for a leftover.
        await asyncio.shield(self._killing)

    async def _kill(self, process: KernelProcess) -> None:
        process.signal(signal.SIGKILL)
        await asyncio.wait([process.ended], timeout=KILL_TIMEOUT)
        await end_descendants()

    async def close(self) -> None:
        """Kill its process and close its channels."""
        self.gate.close()
        await self.kill()
        if self._listening is not None:
            self._listening.cancel()
        if self._messages is not None:
            self._messages.close()
            self._messages = None
