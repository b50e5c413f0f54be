"""Messages between a supervisor and its kernel, in Jupyter's messaging protocol.

https://jupyter-client.readthedocs.io/en/stable/messaging.html
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import uuid
from typing import TYPE_CHECKING, Any

import zmq
import zmq.asyncio
from jupyter_client.session import Session

from yarnkernel.connection import is_encrypted
from yarnkernel.errors import YarnKernelError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator

    from yarnkernel.connection import ConnectionInfo

#: The broadcasts that are read; others, such as outputs, can be large and do not matter here.
_HEARD = (b'"status"', b'"shutdown_reply"', b'"error"')

_BROADCAST = """
import json
from IPython import get_ipython
kernel = get_ipython().kernel
for header in json.loads(arguments[0]):
    content = {"name": "stderr", "text": arguments[1]}
    parent = {"header": header}
    kernel.session.send(kernel.iopub_socket, "stream", content, parent=parent, ident=b"stream")
"""


def broadcast_code(text: str, parents: list[dict[str, Any]]) -> str:
    """Return code with which an IPython kernel adds a text to the outputs of earlier requests.

    Parameters
    ----------
    text : str
        The text.
    parents : list of dict
        Headers of the requests.
    """
    arguments = [json.dumps(parents, default=str), text]
    # In a namespace of its own, as any name in the kernel's may be the user's.
    return f"exec({_BROADCAST!r}, {{'arguments': {arguments!r}}})"


def _is_one(frames: list[bytes], kinds: Collection[bytes]) -> bool:
    # The topic, the delimiter, the signature and the header.
    return any(kind in frame for frame in frames[:5] for kind in kinds)


class Messages:
    """The channels of one kernel; they outlive its restarts in place.

    Parameters
    ----------
    info : dict
        Connection info of the kernel, with its ports.
    """

    def __init__(self, info: ConnectionInfo) -> None:
        self._info = info
        self._context = zmq.asyncio.Context()
        self._session = Session(
            key=info["key"].encode(),
            signature_scheme=info["signature_scheme"],
            session=f"supervisor-{uuid.uuid4().hex}",
        )

    def close(self) -> None:
        """Close all channels."""
        self._context.destroy(linger=0)

    @contextlib.contextmanager
    def _channel(self, name: str, kind: int) -> Iterator[zmq.asyncio.Socket]:
        try:
            made = self._context.socket(kind)
        except zmq.ZMQError as exc:  # too many open files
            raise YarnKernelError(f"there is no channel to it: {exc}") from exc
        with made as channel:
            channel.linger = 0
            channel.rcvhwm = 0  # before it connects: a lost "idle" would look busy for ever
            if is_encrypted(self._info):  # one pair for both sides, as jupyter_client does
                channel.curve_serverkey = self._info["curve_publickey"].encode()
                channel.curve_publickey = self._info["curve_publickey"].encode()
                channel.curve_secretkey = self._info["curve_secretkey"].encode()
            channel.connect(f"tcp://{self._info['ip']}:{self._info[f'{name}_port']}")
            yield channel

    async def ask_kernel_info(self, timeout: float) -> None:
        """Send a kernel_info_request and wait for the reply.

        Raises
        ------
        YarnKernelError
            When it does not answer within ``timeout`` seconds.
        """
        await self._ask("kernel_info_request", {}, timeout)

    async def add_output(
        self,
        text: str,
        parents: list[dict[str, Any]],
        timeout: float,
        *,
        at_once: bool = False,
    ) -> None:
        """Let an IPython kernel add a text to the outputs of earlier requests.

        Parameters
        ----------
        text : str
            The text.
        parents : list of dict
            Headers of the requests.
        timeout : float
            Seconds for the kernel.
        at_once : bool, default False
            Whether not to wait for a running cell.

        Raises
        ------
        YarnKernelError
            When it does not.
        """
        channel = "control" if at_once else "shell"
        await self.execute(broadcast_code(text, parents), timeout, channel)

    async def execute(self, code: str, timeout: float, channel: str = "shell") -> None:
        """Run code of ours in the kernel, without a trace in the user's history.

        Raises
        ------
        YarnKernelError
            When it is not done within ``timeout`` seconds.
        """
        content = {"code": code, "silent": True, "store_history": False, "allow_stdin": False}
        await self._ask("execute_request", content, timeout, channel)

    async def _ask(
        self, kind: str, content: dict[str, Any], timeout: float, channel: str = "shell"
    ) -> None:
        with self._channel(channel, zmq.DEALER) as socket:
            request = self._session.send(socket, kind, content) or {}
            try:
                await asyncio.wait_for(self._reply(socket, request["msg_id"]), timeout)
            except asyncio.TimeoutError:
                raise YarnKernelError(f"it did not answer within {timeout:.0f} s") from None

    async def _reply(self, socket: zmq.asyncio.Socket, request: str) -> None:
        """Wait for the reply to a request, and ignore all else that arrives."""
        while True:
            message = self._read(await socket.recv_multipart(copy=True))
            if message is not None and message["parent_header"].get("msg_id") == request:
                return

    def _read(self, frames: list[bytes]) -> dict[str, Any] | None:
        """Read a message; return None if it is invalid or not signed with the kernel's key."""
        try:
            return self._session.deserialize(self._session.feed_identities(frames)[1])
        except (ValueError, TypeError, IndexError, KeyError):
            return None

    async def shut_down(
        self, end: Callable[[asyncio.Event], Awaitable[None]], *, restart: bool = False
    ) -> None:
        """Ask the kernel to end and wait for its end.

        Parameters
        ----------
        end : callable
            Waits for the end; is given an event that is set when the kernel has answered.
        restart : bool, default False
            Whether clients are told that it is a restart.
        """
        heeded = asyncio.Event()
        with self._channel("control", zmq.DEALER) as control:
            request = self._session.send(control, "shutdown_request", {"restart": restart}) or {}
            reply = asyncio.create_task(self._reply(control, request["msg_id"]))
            reply.add_done_callback(lambda _: heeded.set())
            try:
                await end(heeded)  # a closed channel drops pending messages
            finally:
                reply.cancel()

    async def interrupt(self, timeout: float) -> None:
        """Send an interrupt_request, for kernels with that interrupt mode."""
        with contextlib.suppress(YarnKernelError):
            await self._ask("interrupt_request", {}, timeout, "control")

    async def broadcasts(
        self,
        wanted: Callable[[], Collection[bytes]] = tuple,
        most: int = 0,
        left_out: Callable[[int], object] = lambda _: None,
    ) -> AsyncIterator[dict[str, Any]]:
        """Yield the changes of state that the kernel broadcasts.

        Changes caused by our own requests are left out.

        Parameters
        ----------
        wanted : callable, optional
            Returns, before each message, the other types wanted now, in JSON's form.
        most : int, optional
            Size in bytes of the largest such message that is read.
        left_out : callable, optional
            Called with the size of each larger message.
        """
        with self._channel("iopub", zmq.SUB) as iopub:
            iopub.subscribe(b"")
            while True:
                frames = await iopub.recv_multipart(copy=True)
                if not _is_one(frames, _HEARD):
                    if not _is_one(frames, wanted()):
                        continue
                    if (size := sum(map(len, frames))) > most:
                        left_out(size)
                        continue
                message = self._read(frames)
                if (
                    message is not None
                    and message["parent_header"].get("session") != self._session.session
                ):
                    yield message
