"""Ports of this machine that stand for those of a kernel elsewhere."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from typing import TYPE_CHECKING

from yarnkernel.connection import PORT_NAMES
from yarnkernel.errors import UsageError

if TYPE_CHECKING:
    from yarnkernel.connection import ConnectionInfo

#: Bytes that are read at once.
BLOCK = 1 << 18


class Relay:
    """Hands on bytes between a front end's ports and a kernel's.

    The ports are taken at once, but nobody can connect before :meth:`open`:
    front ends take a port that answers for a kernel that is ready.

    Parameters
    ----------
    front : dict
        Connection info with the address and ports to listen on.

    Raises
    ------
    UsageError
        When somebody else has one of them.
    """

    def __init__(self, front: ConnectionInfo) -> None:
        self._front = front
        self._sockets: dict[str, socket.socket] = {}
        self._servers: list[asyncio.Server] = []
        self._connections: set[asyncio.Task[None]] = set()
        family = socket.AF_INET6 if ":" in front["ip"] else socket.AF_INET
        for name in PORT_NAMES:
            taken = self._sockets[name] = socket.socket(family, socket.SOCK_STREAM)
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                taken.bind((front["ip"], front[name]))
            except OSError as exc:
                self.close()
                raise self._refused(name, exc) from exc

    def _refused(self, name: str, error: OSError) -> UsageError:
        address = f"{self._front['ip']}:{self._front[name]}"
        return UsageError(
            f"cannot listen on {address}, the {name} of the connection file: "
            f"{os.strerror(error.errno or 0)}; next: start the kernel again, with other ports"
        )

    async def open(self, kernel: ConnectionInfo) -> None:
        """Let front ends connect.

        Parameters
        ----------
        kernel : dict
            Connection info with the kernel's address and ports.

        Raises
        ------
        UsageError
            When somebody else listens on one of our ports.
        """
        for name, taken in self._sockets.items():
            target = (kernel["ip"], kernel[name])

            def connected(
                reader: asyncio.StreamReader,
                writer: asyncio.StreamWriter,
                target: tuple[str, int] = target,
            ) -> None:
                task = asyncio.create_task(_relay(reader, writer, target))
                self._connections.add(task)
                task.add_done_callback(self._connections.discard)

            try:
                server = await asyncio.start_server(connected, sock=taken, limit=BLOCK)
            except OSError as exc:  # with SO_REUSEADDR, the first who listens has it
                raise self._refused(name, exc) from exc
            self._servers.append(server)

    def close(self) -> None:
        """Give the ports back and cut all connections; idempotent."""
        for task in self._connections:
            task.cancel()
        for server in self._servers:
            server.close()
        for taken in self._sockets.values():
            taken.close()


async def _relay(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, target: tuple[str, int]
) -> None:
    """Hand on one connection until either side closes it."""
    with contextlib.closing(writer):
        try:
            far_reader, far_writer = await asyncio.open_connection(*target, limit=BLOCK)
        except OSError:
            return  # ZeroMQ connects again
        with contextlib.closing(far_writer):
            ways = [
                asyncio.create_task(_hand_on(reader, far_writer)),
                asyncio.create_task(_hand_on(far_reader, writer)),
            ]
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()


async def _hand_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while block := await reader.read(BLOCK):
            writer.write(block)
            await writer.drain()
