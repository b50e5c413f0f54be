"""A network in which some ports of this machine are reached, some are closed, and some are silent.

As behind a firewall; takes root, and iptables for silence.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import socket
import subprocess
import threading
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_CLONE_NEWNET = 0x40000000
BLOCK = 1 << 16
_SILENCE = ("iptables", "-A", "INPUT", "-p", "tcp", "--dport")


@contextlib.contextmanager
def behind_a_firewall(reached: Sequence[int], silent: Sequence[int] = ()) -> Iterator[list[str]]:
    """Yield what comes before a command that runs there.

    Parameters
    ----------
    reached : sequence of int
        Ports of 127.0.0.1 that are handed on to the same ones here.
    silent : sequence of int, optional
        Ports from which nothing comes back. All others are closed.
    """
    if os.getuid() != 0 or not shutil.which("nsenter") or not shutil.which("iptables"):
        pytest.skip("needs root, nsenter and iptables")
    with contextlib.ExitStack() as stack:
        doors: list[socket.socket] = []
        holders: list[subprocess.Popen[bytes]] = []
        trouble: list[BaseException] = []

        def prepare() -> None:  # in a thread, which alone is in that network
            try:
                _unshare()
                _run("ip", "link", "set", "lo", "up")
                for port in silent:
                    _run(*_SILENCE, str(port), "-j", "DROP")
                doors.extend(socket.create_server(("127.0.0.1", port)) for port in reached)
                holders.append(subprocess.Popen(["sleep", "300"]))
            except (OSError, subprocess.SubprocessError) as exc:
                trouble.append(exc)

        thread = threading.Thread(target=prepare)
        thread.start()
        thread.join(60)
        for holder in holders:
            stack.callback(holder.wait, 20)
            stack.callback(holder.kill)
        if trouble:
            pytest.skip(f"no network of its own can be made here: {trouble[0]}")
        for door in doors:
            stack.callback(door.close)
            stack.callback(door.shutdown, socket.SHUT_RDWR)  # wakes who waits there
            threading.Thread(target=_serve, args=(door,), daemon=True).start()
        yield ["nsenter", f"--net=/proc/{holders[0].pid}/ns/net"]


def _unshare() -> None:
    if ctypes.CDLL(None, use_errno=True).unshare(_CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "unshare")


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, timeout=20)


def _serve(door: socket.socket) -> None:
    with contextlib.suppress(OSError):  # at the end
        while True:
            guest, _ = door.accept()
            threading.Thread(target=_hand_on, args=(guest,), daemon=True).start()


def _hand_on(guest: socket.socket) -> None:
    with guest, contextlib.suppress(OSError):
        port = guest.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port), 20) as host:
            host.settimeout(None)
            back = threading.Thread(target=_pass_on, args=(host, guest), daemon=True)
            back.start()
            _pass_on(guest, host)
            back.join(20)


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while block := source.recv(BLOCK):
            target.sendall(block)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)
