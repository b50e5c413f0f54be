"""Hears all that passes on this machine's loopback interface, as who taps a network does."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Collection

    from typing_extensions import Self

#: Ethernet's type for IPv4 (linux/if_ether.h), its header's length, and where IP's header says
#: how long that is.
_IPV4, _ETHERNET = 0x0800, 14
#: Bytes that the recorder's socket holds while the recorder is slow, and how to ask for so many
#: (SO_RCVBUFFORCE of socket(7)).
_BUFFER, _BUFFER_OPTION = 64 << 20, 33

needs_recorder = pytest.mark.skipif(os.geteuid() != 0, reason="only root can tap a network")


class Recorder:
    """What passes while the body runs; a context manager."""

    def __init__(self) -> None:
        self._packets: list[bytes] = []
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_IPV4))
        self._socket.setsockopt(socket.SOL_SOCKET, _BUFFER_OPTION, _BUFFER)
        self._socket.bind(("lo", 0))
        self._socket.settimeout(0.2)
        self._stopping = threading.Event()
        self._end = 0.0
        self._thread = threading.Thread(target=self._record, daemon=True)

    def _record(self) -> None:
        # What has passed before the end is heard to the end, and others go on meanwhile.
        while not self._stopping.is_set() or time.monotonic() < self._end:
            with contextlib.suppress(TimeoutError):
                self._packets.append(self._socket.recv(1 << 17)[_ETHERNET:])

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end = time.monotonic() + 1
        self._stopping.set()
        self._thread.join(10)
        self._socket.close()

    def hears(self, words: str, ports: Collection[int] = ()) -> bool:
        """Whether these have passed in the clear, from or to these ports or any."""
        return words.encode() in self.heard(ports)

    def heard(self, ports: Collection[int] = ()) -> bytes:
        """Return what has passed from or to these ports or any."""
        return b"".join(_content(packet, ports) for packet in self._packets)


def _content(packet: bytes, ports: Collection[int]) -> bytes:
    header = (packet[0] & 15) * 4
    ends = {int.from_bytes(packet[at : at + 2], "big") for at in (header, header + 2)}
    if packet[9] != socket.IPPROTO_TCP or (ports and ends.isdisjoint(ports)):
        return b""
    return packet[header + (packet[header + 12] >> 4) * 4 :]
