"""A terminal at a kernel: ``jupyter console``, with an interrupt that reaches kernels elsewhere.

``jupyter console --existing`` cannot interrupt ("kernels we didn't start"), and
waits for ever for the answer of a kernel that was restarted meanwhile.
"""

from __future__ import annotations

import signal
import sys
import threading
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


class _Shell(ZMQTerminalInteractiveShell):  # type: ignore[misc]
    """jupyter_console's shell, which notices that the kernel is another one."""

    #: Session of the kernel's process, which is new with each.
    _kernel_session = ""
    _restarted = False

    def include_output(self, msg: dict[str, Any]) -> bool:
        session = msg["header"].get("session", "")
        if self._kernel_session and session != self._kernel_session:
            self._restarted = True
        self._kernel_session = session
        return bool(super().include_output(msg))

    def run_cell(self, cell: str, store_history: bool = True) -> None:  # noqa: FBT001, FBT002
        self._restarted = False
        alive = self.client.is_alive
        # The loops that wait for the cell's end look at this.
        self.client.is_alive = lambda: not self._restarted and alive()
        try:
            super().run_cell(cell, store_history)
        finally:
            self.client.is_alive = alive
            self._executing = False
        if self._restarted:
            print("The kernel was restarted: its variables are gone.", file=sys.stderr)  # noqa: T201
        elif not alive():
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

    def handle_sigint(self, *_: object) -> None:
        if not self.shell._executing:  # noqa: SLF001
            raise KeyboardInterrupt  # a new prompt
        # Not here: what the handler interrupts may hold locks.
        threading.Thread(target=self.interrupt, daemon=True).start()


def run_console(info: ConnectionInfo, interrupt: Callable[[], object] | None = None) -> None:
    """Show a prompt until the user leaves it.

    Parameters
    ----------
    info : dict
        Connection info of the kernel.
    interrupt : callable, optional
        Interrupts the kernel; called in a thread of its own. By default the
        kernel itself is asked to.

    Raises
    ------
    YarnKernelError
        When the kernel does not answer.
    """
    application = _Application(info=info)
    application.info = info
    application.interrupt = interrupt or (lambda: ask_to_interrupt(info))
    try:
        application.initialize([])
    except RuntimeError as exc:  # jupyter_console's own
        raise YarnKernelError(
            f"the kernel on {info['ip']} did not answer within {ANSWER_TIMEOUT:.0f} s: "
            "it is busy, or it has ended"
        ) from exc
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
