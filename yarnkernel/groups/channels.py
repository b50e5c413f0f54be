"""The channels of one kernel, without threads or event loop: its caller polls the sockets."""

from __future__ import annotations

import contextlib
import functools
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import zmq
from jupyter_client.blocking.client import BlockingKernelClient
from zmq.utils.monitor import recv_monitor_message

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from yarnkernel.connection import ConnectionInfo

#: Messages of one channel that are read before the other channels' turn.
MOST_AT_ONCE = 100


@dataclass(frozen=True)
class Message:
    """A message of a kernel.

    Attributes
    ----------
    channel : str
        ``"shell"``, ``"iopub"`` or ``"stdin"``.
    kind : str
        Its type, such as ``"stream"``.
    parent : str
        The id of the request that it belongs to.
    content : dict
        Its content.
    buffers : sequence of memoryview
        Its buffers.
    header : dict
        Its header, which an answer needs.
    """

    channel: str
    kind: str
    parent: str
    content: dict[str, Any]
    buffers: Sequence[memoryview]
    header: dict[str, Any]


@functools.cache
def _context(_process: int) -> zmq.Context[zmq.Socket[bytes]]:
    """Return the context of this process, which a forked child cannot use."""
    context = zmq.Context()
    # Drop nothing while nobody reads.
    context.setsockopt(zmq.RCVHWM, 0)
    context.setsockopt(zmq.SNDHWM, 0)
    return context


class Channels:
    """Connections to a kernel's shell, iopub and stdin.

    Parameters
    ----------
    info : dict
        Its connection info.
    """

    def __init__(self, info: ConnectionInfo) -> None:
        client = BlockingKernelClient(context=_context(os.getpid()))
        client.load_connection_info(cast("Any", info))
        self._session = client.session
        self._sockets: dict[str, zmq.Socket[bytes]] = {
            "iopub": client.connect_iopub(),
            # A kernel sends its questions to the client with the request's identity.
            "shell": client.connect_shell(identity=client.session.bsession),
            "stdin": client.connect_stdin(identity=client.session.bsession),
        }
        self._monitor = self._sockets["shell"].get_monitor_socket(zmq.EVENT_DISCONNECTED)

    def was_cut(self) -> bool:
        """Return whether the other end has closed the connection since the last call."""
        was_cut = False
        while self._monitor.poll(0):
            recv_monitor_message(self._monitor)
            was_cut = True
        return was_cut

    @property
    def sockets(self) -> list[zmq.Socket[bytes]]:
        """The sockets to poll."""
        return list(self._sockets.values())

    def send(
        self,
        kind: str,
        content: dict[str, Any],
        *,
        channel: str = "shell",
        parent: dict[str, Any] | None = None,
        buffers: Sequence[memoryview] = (),
    ) -> str:
        """Send a message without waiting, and return its id."""
        message = self._session.msg(kind, content, parent=parent)
        self._session.send(self._sockets[channel], message, buffers=[*buffers])
        return str(message["header"]["msg_id"])

    def read(self) -> Iterator[Message]:
        """Yield the messages that have arrived; skip unsigned and invalid ones."""
        for channel, socket in self._sockets.items():
            for _ in range(MOST_AT_ONCE):
                try:
                    frames = socket.recv_multipart(zmq.NOBLOCK, copy=False)
                except zmq.Again:
                    break
                with contextlib.suppress(ValueError, KeyError, TypeError):
                    yield self._message(channel, frames)

    def _message(self, channel: str, frames: Any) -> Message:
        _, parts = self._session.feed_identities(frames, copy=False)
        found = self._session.deserialize(parts, copy=False)
        return Message(
            channel,
            found["msg_type"],
            str(found["parent_header"].get("msg_id", "")),
            found["content"],
            found["buffers"],
            found["header"],
        )

    def close(self) -> None:
        """Close the connections without waiting for pending messages."""
        self._sockets["shell"].disable_monitor()
        self._monitor.close(linger=0)
        for socket in self._sockets.values():
            socket.close(linger=0)
