"""Commands that clients send to the supervisor through the key-value store, and the answers."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from yarnkernel.connection import format_connection_info, is_encrypted
from yarnkernel.errors import YarnKernelError
from yarnkernel.file_request import VERB as FILE_VERB
from yarnkernel.kernel_status import INFO_KEYS
from yarnkernel.recording import RECORDING_KEY, VERB

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from yarnkernel.connection import ConnectionInfo
    from yarnkernel.container.application import Application
    from yarnkernel.container.file_carrier import FileCarrier
    from yarnkernel.container.kernel import Kernel
    from yarnkernel.container.publisher import StatusPublisher
    from yarnkernel.kernel_status import Command

_log = logging.getLogger(__name__)


class Commands:
    """Takes commands and answers them.

    Parameters
    ----------
    publisher : StatusPublisher
        Publishes the answers.
    files : FileCarrier
        Carries files to and from the kernel.
    sealed : bool
        Whether the kernel may only be reached encrypted.
    """

    def __init__(self, publisher: StatusPublisher, files: FileCarrier, *, sealed: bool) -> None:
        self._publisher = publisher
        self._files = files
        self._sealed = sealed
        self._restarts: asyncio.Queue[str] = asyncio.Queue()
        self._interrupt: asyncio.Task[str] | None = None
        self._other: ConnectionInfo | None = None
        self._background: set[asyncio.Task[None]] = set()

    async def obey(self, kernel: Kernel, store: Application) -> None:
        """Take commands as they come, for ever."""
        async for command in store.commands():
            _log.info("command: %s", command.verb)
            if command.verb == "restart":
                self._ask_for_restart(command)
            elif command.verb == "interrupt":
                self._begin_interrupt(kernel, command.id)
            elif command.verb == VERB:
                result = await self._publish_recording(command.id, kernel, store)
                self._publisher.answer(command.id, result=result)
            elif command.verb == FILE_VERB:
                self._in_background(self._carry(command, store))
            elif command.verb in INFO_KEYS:
                self._publisher.answer(
                    command.id, result=await self._publish_info(command.verb, kernel, store)
                )
            else:
                self._publisher.answer(command.id, result="unknown")

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        """Run a slow command without delaying the others."""
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def _carry(self, command: Command, store: Application) -> None:
        result = await self._files.step(command.argument, store)
        self._publisher.answer(command.id, result=result)

    @staticmethod
    async def _publish_recording(command: str, kernel: Kernel, store: Application) -> str:
        """Publish the missed output under a key of the asking client, and return the key."""
        key = f"{RECORDING_KEY}.{command}"
        recording = kernel.recorder.recording()
        try:
            await store.put(key, recording.to_bytes())
        except YarnKernelError as exc:
            _log.warning("what was missed cannot be told: %s", exc)
            return "failed"
        kernel.recorder.forget()
        return key

    async def _publish_info(self, verb: str, kernel: Kernel, store: Application) -> str:
        """Publish connection info with encrypted ports, or with plain ones if those are allowed."""
        if verb == "plain" and self._sealed:
            return "refused"
        info = kernel.info
        if is_encrypted(info) != (verb == "encrypt"):
            if self._other is None:
                # Rarely needed and slow to import.
                from yarnkernel.container.other_ports import open_other_ports  # noqa: PLC0415

                try:
                    self._other = await open_other_ports(kernel)
                except Exception as exc:  # noqa: BLE001  (of whatever there is too little)
                    _log.warning("no further ports can be opened: %s", exc)
                    return "failed"
            info = self._other
        await store.put(INFO_KEYS[verb], format_connection_info(info).encode())
        return "published"

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
        """Interrupt the kernel, once for all who ask meanwhile; a restart does so too."""
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
        """Cancel an interrupt, so that it does not hit the kernel's next process."""
        if self._interrupt is not None:
            self._interrupt.cancel()

    async def restart_asked(self) -> None:
        """Wait until a client asks for a restart, which is answered when it is done."""
        command_id = await self._restarts.get()
        self._restarts.put_nowait(command_id)

    def restarted(self, seconds: float) -> None:
        """Answer all clients that have asked for a restart: one restart serves them all.

        Parameters
        ----------
        seconds : float
            How long it took.
        """
        while not self._restarts.empty():
            self._answer_restart(self._restarts.get_nowait(), seconds)
