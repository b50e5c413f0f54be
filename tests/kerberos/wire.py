"""Questions to a ResourceManager, and what passes between it and a client."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING

from yarnkernel.hadoop.configuration import Configuration
from yarnkernel.hadoop.resource_manager import ResourceManager

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Self


def changed(configuration: Configuration, **settings: str) -> Configuration:
    """The same cluster with other settings; their dots are written as double underscores."""
    others = {name.replace("__", "."): value for name, value in settings.items()}
    return Configuration(
        configuration.settings | others, configuration.source, configuration.environment
    )


def as_user(configuration: Configuration, principal: str) -> Configuration:
    environment = {**configuration.environment, "KRB5PRINCIPAL": principal}
    return Configuration(configuration.settings, configuration.source, environment)


def ask(configuration: Configuration, timeout: float = 20) -> int:
    """Ask the ResourceManager how many nodes there are."""
    with contextlib.closing(ResourceManager(configuration)) as resource_manager:
        return int(resource_manager.cluster_metrics(timeout).num_node_managers)


class Wire:
    """What passes between a client and the ResourceManager, and may be changed there."""

    def __init__(self, configuration: Configuration) -> None:
        host, port = configuration.get("yarn.resourcemanager.address").split(":")
        self._target = (host, int(port))
        self._server = socket.create_server(("127.0.0.1", 0))
        self.address = f"localhost:{self._server.getsockname()[1]}"
        #: Frames from the server on the newest connection.
        self.frames: list[bytes] = []
        self.change: Callable[[int, bytearray], None] = lambda _index, _frame: None
        threading.Thread(target=self._serve, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._server.accept()
                threading.Thread(target=self._relay, args=(client,), daemon=True).start()

    def _relay(self, client: socket.socket) -> None:
        self.frames = frames = []
        with client, socket.create_connection(self._target) as server:
            threading.Thread(target=self._copy, args=(client, server), daemon=True).start()
            stream = server.makefile("rb")
            with contextlib.suppress(OSError):
                while length := stream.read(4):
                    frame = bytearray(stream.read(int.from_bytes(length, "big")))
                    frames.append(bytes(frame))
                    self.change(len(frames) - 1, frame)
                    client.sendall(length + frame)
                client.shutdown(socket.SHUT_RDWR)

    @staticmethod
    def _copy(source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while content := source.recv(1 << 16):
                target.sendall(content)
            target.shutdown(socket.SHUT_RDWR)


def through(wire: Wire, configuration: Configuration, protection: str) -> Configuration:
    return changed(
        configuration,
        yarn__resourcemanager__address=wire.address,
        hadoop__rpc__protection=protection,
    )
