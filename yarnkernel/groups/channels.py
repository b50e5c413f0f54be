"""The channels of one kernel, without thread and event loop: read by who waits on its sockets."""

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

#: Messages of one channel that are read before the others get their turn.
MOST_AT_ONCE = 100


@dataclass(frozen=True)
class Message:
    """Something that a kernel says.

    Attributes
    ----------
    channel : str
        ``"shell"``, ``"iopub"`` or ``"stdin"``.
    kind : str
        Its type, such as ``"stream"``.
    parent : str
        The id of the request that it is about.
    content : dict
        What it says.
    buffers : sequence of memoryview
        Bytes that came along.
    header : dict
        Its header, for who answers it.
    """

    channel: str
    kind: str
    parent: str
    content: dict[str, Any]
    buffers: Sequence[memoryview]
    header: dict[str, Any]


@functools.cache
def _context(_process: int) -> zmq.Context[zmq.Socket[bytes]]:
    """Make the context of this process, which a child of it cannot use."""
    context = zmq.Context()
    # Nothing is dropped while nobody reads.
    context.setsockopt(zmq.RCVHWM, 0)
    context.setsockopt(zmq.SNDHWM, 0)
    return context


class Channels:
    """Connected to a kernel's shell, iopub and stdin.

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
            # A kernel asks who has sent the request, by this name.
            "shell": client.connect_shell(identity=client.session.bsession),
            "stdin": client.connect_stdin(identity=client.session.bsession),
        }
        self._monitor = self._sockets["shell"].get_monitor_socket(zmq.EVENT_DISCONNECTED)

    def was_cut(self) -> bool:
        """Whether the other end has closed the connection since the last look."""
        was_cut = False
        while self._monitor.poll(0):
            recv_monitor_message(self._monitor)
            was_cut = True
        return was_cut

    @property
    def sockets(self) -> list[zmq.Socket[bytes]]:
        """What to wait on."""
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
        """Send a message and return its id; does not wait."""
        message = self._session.msg(kind, content, parent=parent)
        self._session.send(self._sockets[channel], message, buffers=[*buffers])
        return str(message["header"]["msg_id"])

    def read(self) -> Iterator[Message]:
        """Read what has come; what nobody has signed, or what is none, is left out."""
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
        """Close them, without waiting for what is on its way."""
        self._sockets["shell"].disable_monitor()
        self._monitor.close(linger=0)
        for socket in self._sockets.values():
            socket.close(linger=0)
