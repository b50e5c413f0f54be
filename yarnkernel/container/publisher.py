"""Keeps the kernel's status in the key-value store up to date."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from typing import TYPE_CHECKING

from yarnkernel.container.descendants import has_children
from yarnkernel.errors import YarnKernelError
from yarnkernel.kernel_status import ANSWERS_KEPT, STATUS_KEY, Answer, KernelStatus
from yarnkernel.shared_directory import identify

if TYPE_CHECKING:
    from pathlib import Path

    from typing_extensions import Unpack

    from yarnkernel.container.application import Application
    from yarnkernel.container.kernel import Kernel
    from yarnkernel.container.memory import ContainerMemory

_log = logging.getLogger(__name__)

#: Seconds between two publications if only the memory has changed.
STATUS_INTERVAL = 10.0
#: Seconds between two published changes of state.
CHANGE_INTERVAL = 0.1


class StatusPublisher:
    """Keeps ``yarnkernel.status`` up to date.

    Parameters
    ----------
    memory : ContainerMemory
        The memory of the container.
    patience : float
        Seconds that the front end which owns the kernel may be silent, as it reacts to each status;
        0 for no limit.

    Attributes
    ----------
    phases : dict of str to float
        When each phase was reached, in seconds since 1970.
    is_restarting : bool
        Whether the kernel is being started again.
    restarts : int
        How often it was restarted.
    """

    def __init__(self, memory: ContainerMemory, patience: float, directory: Path) -> None:
        self.phases = {"recipe": time.time()}
        self._memory = memory
        self._directory = identify(directory)
        self._interval = min(STATUS_INTERVAL, patience / 4 or STATUS_INTERVAL)
        self.is_restarting = False
        self.restarts = 0
        self._has_ended = False
        self._last_end = ""
        self._exit_code: int | None = None
        self._answers: dict[str, Answer] = {}
        self._transfer: dict[str, str] = {}
        self._changed = asyncio.Event()

    def reached(self, phase: str) -> None:
        """Note that a phase is reached now."""
        self.phases[phase] = time.time()

    def ended(self, code: int, reason: str) -> None:
        """Note how the kernel's process has ended."""
        self._exit_code = code
        self._last_end = reason

    def restarting(self, reason: str) -> None:
        """Note that the kernel has ended and is being started again."""
        self.is_restarting = True
        self._last_end = reason
        self._changed.set()

    def restarted(self) -> None:
        """Note that the kernel is running again."""
        self.is_restarting = False
        self.restarts += 1
        self.reached("restarted")
        self._changed.set()

    def answer(self, command_id: str, **answer: Unpack[Answer]) -> None:
        """Publish the answer to a command."""
        self._answers[command_id] = answer
        for old in list(self._answers)[:-ANSWERS_KEPT]:
            del self._answers[old]
        self._changed.set()

    def wants(self, transfer: dict[str, str]) -> None:
        """Publish the kernel's request to its front end; an empty one withdraws it."""
        self._transfer = transfer
        self._changed.set()

    async def publish(self, kernel: Kernel, store: Application) -> None:
        """Publish the status once.

        Raises
        ------
        YarnKernelError
            When the ApplicationMaster does not take it.
        """
        await store.put(STATUS_KEY, self._status(kernel).to_bytes())

    async def publish_end(self, kernel: Kernel, store: Application) -> None:
        """Publish that the kernel has ended for good, if the ApplicationMaster still answers."""
        self._has_ended = True
        with contextlib.suppress(YarnKernelError):
            await self.publish(kernel, store)

    async def run(self, kernel: Kernel, store: Application) -> None:
        """Publish the status when it changes, and from time to time for the memory, for ever."""
        kernel.activity.changed = self._changed.set
        while True:
            self._changed.clear()
            try:
                await self.publish(kernel, store)
            except YarnKernelError as exc:
                _log.warning("%s", exc)
            await asyncio.sleep(CHANGE_INTERVAL)
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._changed.wait(), self._interval)

    def _status(self, kernel: Kernel) -> KernelStatus:
        state = "busy" if kernel.activity.busy else "idle"
        if self.is_restarting or self._has_ended:
            state = "ended" if self._has_ended else "restarting"
        return KernelStatus(
            state=state,
            host=kernel.info["ip"],
            pid=kernel.process.pid,
            connected=kernel.activity.connected,
            last_activity=kernel.activity.last if kernel.activity.connected else None,
            restarts=self.restarts,
            last_end=self._last_end,
            exit_code=self._exit_code,
            memory=self._memory.used(),
            memory_limit=self._memory.limit,
            has_children=has_children(kernel.process.pid),
            directory=self._directory,
            transfer=self._transfer,
            phases=self.phases,
            answers=self._answers,
        )
