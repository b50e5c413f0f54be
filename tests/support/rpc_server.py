"""A server of Hadoop RPC that answers what a test wants."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING, Any

from yarnkernel.errors import RpcError
from yarnkernel.hadoop.configuration import Configuration
from yarnkernel.hadoop.messages import message_class
from yarnkernel.hadoop.resource_manager import ResourceManager
from yarnkernel.hadoop.wire import FrameReader, frame

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Self

ANSWER = "hadoop.yarn.GetClusterMetricsResponseProto"
#: Frames that a client sends: its connection's context, and a call.
OPENING = len(b"hrpc\x09\x00\x00")


def success(call_id: int, content: Any) -> bytes:
    header = message_class("hadoop.common.RpcResponseHeaderProto")(callId=call_id, status="SUCCESS")
    return frame(header, content)


def answer(call_id: int, nodes: int = 7) -> bytes:
    content = message_class(ANSWER)()
    content.cluster_metrics.num_node_managers = nodes
    return success(call_id, content)


def failure(class_name: str, text: str, status: str = "ERROR") -> bytes:
    return frame(
        message_class("hadoop.common.RpcResponseHeaderProto")(
            callId=0, status=status, exceptionClassName=class_name, errorMsg=text
        )
    )


def standby(_call_id: int) -> bytes:
    return failure("org.apache.hadoop.ipc.StandbyException", "Operation not supported in standby")


class Server:
    """Answers each call with ``reply(call_id)``; keeps the connection while ``keep`` says so."""

    def __init__(self, reply: Callable[[int], bytes] = answer, *, keep: bool = True) -> None:
        self.reply = reply
        self.keep = keep
        self.connections = 0
        self.sockets: list[socket.socket] = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address: tuple[str, int] = self.listener.getsockname()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                self.connections += 1
                self.sockets.append(connection)
                threading.Thread(target=self._serve, args=[connection], daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError, RpcError), connection:
            stream = connection.makefile("rb")
            stream.read(OPENING)
            self._read_frame(stream)
            while header := self._read_frame(stream):
                connection.sendall(self.reply(header.callId))
                if not self.keep:
                    return

    @staticmethod
    def _read_frame(stream: Any) -> Any:
        length = int.from_bytes(stream.read(4), "big")
        if not length:
            return None
        return FrameReader(stream.read(length)).take("hadoop.common.RpcRequestHeaderProto")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        # Not close alone: a thread that waits for a connection would hold the port.
        for opened in (self.listener, *self.sockets):
            with contextlib.suppress(OSError):
                opened.shutdown(socket.SHUT_RDWR)
            opened.close()


def resource_manager(*servers: Server, **settings: str) -> ResourceManager:
    ids = [f"rm{index}" for index in range(len(servers))]
    addresses = {
        f"yarn.resourcemanager.address.{rm_id}": "{}:{}".format(*server.address)
        for rm_id, server in zip(ids, servers, strict=True)
    }
    pair = {
        "yarn.resourcemanager.ha.enabled": "true",
        "yarn.resourcemanager.ha.rm-ids": ",".join(ids),
    }
    return ResourceManager(Configuration(pair | addresses | settings, "test"))
