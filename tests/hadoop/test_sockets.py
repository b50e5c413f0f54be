"""Ways to a daemon: a SOCKS server as the site files name it, and a resolver that hangs."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from typing import TYPE_CHECKING

import pytest

from tests.support.rpc_server import Server
from yarnkernel.deadline import Deadline
from yarnkernel.errors import HadoopConfigurationError, UnreachableError
from yarnkernel.hadoop import sockets
from yarnkernel.hadoop.configuration import Configuration
from yarnkernel.hadoop.resource_manager import PROTOCOL, ResourceManager

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

FACTORY = "hadoop.rpc.socket.factory.class"
SOCKS = "org.apache.hadoop.net.SocksSocketFactory"
STANDARD = "org.apache.hadoop.net.StandardSocketFactory"


class SocksServer:
    """Connects to one address, whatever it is asked for; or refuses, or is none."""

    def __init__(self) -> None:
        self.asked: list[bytes] = []
        self.target: tuple[str, int] = ("", 0)
        self.welcome = b"\x05\x00"
        self.refusal = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = "{}:{}".format(*self.listener.getsockname())
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                threading.Thread(target=self._serve, args=[client], daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError), client:
            client.recv(3, socket.MSG_WAITALL)
            client.sendall(self.welcome)
            if not (head := client.recv(4, socket.MSG_WAITALL)):
                return  # it did not like the welcome
            size = 4 if head[3] == 1 else client.recv(1)[0]
            self.asked.append(head[3:] + client.recv(size + 2, socket.MSG_WAITALL))
            client.sendall(b"\x05" + bytes([self.refusal]) + b"\x00\x01" + bytes(6))
            if self.refusal:
                return
            with socket.create_connection(self.target) as server:
                threading.Thread(target=self._copy, args=[server, client], daemon=True).start()
                self._copy(client, server)

    @staticmethod
    def _copy(source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while content := source.recv(1 << 16):
                target.sendall(content)


@pytest.fixture
def socks() -> Iterator[SocksServer]:
    server = SocksServer()
    yield server
    server.listener.close()


def nodes(configuration: dict[str, str]) -> int:
    """Ask a ResourceManager for a number; the servers of tests say 7."""
    client = ResourceManager(Configuration(configuration, "test"))
    with contextlib.closing(client):
        return int(client.cluster_metrics(5).num_node_managers)


def through(socks: SocksServer, host: str) -> dict[str, str]:
    return {
        "yarn.resourcemanager.address": f"{host}:8032",
        f"{FACTORY}.default": SOCKS,
        "hadoop.socks.server": socks.address,
    }


def test_socks(socks: SocksServer) -> None:
    """Hadoop 3.5.0's own client sends the address; a name is resolved where it is known."""
    with Server() as server:
        socks.target = server.address
        port = struct.pack("!H", 8032)
        for host, sent in (
            ("10.1.2.3", b"\x01\x0a\x01\x02\x03"),
            ("rm.private.invalid", b"\x03" + b"rm.private.invalid"),
        ):
            assert nodes(through(socks, host)) == 7
            assert socks.asked.pop() == sent + port


def test_socks_of_other_protocols(socks: SocksServer) -> None:
    with Server() as server:
        settings = through(socks, "10.1.2.3") | {
            "yarn.resourcemanager.address": "{}:{}".format(*server.address),
            f"{FACTORY}.ApplicationClientProtocolPB": STANDARD,
        }
        assert nodes(settings) == 7
        assert not socks.asked
        other = Configuration(settings, "test")
        assert sockets.socks_server(
            other, Deadline(5), "org.apache.hadoop.hdfs.protocol.ClientProtocol"
        )


def test_socks_that_does_not_help(socks: SocksServer) -> None:
    socks.refusal = 5
    with pytest.raises(UnreachableError, match=r"does not reach 10.1.2.3:8032: connection refused"):
        nodes(through(socks, "10.1.2.3"))
    socks.welcome = b"\x05\xff"
    with pytest.raises(UnreachableError, match="wants a password"):
        nodes(through(socks, "10.1.2.3"))
    socks.listener.shutdown(socket.SHUT_RDWR)
    socks.listener.close()
    with pytest.raises(UnreachableError, match=r"hadoop.socks.server\): Connection refused"):
        nodes(through(socks, "10.1.2.3"))


def test_unknown_sockets() -> None:
    settings = {f"{FACTORY}.default": "com.example.Tunnel"}
    with pytest.raises(HadoopConfigurationError, match=r"class.default is com.example.Tunnel"):
        sockets.socks_server(Configuration(settings, "test"), Deadline(5), PROTOCOL)


def test_resolver_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    """As with a name server that does not answer: for half a minute, whatever our deadline is."""

    def hang(*_: Any, **__: Any) -> list[Any]:
        time.sleep(5)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    begin = time.monotonic()
    with pytest.raises(TimeoutError):
        sockets.open_socket(("anywhere", 1), Deadline(0.2))
    with pytest.raises(TimeoutError):
        sockets.canonical_name_within("anywhere", Deadline(0.2))
    assert time.monotonic() - begin < 2
