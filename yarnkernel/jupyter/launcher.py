"""The launcher: a kernel for front ends that run a kernelspec's command.

``python -m yarnkernel.jupyter.launcher``

It represents the kernel on this machine: the kernel is reached on exactly the ports, and with
exactly the key, that the front end has written into the connection file. The launcher forwards
signals; it ends with the kernel, and the kernel with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yarnkernel.connection import AUTO, is_encrypted, keys_of
from yarnkernel.deadline import START_TIMEOUT, Deadline
from yarnkernel.errors import YarnKernelError
from yarnkernel.jupyter.launcher_arguments import read_arguments
from yarnkernel.kernel_status import KernelStatus
from yarnkernel.kernels.launch_variables import launch_settings, travelling_variables
from yarnkernel.kernels.options import LaunchOptions
from yarnkernel.printable import printable, without_colours
from yarnkernel.relay import Relay

if TYPE_CHECKING:
    from collections.abc import Sequence

    from yarnkernel.connection import ConnectionInfo
    from yarnkernel.kernels.handle import Kernel, Status

#: Seconds within which signals count as one interrupt: front ends signal children as well.
INTERRUPT_INTERVAL = 0.5
#: Seconds for a supervisor to interrupt its kernel.
INTERRUPT_TIMEOUT = 15.0
#: The exit code that a shell reports after SIGTERM.
TERMINATED = 128 + signal.SIGTERM
#: The front end; looked up at once, as it may end before the kernel has started.
PARENT = os.getppid()
#: Seconds between two checks that the front end is still running.
PARENT_INTERVAL = 1.0


class Words:
    """Reports the progress of a start to a front end, which may be gone."""

    def __init__(self) -> None:
        self._begin = time.monotonic()

    def progress(self, line: str) -> None:
        """Report a change of state, with the seconds since the start."""
        self._write(f"[{time.monotonic() - self._begin:5.1f} s] {line}")

    def error(self, text: str) -> None:
        """Report an error."""
        self._write(f"yarnkernel: {text}")

    @staticmethod
    def _write(text: str) -> None:
        text = printable(without_colours(text), keep="\n\t")
        with contextlib.suppress(OSError):
            print(text, file=sys.stderr, flush=True)  # noqa: T201


class Launcher:
    """Runs one kernel as if it were this process.

    Parameters
    ----------
    options : LaunchOptions
        How to start it.
    front : dict
        The front end's connection info.
    output : Words
        Reports the progress of a start.
    """

    def __init__(self, options: LaunchOptions, front: ConnectionInfo, output: Words) -> None:
        self._options = options
        self._front = front
        self._output = output
        self._deadline = Deadline(options.timeout)
        self._news: asyncio.Queue[KernelStatus | Status | None] = asyncio.Queue()
        self._leaving = asyncio.Event()
        self._interrupted = 0.0
        self._interrupts: set[asyncio.Task[None]] = set()
        self._kernel: Kernel | None = None

    async def run(self) -> int:
        """Run the kernel until it or this process ends.

        Returns
        -------
        int
            The kernel's exit code; 128 plus the number for a signal.

        Raises
        ------
        YarnKernelError
            When it cannot be started.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._leave)
        loop.add_signal_handler(signal.SIGINT, self._interrupt)
        parent = asyncio.create_task(self._watch_parent())
        with contextlib.closing(Relay(self._front)) as relay:
            try:
                kernel, info = await asyncio.to_thread(self._start)
            except YarnKernelError:
                if self._leaving.is_set():  # the error is a consequence of that
                    return TERMINATED
                raise
            code = None
            try:
                code = await self._stand_in(relay, kernel, info)
            finally:
                parent.cancel()
                if code is None:
                    await asyncio.to_thread(kernel.stop)
            return TERMINATED if code is None else code

    async def _stand_in(self, relay: Relay, kernel: Kernel, info: ConnectionInfo) -> int | None:
        """Represent the kernel; return its exit code, or None if asked to end before it ends."""
        self._kernel = kernel
        loop = asyncio.get_running_loop()
        with _watched(kernel, loop, self._news):
            self._output.progress(f"{kernel.id} kernel is ready on {info['ip']}")
            if not is_encrypted(info):
                self._output.progress("the connection is not encrypted")
            # The launcher's connections keep the kernel, which ends when no client is connected.
            opening = asyncio.create_task(relay.open(info))
            ended = asyncio.create_task(self._until_end())
            leaving = asyncio.create_task(self._leaving.wait())
            waiting: set[asyncio.Task[Any]] = {opening, ended, leaving}
            try:
                await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                if opening.done():
                    await opening
                    await asyncio.wait((ended, leaving), return_when=asyncio.FIRST_COMPLETED)
                return await ended if ended.done() else None
            finally:
                opening.cancel()

    def _start(self) -> tuple[Kernel, ConnectionInfo]:
        from yarnkernel.kernels.places import open_place  # noqa: PLC0415  (protobuf)

        with (
            contextlib.closing(open_place(self._options)) as place,
            place.start(
                self._options,
                self._deadline,
                keys=keys_of(self._front),
                recipe_options=["--once", "--owned", "--prefer-directory", str(Path.cwd())],
                report=lambda progress: self._output.progress(str(progress)),
            ) as (kernel, info),
        ):
            if self._leaving.is_set():
                raise YarnKernelError("asked to end")
            return kernel, info

    def _leave(self) -> None:
        self._leaving.set()
        self._deadline.cut_short()

    async def _watch_parent(self) -> None:
        while os.getppid() == PARENT:
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._leaving.wait(), PARENT_INTERVAL)
                return
        self._leave()

    async def _until_end(self) -> int:
        """Wait for the kernel's end and return its exit code."""
        code: int | None = None
        while True:
            news = await self._news.get()
            if news is None:
                self._output.error("the kernel's place no longer knows it")
                return 1
            if isinstance(news, KernelStatus):
                code = news.exit_code if news.state == "ended" else None
            elif news.ended:
                if not news.succeeded:
                    self._output.error(f"{news.id} has ended: {news.diagnostics.strip()}")
                    code = code or 1
                return 128 - code if code is not None and code < 0 else code or 0

    def _interrupt(self) -> None:
        now = time.monotonic()
        if self._kernel is None or now - self._interrupted < INTERRUPT_INTERVAL:
            return
        self._interrupted = now
        task = asyncio.create_task(self._ask_to_interrupt(self._kernel))
        self._interrupts.add(task)
        task.add_done_callback(self._interrupts.discard)

    async def _ask_to_interrupt(self, kernel: Kernel) -> None:
        try:
            with kernel.again() as own:
                await asyncio.to_thread(own.interrupt, INTERRUPT_TIMEOUT)
        except YarnKernelError as exc:
            self._output.error(str(exc))


@contextlib.contextmanager
def _watched(kernel: Kernel, loop: asyncio.AbstractEventLoop, news: asyncio.Queue[Any]) -> Any:
    def tell(one: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(news.put_nowait, one)

    watch = kernel.watch(tell)
    try:
        yield
    finally:
        watch.stop()


def main(argv: Sequence[str] | None = None) -> int:
    """Run the launcher.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments. By default those of the process.

    Returns
    -------
    int
        The exit code: the kernel's.
    """
    import dataclasses  # noqa: PLC0415

    output = Words()
    try:
        options, front = read_arguments(sys.argv[1:] if argv is None else argv)
        settings = {**options.to_dict(), **launch_settings(os.environ)}
        settings.setdefault("timeout", min(options.timeout, START_TIMEOUT))
        options = LaunchOptions.from_dict(settings)
        env = {**travelling_variables(os.environ), **options.env}
        options = dataclasses.replace(options, env=env, encrypt=options.encrypt or AUTO)
        return asyncio.run(Launcher(options, front, output).run())
    except YarnKernelError as exc:
        output.error(str(exc))
        return exc.exit_code
    except KeyboardInterrupt:  # before the kernel has started
        return 128 + signal.SIGINT


if __name__ == "__main__":
    # gRPC reads this when it is imported; it would log a line for each refused connection.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    code = main()
    os._exit(code)  # gRPC's threads may linger
