"""The recipe's process: it owns the kernel, publishes it, and ends with it."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

from yarnkernel.connection import RECIPE_DIAGNOSTICS, ConnectionInfo, format_connection_info
from yarnkernel.container import messages
from yarnkernel.container.address import container_address
from yarnkernel.container.kernel_process import KernelProcess, describe_end
from yarnkernel.errors import YarnKernelError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from yarnkernel.container.store import Store

#: Seconds that the kernel has to end in good order, and again after SIGTERM.
END_GRACE = 3.0
#: Seconds between two looks whether the process that started us is still there.
PARENT_INTERVAL = 1.0
#: A shell's exit code for the end by a signal is this and the signal's number.
SIGNAL_EXIT = 128


class Supervisor:
    """Run one kernel in this container.

    Parameters
    ----------
    kernel_arguments : sequence of str
        Further arguments of the kernel.
    kernel_info_key : str
        Key that its connection info is published under.
    start_timeout : float
        Seconds that the kernel may take to answer.
    """

    def __init__(
        self, *, kernel_arguments: Sequence[str], kernel_info_key: str, start_timeout: float
    ) -> None:
        self._arguments = kernel_arguments
        self._key = kernel_info_key
        self._start_timeout = start_timeout
        self._info: ConnectionInfo | None = None

    async def run(self) -> int:
        """Run the kernel to its end.

        Returns
        -------
        int
            0 when we were asked to end or the kernel ended in good order, else
            the kernel's exit code (128 and its number for a signal), or 1 when
            it could not be started.
        """
        asked_to_end = asyncio.create_task(_asked_to_end())
        try:
            store = await asyncio.to_thread(_open_store)
        except YarnKernelError as exc:
            raise SystemExit(f"yarnkernel.recipe: {exc}") from None
        with store:
            try:
                address = container_address(os.environ)
                kernel = KernelProcess(Path.cwd(), address, self._arguments)
                await kernel.start()
            except (YarnKernelError, OSError) as exc:
                return await _fail(store, f"{RECIPE_DIAGNOSTICS}cannot be started: {exc}", 1)
            try:
                return await self._supervise(kernel, store, asked_to_end)
            finally:
                kernel.signal(signal.SIGKILL)

    async def _supervise(
        self, kernel: KernelProcess, store: Store, asked_to_end: asyncio.Task[None]
    ) -> int:
        ended = asyncio.create_task(kernel.wait())
        published = asyncio.create_task(self._publish(kernel, store))
        await asyncio.wait((asked_to_end, ended, published), return_when=asyncio.FIRST_COMPLETED)
        if published.done() and published.exception() is None:
            await asyncio.wait((asked_to_end, ended), return_when=asyncio.FIRST_COMPLETED)
        in_use = published.done() and published.exception() is None
        if asked_to_end.done():
            published.cancel()
            await self._end(kernel, ended)
            return 0
        if ended.done():
            published.cancel()
            code = ended.result()
            if code == 0 and in_use:
                return 0
            when = "" if in_use else " before it could be used"
            text = f"{RECIPE_DIAGNOSTICS}{describe_end(code)}{when}.\n{kernel.last_lines()}"
            return await _fail(store, text, SIGNAL_EXIT - code if code < 0 else code or 1)
        text = f"{RECIPE_DIAGNOSTICS}cannot be used: {published.exception()}\n{kernel.last_lines()}"
        return await _fail(store, text, 1)

    async def _publish(self, kernel: KernelProcess, store: Store) -> None:
        """Publish the kernel once it has answered, so that nobody waits at a silent port."""
        deadline = asyncio.get_running_loop().time() + self._start_timeout
        try:
            self._info = await asyncio.wait_for(kernel.connection_info(), self._start_timeout)
        except asyncio.TimeoutError:
            raise YarnKernelError(f"it bound no ports within {self._start_timeout:.0f} s") from None
        left = max(1.0, deadline - asyncio.get_running_loop().time())
        await messages.ask_kernel_info(self._info, left)
        value = format_connection_info(self._info).encode()
        await asyncio.to_thread(store.put, self._key, value)

    async def _end(self, kernel: KernelProcess, ended: asyncio.Task[int]) -> None:
        """End the kernel: ask it, then SIGTERM, and SIGKILL in the end."""
        if self._info is not None and not ended.done():
            await messages.shut_down(self._info, ended, END_GRACE)
        for number in (signal.SIGTERM, signal.SIGKILL):
            if ended.done():
                return
            kernel.signal(number)
            await asyncio.wait([ended], timeout=END_GRACE)


def _open_store() -> Store:
    # skein takes a fifth of a second to import.
    from yarnkernel.container.store import Store  # noqa: PLC0415

    return Store()


async def _asked_to_end() -> None:
    """Wait for a signal that ends us, or for the end of the process that started us."""
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, asked.set)
    parent = os.getppid()
    while not asked.is_set() and os.getppid() == parent:
        try:
            await asyncio.wait_for(asked.wait(), PARENT_INTERVAL)
        except asyncio.TimeoutError:
            continue


async def _fail(store: Store, diagnostics: str, code: int) -> int:
    """End the application as FAILED where a restart is not asked for, and return the exit code."""
    print(f"yarnkernel.recipe: {diagnostics.splitlines()[0]}", flush=True)  # noqa: T201
    await asyncio.to_thread(store.fail_application, diagnostics.strip())
    return code
