"""What clients ask of the supervisor by the key-value store, and the answers."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from yarnkernel.connection import format_connection_info
from yarnkernel.kernel_status import ENCRYPTED_INFO_KEY

if TYPE_CHECKING:
    from yarnkernel.connection import ConnectionInfo
    from yarnkernel.container.application import Application
    from yarnkernel.container.kernel import Kernel
    from yarnkernel.container.publisher import StatusPublisher
    from yarnkernel.kernel_status import Command

_log = logging.getLogger(__name__)


class Commands:
    """Takes commands and sees to their answers.

    Parameters
    ----------
    publisher : StatusPublisher
        Publishes the answers.
    """

    def __init__(self, publisher: StatusPublisher) -> None:
        self._publisher = publisher
        self._restarts: asyncio.Queue[str] = asyncio.Queue()
        self._interrupt: asyncio.Task[str] | None = None
        self._encrypted: ConnectionInfo | None = None

    async def obey(self, kernel: Kernel, store: Application) -> None:
        """Take commands as they come; for ever."""
        async for command in store.commands():
            _log.info("command: %s", command.verb)
            if command.verb == "restart":
                self._ask_for_restart(command)
            elif command.verb == "interrupt":
                self._begin_interrupt(kernel, command.id)
            elif command.verb == "encrypt":
                await self._encrypt(kernel, store)
                self._publisher.answer(command.id, result="encrypted")
            else:
                self._publisher.answer(command.id, result="unknown")

    async def _encrypt(self, kernel: Kernel, store: Application) -> None:
        """Publish where the kernel is reached encrypted."""
        if self._encrypted is None:
            self._encrypted = kernel.info
            if "curve_publickey" not in kernel.info:
                # Not needed by all, and slow to import.
                from yarnkernel.container.encrypted_ports import (  # noqa: PLC0415
                    open_encrypted_ports,
                )

                self._encrypted = await open_encrypted_ports(kernel)
        info = format_connection_info(self._encrypted)
        await store.put(ENCRYPTED_INFO_KEY, info.encode())

    def _ask_for_restart(self, command: Command) -> None:
        if command.restarts is not None and command.restarts < self._publisher.restarts:
            self._answer_restart(command.id, 0.0)
        else:
            self._restarts.put_nowait(command.id)
            self.restarting()

    def _answer_restart(self, command_id: str, seconds: float) -> None:
        self._publisher.answer(
            command_id, result="restarted", seconds=seconds, restarts=self._publisher.restarts
        )

    def _begin_interrupt(self, kernel: Kernel, command_id: str) -> None:
        """Interrupt the kernel, once for all who ask meanwhile; a restart does that as well."""
        if self._publisher.is_restarting or not self._restarts.empty():
            self._publisher.answer(command_id, result="idle")
            return
        if self._interrupt is None or self._interrupt.done():
            self._interrupt = asyncio.create_task(kernel.interrupt())

        def answer(done: asyncio.Task[str]) -> None:
            if not done.cancelled() and (fault := done.exception()) is not None:
                _log.error("the kernel cannot be interrupted: %r", fault, exc_info=fault)
                result = "busy"
            else:
                result = "idle" if done.cancelled() else done.result()
            self._publisher.answer(command_id, result=result)

        self._interrupt.add_done_callback(answer)

    def restarting(self) -> None:
        """Break an interrupt off: it is not to hit the kernel's next process."""
        if self._interrupt is not None:
            self._interrupt.cancel()

    async def restart_asked(self) -> None:
        """Wait until somebody asks for a restart, which is answered when it is done."""
        command_id = await self._restarts.get()
        self._restarts.put_nowait(command_id)

    def restarted(self, seconds: float) -> None:
        """Answer all who have asked for a restart; one is enough for them.

        Parameters
        ----------
        seconds : float
            How long it took.
        """
        while not self._restarts.empty():
            self._answer_restart(self._restarts.get_nowait(), seconds)
