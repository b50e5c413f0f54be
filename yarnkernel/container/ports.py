"""Ports for kernels that do not choose their own."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from typing import TYPE_CHECKING, Any

import psutil

from yarnkernel.connection import PORT_NAMES
from yarnkernel.errors import YarnKernelError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from yarnkernel.port_range import PortRange

#: Seconds between two checks whether a new process listens on its ports.
LISTENING_INTERVAL = 0.05
#: Seconds between two checks who has the ports of a kernel that does not answer.
CLASH_INTERVAL = 1.0


def _family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def pick_ports(address: str) -> dict[str, int]:
    """Pick a free port for each channel; somebody may take one before the kernel does."""
    with contextlib.ExitStack() as stack:
        ports = {}
        for name in PORT_NAMES:
            probe = stack.enter_context(socket.socket(_family(address), socket.SOCK_STREAM))
            probe.bind((address, 0))
            ports[name] = int(probe.getsockname()[1])
    return ports


def listening_socket(
    address: str, ports: PortRange | None = None, backlog: int | None = None
) -> socket.socket:
    """Listen on a free port.

    Parameters
    ----------
    address : str
        A numeric address of this host.
    ports : PortRange, optional
        Ports to choose from; all by default.
    backlog : int, optional
        How many connections may wait to be accepted; Python's default if not given.

    Raises
    ------
    OSError
        When none is free; names the range.
    """
    for port in ports.shuffled() if ports else (0,):
        with contextlib.ExitStack() as stack:
            listening = stack.enter_context(socket.socket(_family(address), socket.SOCK_STREAM))
            if ports is not None:
                # Lingering old connections do no harm.
                listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listening.bind((address, port))
                listening.listen(*[] if backlog is None else [backlog])
            except OSError as exc:
                if ports is None or exc.errno != errno.EADDRINUSE:
                    raise
                continue
            stack.pop_all()
            return listening
    raise OSError(errno.EADDRINUSE, none_free(address, ports))


def none_free(address: str, ports: PortRange | None) -> str:
    """Return the error for a range whose ports are all taken."""
    return f"none of the ports {ports} is free at {address} (--ports)"


def taken_by_others(address: str, ports: Sequence[int], pid: int = 0) -> list[int]:
    """Return the ports on which others than a process and its descendants listen.

    Parameters
    ----------
    address : str
        A numeric address of this host.
    ports : sequence of int
        The ports; 0 is ignored.
    pid : int, optional
        The process' id; by default every listener counts as another.
    """
    taken = [port for port in ports if port and _is_taken(address, port)]
    own = _listening(pid) if taken and pid else set()
    return [port for port in taken if port not in own]


async def await_listening(pid: int, ports: Sequence[int]) -> None:
    """Wait until a process or its descendants listen on all of these ports."""
    while True:
        if set(ports) <= _listening(pid):
            return
        await asyncio.sleep(LISTENING_INTERVAL)


def _connections(pid: int) -> Iterator[Any]:
    """Return the sockets of a process and its descendants."""
    with contextlib.suppress(psutil.Error):
        process = psutil.Process(pid)
        for one in (process, *process.children(recursive=True)):
            with contextlib.suppress(psutil.Error):
                yield from one.net_connections("tcp")


def _listening(pid: int) -> set[int]:
    """Return the ports on which a process and its descendants listen."""
    return {one.laddr.port for one in _connections(pid) if one.status == psutil.CONN_LISTEN}


def _is_taken(address: str, port: int) -> bool:
    with socket.socket(_family(address), socket.SOCK_STREAM) as probe:
        # As ZeroMQ does: lingering old connections do no harm.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError:
            return True
    return False


def check_ports(address: str, ports: Sequence[int], pid: int) -> None:
    """Check that nobody else listens on a process' ports.

    Raises
    ------
    YarnKernelError
        When somebody does.
    """
    if others := taken_by_others(address, ports, pid):
        raise YarnKernelError(f"somebody else has port {others[0]}")


async def await_clash(address: str, ports: Callable[[], Sequence[int]], pid: int) -> None:
    """Raise as soon as somebody else has one of the kernel's ports.

    ipykernel 7.4 hangs in that case.
    """
    while True:
        await asyncio.sleep(CLASH_INTERVAL)
        check_ports(address, ports(), pid)
