"""A terminal for a kernel: ``jupyter console`` with interrupts that reach remote kernels.

``jupyter console --existing`` cannot interrupt ("kernels we didn't start"), and waits for ever for
an answer from a kernel that has been restarted.
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

#: Seconds for a kernel to answer a kernel_info_request.
ANSWER_TIMEOUT = 10.0
#: Seconds for a kernel to answer an interrupt_request.
INTERRUPT_TIMEOUT = 5.0
#: Seconds, before each cell, for a kernel to show that it has not been restarted.
FIRST_LOOK = 0.5
#: Seconds between two such checks while a cell runs.
WATCH_INTERVAL = 1.0
#: Seconds without an answer after which a kernel is reported as silent. Its heartbeat is missed
#: after one second, even after a restart or on a busy host.
SILENCE = 5.0
RESTARTED = "The kernel was restarted: its variables are gone."


class _Watch:
    """Notices that a kernel has been restarted, by its answers on the control channel.

    Broadcasts are not reliable, as a new kernel sends the first ones before clients reconnect. The
    session is not the shell's, which would take the end of one of its requests for the end of the
    cell.
    """

    def __init__(self, info: ConnectionInfo) -> None:
        self.client = BlockingKernelClient()
        self.client.load_connection_info(cast("Any", info))
        self.client.start_channels(shell=False, iopub=False, stdin=False, hb=False)
        self._asked = 0.0
        self._unanswered_since: float | None = None
        self._session = ""

    def is_another(self, timeout: float = 0.0) -> bool:
        """Return whether another kernel answers than before.

        Parameters
        ----------
        timeout : float, default 0
            Seconds to wait for an answer; 0 checks for one from time to time.
        """
        if timeout or time.monotonic() - self._asked > WATCH_INTERVAL:
            self._asked = time.monotonic()
            self._unanswered_since = self._unanswered_since or self._asked
            self.client.control_channel.send(self.client.session.msg("kernel_info_request"))
        another = False
        with contextlib.suppress(Empty):
            while True:
                # Each process of a kernel has its own session.
                session = self.client.get_control_msg(timeout=timeout)["header"]["session"]
                self._unanswered_since = None
                another = another or self._session not in ("", session)
                self._session, timeout = session, 0.0
        return another

    @property
    def hears_nothing(self) -> bool:
        """Return whether no request has been answered for some time."""
        since = self._unanswered_since
        return since is not None and time.monotonic() - since > SILENCE


class _Shell(ZMQTerminalInteractiveShell):  # type: ignore[misc]
    """jupyter_console's shell, without waiting for answers of a kernel that has ended."""

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

        self.client.is_alive = is_the_same  # the loops that wait for the cell's end check this
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
        # Not in the handler: the interrupted code may hold locks.
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
        Interrupts the kernel; called in a thread. By default an interrupt_request is sent.
    connected : callable, optional
        Called when the kernel has answered, before the prompt.

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
    except RuntimeError as exc:  # jupyter_console's own message
        raise YarnKernelError(
            f"the kernel on {info['ip']} did not answer within {ANSWER_TIMEOUT:.0f} s: "
            "it is busy, or it has ended"
        ) from exc
    connected()
    application.start()


def ask_to_interrupt(info: ConnectionInfo, timeout: float = INTERRUPT_TIMEOUT) -> bool:
    """Send a kernel an interrupt_request, whoever started it.

    Parameters
    ----------
    info : dict
        Connection info of the kernel.
    timeout : float, default 5.0
        Seconds for the answer.

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
