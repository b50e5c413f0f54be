"""A wire between a ResourceManager and its clients that hears and damages what passes."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Self

    from yarnkernel.hadoop.configuration import Configuration

#: Seconds that the end of a client's connection is on its way: servers skip calls of
#: connections that have ended (Server.Handler of Hadoop).
LINGER = 0.5


class Wire:
    """What passes between a client and the ResourceManager, and may be changed there.

    Parameters
    ----------
    configuration : Configuration
        Of the cluster.
    setting : str, optional
        Where the ResourceManager listens for such clients.
    """

    def __init__(
        self, configuration: Configuration, setting: str = "yarn.resourcemanager.address"
    ) -> None:
        host, port = configuration.get(setting).split(":")
        self._target = (host, int(port))
        self._server = socket.create_server(("127.0.0.1", 0))
        self.address = f"localhost:{self._server.getsockname()[1]}"
        #: Frames from the server on the newest connection.
        self.frames: list[bytes] = []
        self.change: Callable[[int, bytearray], None] = lambda _index, _frame: None
        #: Called with what a client sends, before the server gets it.
        self.hold: Callable[[bytes], None] = lambda _content: None
        self._opened: list[threading.Event] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.close()

    def break_off(self) -> None:
        """Bring no more answers on the connections that are open now, as firewalls may."""
        for broken in self._opened:
            broken.set()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._server.accept()
                threading.Thread(target=self._relay, args=(client,), daemon=True).start()

    def _relay(self, client: socket.socket) -> None:
        self.frames = frames = []
        self._opened.append(broken := threading.Event())
        with client, socket.create_connection(self._target) as server:
            threading.Thread(target=self._copy, args=(client, server), daemon=True).start()
            stream = server.makefile("rb")
            with contextlib.suppress(OSError):
                while length := stream.read(4):
                    frame = bytearray(stream.read(int.from_bytes(length, "big")))
                    frames.append(bytes(frame))
                    self.change(len(frames) - 1, frame)
                    if not broken.is_set():
                        client.sendall(len(frame).to_bytes(4, "big") + frame)
                client.shutdown(socket.SHUT_RDWR)

    def _copy(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while content := client.recv(1 << 16):
                self.hold(content)
                server.sendall(content)
            time.sleep(LINGER)
            server.shutdown(socket.SHUT_RDWR)
