"""The ports that clients of a kernel connect to, forwarded to the kernel for admitted hosts.

Jupyter's messages are signed but not secret: whoever can connect to a kernel sees all that it
prints. So the kernel listens on the loopback address, and the gate admits only hosts that have read
its connection info from the key-value store, which asks for a certificate. Connections of other
hosts are closed at once and cost the kernel no file descriptor. Nobody can take the ports while the
kernel restarts. This works for any kernel.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import socket
import struct
import time
from typing import TYPE_CHECKING, cast

from yarnkernel.container.keepalive import probe_when_silent
from yarnkernel.container.own_process import raise_file_limit
from yarnkernel.container.ports import listening_socket

if TYPE_CHECKING:
    from collections.abc import Mapping

    from yarnkernel.port_range import PortRange
    from yarnkernel.relay import Relay

_log = logging.getLogger(__name__)

#: Connections accepted in one go.
BATCH = 64
#: Seconds to wait for a free file descriptor.
DESCRIPTOR_PAUSE = 0.1
#: Most refused addresses that are logged.
STRANGERS_TOLD = 20
#: Most connections of all clients together: five channels each, and some that are closing. Where
#: few files may be open, this share of them.
MOST_CONNECTIONS, SHARE = 1000, 4
#: Seconds for the kernel to accept a connection; a suspended one does not.
CONNECT_TIMEOUT = 5.0
#: Closes a connection with a reset, so that nothing of it lingers here (socket(7)).
_NO_LINGER = struct.pack("ii", 1, 0)


class Gate:
    """Forwards connections of admitted hosts.

    Parameters
    ----------
    address : str
        Numeric address of this host to listen on.
    ports : PortRange, optional
        Ports to listen on; by default any.

    Attributes
    ----------
    address : str
        The address.
    ports : dict of str to int
        Where it listens, by channel.
    relays : list of Relay
        Relays that talk to the kernel for some of the clients.
    """

    def __init__(self, address: str, ports: PortRange | None = None) -> None:
        self.address = address
        self._range = ports
        self._most = min(MOST_CONNECTIONS, raise_file_limit() // SHARE)
        self.ports: dict[str, int] = {}
        self.relays: list[Relay] = []
        self._targets: dict[str, tuple[str, int]] = {}
        self._listening: list[socket.socket] = []
        self._hosts: set[str] | None = set()
        self._strangers: set[str] = set()
        self._is_held = False
        self._since = 0.0
        self._halves: set[_Half] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def connections(self) -> int:
        """The number of forwarded connections."""
        return len(self._halves) // 2

    def open(self, targets: Mapping[str, tuple[str, int]]) -> None:
        """Open the ports.

        Parameters
        ----------
        targets : mapping of str to tuple of str and int
            Where to forward to, by channel.

        Raises
        ------
        OSError
            When no port is free.
        """
        self._targets.update(targets)
        for name in targets.keys() - self.ports.keys():
            listening = listening_socket(self.address, self._range)
            self._listening.append(listening)
            listening.setblocking(False)  # noqa: FBT003  (socket's own)
            self.ports[name] = int(listening.getsockname()[1])
            asyncio.get_running_loop().add_reader(listening, self._accept, listening, name)

    def admit(self, host: str) -> None:
        """Admit a host by its numeric address."""
        if self._hosts is not None:
            self._hosts.add(host)

    def admit_all(self) -> None:
        """Admit all hosts."""
        self._hosts = None

    def hold(self) -> None:
        """Admit nobody until :meth:`go_on`: the kernel's own ports may be somebody else's now."""
        self._is_held = True
        for relay in self.relays:
            relay.hold()

    def go_on(self) -> float:
        """Admit clients again; return the monotonic time from which they were."""
        if self._is_held:
            self._is_held, self._since = False, time.monotonic()
        for relay in self.relays:
            relay.go_on()
        return self._since

    def _accept(self, listening: socket.socket, name: str) -> None:
        for _ in range(BATCH):
            try:
                connection, address = listening.accept()
            except BlockingIOError:
                return
            except OSError as exc:
                if exc.errno in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM):
                    self._pause(listening, name)
                    return
                continue  # the client has gone away
            host = str(address[0])
            if self._is_held:
                _close_at_once(connection)  # ZeroMQ connects again
            elif self._hosts is not None and host not in self._hosts:
                self._turn_away(connection, host)
            elif len(self._halves) // 2 + len(self._tasks) >= self._most:
                _close_at_once(connection)
            else:
                task = asyncio.create_task(self._hand_on(connection, self._targets[name]))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    def _pause(self, listening: socket.socket, name: str) -> None:
        loop = asyncio.get_running_loop()
        loop.remove_reader(listening)
        loop.call_later(DESCRIPTOR_PAUSE, self._go_on, listening, name)

    def _go_on(self, listening: socket.socket, name: str) -> None:
        if listening.fileno() >= 0:
            asyncio.get_running_loop().add_reader(listening, self._accept, listening, name)

    def _turn_away(self, connection: socket.socket, host: str) -> None:
        _close_at_once(connection)
        if host not in self._strangers and len(self._strangers) < STRANGERS_TOLD:
            self._strangers.add(host)
            _log.warning(
                "%s is not let in: it has not read the connection info from the key-value store; "
                "next: yarnkernel connect there, or --any-host of the recipe",
                host,
            )

    async def _hand_on(self, connection: socket.socket, target: tuple[str, int]) -> None:
        loop = asyncio.get_running_loop()
        client, kernel = _Half(self._halves), _Half(self._halves)
        client.other, kernel.other = kernel, client
        try:
            probe_when_silent(connection)
            opening = loop.create_connection(lambda: kernel, *target)
            await asyncio.wait_for(opening, CONNECT_TIMEOUT)
            await loop.connect_accepted_socket(lambda: client, connection)
        except BaseException as exc:
            _close_at_once(connection)
            kernel.close()
            if not isinstance(exc, (OSError, asyncio.TimeoutError)):
                raise
            # The kernel is being restarted: ZeroMQ connects again.

    def close(self) -> None:
        """Close the ports and all connections; idempotent."""
        for listening in self._listening:
            with contextlib.suppress(RuntimeError):  # the loop no longer runs
                asyncio.get_running_loop().remove_reader(listening)
            listening.close()
        for task in self._tasks:
            task.cancel()
        for half in list(self._halves):
            half.close()


def _close_at_once(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
    connection.close()


class _Half(asyncio.Protocol):
    """One of the two connections between a client and the kernel."""

    other: _Half

    def __init__(self, halves: set[_Half]) -> None:
        self._halves = halves
        self._transport: asyncio.Transport | None = None
        #: Data that arrived before the other half was connected.
        self._early: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._halves.add(self)
        self._transport = cast("asyncio.Transport", transport)
        # asyncio does so for some sockets only; without it, half of all messages take 40 ms longer.
        self._transport.get_extra_info("socket").setsockopt(
            socket.IPPROTO_TCP, socket.TCP_NODELAY, 1
        )
        self._transport.writelines(self._early)
        self._early.clear()

    def data_received(self, data: bytes) -> None:
        self.other.write(data)

    def write(self, data: bytes) -> None:
        """Send bytes."""
        if self._transport is None:
            self._early.append(data)
        else:
            self._transport.write(data)

    def pause_writing(self) -> None:
        self.other.pause(paused=True)

    def resume_writing(self) -> None:
        self.other.pause(paused=False)

    def pause(self, *, paused: bool) -> None:
        """Pause reading while the other side cannot keep up, or resume it."""
        if self._transport is not None and not self._transport.is_closing():
            (self._transport.pause_reading if paused else self._transport.resume_reading)()

    def connection_lost(self, _exc: Exception | None) -> None:
        self._halves.discard(self)
        self.other.close()

    def close(self) -> None:
        """Close it once pending data is sent; idempotent."""
        if self._transport is not None:
            self._transport.close()
