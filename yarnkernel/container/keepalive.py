"""Keepalive: connections of hosts that are gone look alive for ever unless they are probed."""

from __future__ import annotations

import socket

#: Seconds of silence before the first probe, seconds between probes, and their number: so neither a
#: dead host nor a firewall that has dropped the connection holds a place for ever.
KEEPALIVE = {"TCP_KEEPIDLE": 60, "TCP_KEEPINTVL": 15, "TCP_KEEPCNT": 4}


def probe_when_silent(connection: socket.socket) -> None:
    """Probe a silent connection now and then, and send small messages at once."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for name, value in KEEPALIVE.items():
        if hasattr(socket, name):
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
