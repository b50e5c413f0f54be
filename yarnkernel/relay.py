"""Relays a front end's messages from local ports to a kernel elsewhere, encrypted if possible."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import logging
import os
import socket
import uuid
from typing import TYPE_CHECKING, Any

import zmq
import zmq.asyncio

from yarnkernel.connection import PORT_NAMES, is_encrypted
from yarnkernel.errors import UsageError, YarnKernelError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from yarnkernel.connection import ConnectionInfo

_log = logging.getLogger(__name__)

#: Seconds for a front end to subscribe to broadcasts before its requests are passed on, as output
#: that nobody hears is lost.
LISTEN_TIMEOUT = 0.5
#: Seconds for the kernel's broadcasts to arrive, and between two requests that provoke one.
HEAR_TIMEOUT = 10.0
ASK_INTERVAL = 0.1
#: The delimiter between addresses and a message
#: (https://jupyter-client.readthedocs.io/en/stable/messaging.html#the-wire-protocol).
DELIMITER = b"<IDS|MSG>"
#: Number of signed frames.
_SIGNED = 4


class Relay:
    """Relays messages between a front end's ports and a kernel's.

    The ports are bound at once, but nobody can connect before :meth:`open`, as front ends take an
    open port for a kernel that is ready.

    Parameters
    ----------
    front : dict
        Connection info with the address and ports to listen on, and the front end's keys; with a
        CurveZMQ key, that side is encrypted. Port 0 means any.

    Attributes
    ----------
    ports : dict of str to int
        Where it listens.

    Raises
    ------
    UsageError
        When somebody else listens on one of them.
    """

    def __init__(self, front: ConnectionInfo) -> None:
        self._front = front
        self._context = zmq.asyncio.Context()
        self._context.linger = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._may_pass = asyncio.Event()
        self._may_pass.set()
        self._taken: dict[str, socket.socket] = {}
        family = socket.AF_INET6 if ":" in front["ip"] else socket.AF_INET
        for name in PORT_NAMES:
            taken = self._taken[name] = socket.socket(family, socket.SOCK_STREAM)
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                taken.bind((front["ip"], front[name]))
            except OSError as exc:
                self.close()
                raise self._refused(name, exc) from exc
        self.ports = {name: int(one.getsockname()[1]) for name, one in self._taken.items()}

    def _refused(self, name: str, error: OSError) -> UsageError:
        address = f"{self._front['ip']}:{self._front[name]}"
        return UsageError(
            f"cannot listen on {address}, the {name} of the connection file: "
            f"{os.strerror(error.errno or 0)}; next: start the kernel again, with other ports"
        )

    async def open(self, kernel: ConnectionInfo, *, at_once: bool = False) -> None:
        """Let front ends connect.

        Parameters
        ----------
        kernel : dict
            Connection info with the kernel's address, ports and keys.
        at_once : bool, default False
            Whether not to wait for the kernel's broadcasts and a subscriber, as for a busy kernel.

        Raises
        ------
        UsageError
            When somebody else listens on one of our ports.
        YarnKernelError
            When no broadcast of the kernel arrives.
        """
        identity = f"launcher-{uuid.uuid4().hex}".encode()
        kinds = dict.fromkeys(PORT_NAMES, zmq.DEALER) | {"iopub_port": zmq.SUB}
        far = {name: self._connect(kernel, name, kind, identity) for name, kind in kinds.items()}
        if not at_once:
            await self._hear(kernel, far["shell_port"], far["iopub_port"])
        sign = _Signer(kernel["key"], self._front["key"])
        near = self._listen("iopub_port", zmq.XPUB)
        self._start(_hand_on(far["iopub_port"], near, sign.for_front))
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(near.recv(), 0 if at_once else LISTEN_TIMEOUT)
        self._start(_drain(near))
        for name in PORT_NAMES:
            if name == "iopub_port":
                continue
            near = self._listen(name, zmq.ROUTER)
            plain = name == "hb_port"
            self._start(_hand_on(far[name], near, None if plain else sign.for_front))
            to_kernel = None if plain else sign.for_kernel
            self._start(_hand_on(near, far[name], to_kernel, self._may_pass))

    def _connect(
        self, kernel: ConnectionInfo, name: str, kind: int, identity: bytes
    ) -> zmq.asyncio.Socket:
        far = self._context.socket(kind)
        far.linger = 0
        far.rcvhwm = 0  # a slow client loses its own messages, as with the kernel itself
        if kind == zmq.SUB:
            far.subscribe(b"")
        else:
            # Shared by all channels, as a kernel asks for input at the address of a shell request.
            far.routing_id = identity
        if is_encrypted(kernel):
            far.curve_publickey, far.curve_secretkey = zmq.curve_keypair()
            far.curve_serverkey = kernel["curve_publickey"].encode()
        host = f"[{kernel['ip']}]" if ":" in kernel["ip"] else kernel["ip"]
        far.ipv6 = ":" in host
        far.connect(f"tcp://{host}:{kernel[name]}")
        return far

    @staticmethod
    async def _hear(
        kernel: ConnectionInfo, shell: zmq.asyncio.Socket, iopub: zmq.asyncio.Socket
    ) -> None:
        """Wait until the kernel's broadcasts reach us, which takes a moment after connecting."""
        from jupyter_client.session import Session  # noqa: PLC0415  (slow to import)

        session = Session(key=kernel["key"].encode(), signature_scheme=kernel["signature_scheme"])
        end = asyncio.get_running_loop().time() + HEAR_TIMEOUT
        asked, heard = 0, False
        while not heard:
            if asyncio.get_running_loop().time() > end:
                raise YarnKernelError(
                    f"the kernel on {kernel['ip']} was not heard within {HEAR_TIMEOUT:.0f} s: is "
                    "there a firewall between?"
                )
            session.send(shell, "kernel_info_request")
            asked += 1
            heard = bool(await iopub.poll(int(ASK_INTERVAL * 1000)))
        while asked:  # nobody else must get these answers
            if not await shell.poll(int(HEAR_TIMEOUT * 1000)):
                raise YarnKernelError(f"the kernel on {kernel['ip']} does not answer")
            await shell.recv_multipart()
            asked -= 1

    def _listen(self, name: str, kind: int) -> zmq.asyncio.Socket:
        taken = self._taken[name]
        try:
            taken.listen()
        except OSError as exc:  # with SO_REUSEADDR, the first to listen gets it
            raise self._refused(name, exc) from exc
        near = self._context.socket(kind)
        near.linger = 0
        if kind == zmq.ROUTER:
            near.router_handover = True  # to a client that reconnects, as ipykernel does
        if is_encrypted(self._front):
            near.curve_secretkey = self._front["curve_secretkey"].encode()
            near.curve_publickey = self._front["curve_publickey"].encode()
            near.curve_server = True
        near.setsockopt(zmq.USE_FD, taken.detach())  # closed together with this one
        near.bind(f"tcp://{self._front['ip']}:{self.ports[name]}")
        return near

    def _start(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def hold(self) -> None:
        """Hold front ends' messages until :meth:`go_on`: others may have the kernel's ports."""
        self._may_pass.clear()

    def go_on(self) -> None:
        """Relay messages again."""
        self._may_pass.set()

    def close(self) -> None:
        """Close the ports and all connections; idempotent."""
        for task in self._tasks:
            task.cancel()
        for taken in self._taken.values():
            taken.close()
        self._context.destroy(linger=0)


class _Signer:
    """Signs messages again if front end and kernel have different keys."""

    def __init__(self, kernel: str, front: str) -> None:
        self._kernel, self._front = kernel.encode(), front.encode()

    def for_front(self, frames: list[Any]) -> list[Any] | None:
        """Return a message of the kernel for the front end."""
        return _sign_again(frames, self._kernel, self._front)

    def for_kernel(self, frames: list[Any]) -> list[Any] | None:
        """Return a message of the front end for the kernel; None if its signature is wrong."""
        return _sign_again(frames, self._front, self._kernel)


def _sign_again(frames: list[Any], old: bytes, new: bytes) -> list[Any] | None:
    if old == new:
        return frames
    contents = [bytes(frame) for frame in frames]
    try:
        at = contents.index(DELIMITER) + 1
    except ValueError:
        return None
    signed = contents[at + 1 : at + 1 + _SIGNED]
    if len(signed) < _SIGNED or not hmac.compare_digest(contents[at], _signature(signed, old)):
        return None
    return [*frames[:at], _signature(signed, new), *frames[at + 1 :]]


def _signature(frames: Sequence[bytes], key: bytes) -> bytes:
    return hmac.new(key, b"".join(frames), hashlib.sha256).hexdigest().encode()


async def _hand_on(
    source: zmq.asyncio.Socket,
    target: zmq.asyncio.Socket,
    sign: Any,
    may_pass: asyncio.Event | None = None,
) -> None:
    while True:
        frames = await source.recv_multipart(copy=False)
        if may_pass is not None:
            await may_pass.wait()
        signed = frames if sign is None else sign(frames)
        if signed is None:
            continue
        try:
            await target.send_multipart(signed, copy=False)
        except zmq.ZMQError as exc:  # the fault of one message, which must not stop the others
            _log.warning("a message was lost: %s", exc)


async def _drain(publisher: zmq.asyncio.Socket) -> None:
    """Discard subscription messages."""
    while True:
        await publisher.recv()
