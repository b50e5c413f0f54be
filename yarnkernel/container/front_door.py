"""The port at which clients reach the ApplicationMaster, with a limit on connections.

gRPC would accept connections of strangers until the process has no file descriptor left. So it
listens on a Unix socket in the container's directory, and this port passes connections on.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import socket
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from yarnkernel.container.keepalive import probe_when_silent
from yarnkernel.container.own_process import has_spare_files
from yarnkernel.container.persistent import persist
from yarnkernel.container.ports import listening_socket

if TYPE_CHECKING:
    from yarnkernel.port_range import PortRange

#: Connections at a time. A front end's agent keeps one open; those of strangers end after gRPC's
#: handshake timeout, and later ones wait until then.
MOST = 128
#: How many may wait.
BACKLOG = 128
#: A share of the files that this process may open: a connection takes three.
SHARE = 8
#: Bytes passed on at a time.
BLOCK = 1 << 16
#: Seconds for the last bytes of a connection to leave.
CLOSE_TIMEOUT = 5.0


class FrontDoor:
    """Passes connections on to a server that listens on a Unix socket.

    The server can tell where each comes from: see :func:`guest_of`.

    Parameters
    ----------
    address : str
        The numeric address of this host to listen on.
    path : pathlib.Path
        The server's socket.
    files : int
        How many files this process may open.
    ports : PortRange, optional
        Ports to listen on; by default any.

    Attributes
    ----------
    port : int
        Where it listens.
    path : pathlib.Path
        The server's socket for new connections.
    """

    def __init__(
        self, address: str, path: Path, files: int, ports: PortRange | None = None
    ) -> None:
        self._socket = listening_socket(address, ports, BACKLOG)
        self._socket.settimeout(0)
        self.port = int(self._socket.getsockname()[1])
        self.path = path
        self._places = asyncio.Semaphore(max(1, min(MOST, files // SHARE)))
        self._taking: asyncio.Task[None] | None = None
        self._guests: set[asyncio.Task[None]] = set()
        self._numbers = itertools.count()

    def open(self) -> None:
        """Accept connections."""
        self._taking = asyncio.create_task(persist("the ApplicationMaster's port", self._take))

    async def close(self) -> None:
        """Close the port and all connections."""
        tasks = [*self._guests, *([self._taking] if self._taking else [])]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=CLOSE_TIMEOUT)
        self._socket.close()

    async def _take(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._places.acquire()
            try:
                connection, address = await loop.sock_accept(self._socket)
            except BaseException:
                self._places.release()
                raise
            guest = asyncio.create_task(self._serve(connection, str(address[0])))
            self._guests.add(guest)
            guest.add_done_callback(self._left)

    def _left(self, guest: asyncio.Task[None]) -> None:
        self._guests.discard(guest)
        self._places.release()

    async def _serve(self, connection: socket.socket, host: str) -> None:
        async with contextlib.AsyncExitStack() as stack:
            stack.callback(connection.close)
            # Both ends may go away at any time, and no descriptor may be left open.
            stack.enter_context(contextlib.suppress(OSError))
            probe_when_silent(connection)
            if not has_spare_files():
                return  # gRPC's library aborts when it cannot accept a connection
            reader, writer = await asyncio.open_connection(sock=connection)
            stack.push_async_callback(_close, writer)
            inner = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            stack.callback(inner.close)
            inner.setblocking(False)  # noqa: FBT003  (socket's own)
            name = self.path.with_name(f"{host},{next(self._numbers)}")
            inner.bind(str(name))
            stack.callback(name.unlink, missing_ok=True)
            await asyncio.get_running_loop().sock_connect(inner, str(self.path))
            server_reader, server_writer = await asyncio.open_unix_connection(sock=inner)
            stack.push_async_callback(_close, server_writer)
            ways = [
                asyncio.ensure_future(_pass_on(reader, server_writer)),
                asyncio.ensure_future(_pass_on(server_reader, writer)),
            ]
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)


def guest_of(peer: str) -> str:
    """Return the numeric address that a connection comes from, given gRPC's name of its peer.

    Our end of the Unix socket is bound to a name with that address, and no other process can bind
    names in that directory.
    """
    return unquote(Path(peer).name).rpartition(",")[0]


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while block := await reader.read(BLOCK):
        writer.write(block)
        await writer.drain()


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError, asyncio.TimeoutError):
        await asyncio.wait_for(writer.wait_closed(), CLOSE_TIMEOUT)
