"""A terminal at a kernel: ``jupyter console``, with an interrupt that reaches kernels elsewhere.

``jupyter console --existing`` cannot interrupt ("kernels we didn't start"), and
waits for ever for the answer of a kernel that was restarted meanwhile.
"""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
import time
from queue import Empty
from typing import TYPE_CHECKING, Any, cast

from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_console.app import ZMQTerminalIPythonApp
from jupyter_console.ptshell import ZMQTerminalInteractiveShell

from yarnkernel.errors import YarnKernelError

if TYPE_CHECKING:
    from collections.abc import Callable

    from yarnkernel.connection import ConnectionInfo

#: Seconds that a kernel may take to tell what it is.
ANSWER_TIMEOUT = 10.0
#: Seconds that a kernel may take to answer that it interrupts itself.
INTERRUPT_TIMEOUT = 5.0
#: Seconds before each cell in which a kernel may tell that it is still the same one.
FIRST_LOOK = 0.5
#: Seconds between two such questions while a cell runs.
WATCH_INTERVAL = 1.0
#: Seconds without an answer after which a kernel is told to be silent; its heartbeat is missed
#: after one, also when it has just been restarted or its host is busy.
SILENCE = 5.0
RESTARTED = "The kernel was restarted: its variables are gone."


class _Watch:
    """Notices that a kernel is another one than before, by its answers on the control channel.

    Its broadcasts do not tell for sure: the new kernel's first ones come before a
    client is connected again. The session is not the shell's, which takes the end of
    any request of its own for that of its cell.
    """

    def __init__(self, info: ConnectionInfo) -> None:
        self.client = BlockingKernelClient()
        self.client.load_connection_info(cast("Any", info))
        self.client.start_channels(shell=False, iopub=False, stdin=False, hb=False)
        self._asked = 0.0
        self._unanswered_since: float | None = None
        self._session = ""

    def is_another(self, timeout: float = 0.0) -> bool:
        """Whether another kernel answers than before.

        Parameters
        ----------
        timeout : float, default 0
            Seconds to wait for an answer; without them answers are looked for
            once in a while.
        """
        if timeout or time.monotonic() - self._asked > WATCH_INTERVAL:
            self._asked = time.monotonic()
            self._unanswered_since = self._unanswered_since or self._asked
            self.client.control_channel.send(self.client.session.msg("kernel_info_request"))
        another = False
        with contextlib.suppress(Empty):
            while True:
                # Each process of a kernel has a session of its own.
                session = self.client.get_control_msg(timeout=timeout)["header"]["session"]
                self._unanswered_since = None
                another = another or self._session not in ("", session)
                self._session, timeout = session, 0.0
        return another

    @property
    def hears_nothing(self) -> bool:
        """Whether no question has been answered for some time."""
        since = self._unanswered_since
        return since is not None and time.monotonic() - since > SILENCE


class _Shell(ZMQTerminalInteractiveShell):  # type: ignore[misc]
    """jupyter_console's shell, which does not wait for the answer of a kernel that has ended."""

    watch: _Watch

    def run_cell(self, cell: str, store_history: bool = True) -> None:  # noqa: FBT001, FBT002
        if self.watch.is_another(FIRST_LOOK):
            print(RESTARTED, file=sys.stderr)  # noqa: T201
        restarted = False
        is_alive = self.client.is_alive

        def answers() -> bool:
            return is_alive() or not self.watch.hears_nothing

        def is_the_same() -> bool:
            nonlocal restarted
            restarted = restarted or self.watch.is_another()
            return not restarted and answers()

        self.client.is_alive = is_the_same  # the loops that wait for the cell's end look at this
        try:
            super().run_cell(cell, store_history)
        finally:
            self.client.is_alive = is_alive
            self._executing = False
        if restarted:
            print(RESTARTED, file=sys.stderr)  # noqa: T201
        elif not answers():
            print("The kernel does not answer any more.", file=sys.stderr)  # noqa: T201


class _Application(ZMQTerminalIPythonApp):  # type: ignore[misc]
    """jupyter_console's application, for a kernel that somebody else started."""

    info: ConnectionInfo
    interrupt: Callable[[], object]

    def init_shell(self) -> None:
        self.kernel_client = BlockingKernelClient()
        self.kernel_client.load_connection_info(cast("Any", self.info))
        self.kernel_client.start_channels()
        signal.signal(signal.SIGINT, self.handle_sigint)
        self.shell = _Shell.instance(
            parent=self,
            client=self.kernel_client,
            confirm_exit=self.confirm_exit,
            kernel_timeout=ANSWER_TIMEOUT,
        )
        self.shell.watch = _Watch(self.info)

    def handle_sigint(self, *_: object) -> None:
        if not self.shell._executing:  # noqa: SLF001
            raise KeyboardInterrupt  # a new prompt
        # Not here: what the handler interrupts may hold locks.
        threading.Thread(target=self.interrupt, daemon=True).start()


def run_console(
    info: ConnectionInfo,
    interrupt: Callable[[], object] | None = None,
    connected: Callable[[], object] = lambda: None,
) -> None:
    """Show a prompt until the user leaves it.

    Parameters
    ----------
    info : dict
        Connection info of the kernel.
    interrupt : callable, optional
        Interrupts the kernel; called in a thread of its own. By default the
        kernel itself is asked to.
    connected : callable, optional
        Called once it hears the kernel, before the prompt.

    Raises
    ------
    YarnKernelError
        When the kernel does not answer.
    """
    application = _Application()
    application.info = info
    application.interrupt = interrupt or (lambda: ask_to_interrupt(info))
    try:
        application.initialize([])
    except RuntimeError as exc:  # jupyter_console's own
        raise YarnKernelError(
            f"the kernel on {info['ip']} did not answer within {ANSWER_TIMEOUT:.0f} s: "
            "it is busy, or it has ended"
        ) from exc
    connected()
    application.start()


def ask_to_interrupt(info: ConnectionInfo, timeout: float = INTERRUPT_TIMEOUT) -> bool:
    """Ask a kernel to interrupt what it does, by a message; whoever started it.

    Parameters
    ----------
    info : dict
        Connection info of the kernel.
    timeout : float, default 5.0
        Seconds that it may take to answer.

    Returns
    -------
    bool
        Whether it has answered. Kernels whose kernelspec does not say
        ``"interrupt_mode": "message"`` need not know this request; ipykernel does.
    """
    client = BlockingKernelClient()
    client.load_connection_info(cast("Any", info))
    client.start_channels(shell=False, iopub=False, stdin=False, hb=False)
    try:
        client.control_channel.send(client.session.msg("interrupt_request", {}))
        client.get_control_msg(timeout=timeout)
    except Empty:
        return False
    finally:
        client.stop_channels()
    return True
