"""The conversation with one kernel: its messages are passed to the requests they belong to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from yarnkernel.groups.channels import Channels, Message
from yarnkernel.groups.waits import Request

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import zmq

    from yarnkernel.connection import ConnectionInfo
    from yarnkernel.kernels.results import CellError


class Talk:
    """A connection to a kernel, with the pending requests.

    Parameters
    ----------
    info : dict
        The kernel's connection info.
    """

    def __init__(self, info: ConnectionInfo) -> None:
        self._channels = Channels(info)
        self._requests: dict[str, Request] = {}

    @property
    def sockets(self) -> Sequence[zmq.Socket[bytes]]:
        """The sockets to poll before :meth:`read`."""
        return self._channels.sockets

    def was_cut(self) -> bool:
        """Return whether the other end has closed the connection since the last call."""
        return self._channels.was_cut()

    @property
    def is_busy(self) -> bool:
        """Whether a request is pending."""
        return any(not request.done for request in self._requests.values())

    def ask(
        self,
        kind: str,
        content: dict[str, Any],
        hear: Callable[[Message], None] = lambda _: None,
        *,
        patience: float = 0.0,
        buffers: Sequence[memoryview] = (),
    ) -> Request:
        """Send a request; see :class:`~yarnkernel.groups.waits.Request`."""
        request = Request(hear, patience)
        self._requests[self._channels.send(kind, content, buffers=buffers)] = request
        return request

    def execute(
        self,
        code: str,
        hear: Callable[[Message], None],
        *,
        silent: bool,
        allow_stdin: bool,
        buffers: Sequence[memoryview],
    ) -> Request:
        """Send code."""
        content = {
            "code": code,
            "silent": silent,
            "store_history": not silent,
            "user_expressions": {},
            "allow_stdin": allow_stdin,
            "stop_on_error": False,
        }
        return self.ask("execute_request", content, hear, buffers=buffers)

    def answer_input(self, message: Message, value: str) -> None:
        """Answer the kernel's question to its user."""
        parent = {"header": message.header}
        self._channels.send("input_reply", {"value": value}, channel="stdin", parent=parent)

    def ask_to_end(self) -> None:
        """Ask the kernel to end, and do not wait."""
        self._channels.send("shutdown_request", {"restart": False})

    def read(self) -> None:
        """Process the kernel's messages."""
        for message in self._channels.read():
            request = self._requests.get(message.parent)
            if request is not None:
                request.take(message)

    def tidy(self) -> None:
        """Forget requests that are done."""
        self._requests = {k: one for k, one in self._requests.items() if not one.done}

    def fail(self, error: CellError) -> None:
        """Fail all pending requests, and close the connection."""
        for request in self._requests.values():
            request.fail(error)
        self._channels.close()
