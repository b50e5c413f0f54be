"""Ports for kernels that do not choose their own."""

from __future__ import annotations

import contextlib
import socket

from yarnkernel.connection import PORT_NAMES


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


def taken_ports(address: str, ports: dict[str, int]) -> list[int]:
    """Return the ports that somebody listens on."""
    return [port for port in ports.values() if _is_taken(address, port)]


def _is_taken(address: str, port: int) -> bool:
    with socket.socket(_family(address), socket.SOCK_STREAM) as probe:
        # As ZeroMQ does: connections of the past that still linger are in nobody's way.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError:
            return True
    return False
