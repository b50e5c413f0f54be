"""Hadoop RPC over real sockets: an answer, a typed error or the deadline, whatever is sent."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tests.conftest import REPOSITORY, Shell
from yarnkernel.deadline import Deadline
from yarnkernel.errors import (
    AccessDeniedError,
    AuthenticationError,
    ClusterError,
    HadoopError,
    NotFoundError,
    RpcError,
    RpcTimeoutError,
    UnreachableError,
)
from yarnkernel.hadoop.configuration import Configuration
from yarnkernel.hadoop.messages import message_class
from yarnkernel.hadoop.resource_manager import ResourceManager
from yarnkernel.hadoop.rpc import RpcConnection
from yarnkernel.hadoop.wire import FrameReader, frame, read_answer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from typing_extensions import Self

ANSWER = "hadoop.yarn.GetClusterMetricsResponseProto"
#: Frames that a client sends: its connection's context, and a call.
OPENING = len(b"hrpc\x09\x00\x00")


def answer(call_id: int, nodes: int = 7) -> bytes:
    header = message_class("hadoop.common.RpcResponseHeaderProto")(callId=call_id, status="SUCCESS")
    content = message_class(ANSWER)()
    content.cluster_metrics.num_node_managers = nodes
    return frame(header, content)


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


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server() as server:
        yield server


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


def ask(server: Server, timeout: float = 5) -> Any:
    connection = RpcConnection(server.address, "protocol", Configuration({}, "test"))
    request = message_class("hadoop.yarn.GetClusterMetricsRequestProto")()
    try:
        return connection.call("getClusterMetrics", request, ANSWER, Deadline(timeout))
    finally:
        connection.close()


def test_answer(server: Server) -> None:
    server.reply, server.keep = answer, True
    assert ask(server).cluster_metrics.num_node_managers == 7


@given(content=st.binary(max_size=200), keep=st.booleans())
@hypothesis_settings(max_examples=60)
def test_random_bytes(server: Server, content: bytes, keep: bool) -> None:  # noqa: FBT001
    server.reply, server.keep = (lambda _: content), keep
    check_fails(server)


def check_fails(server: Server) -> None:
    begin = time.monotonic()
    with pytest.raises(ClusterError) as caught:
        ask(server, 0.2)
    assert isinstance(caught.value, (RpcError, HadoopError))
    assert str(caught.value)
    assert time.monotonic() - begin < 2


@given(data=st.data())
@hypothesis_settings(max_examples=60)
def test_damaged_answer(server: Server, data: st.DataObject) -> None:
    content = bytearray(answer(0))
    position = data.draw(st.integers(0, len(content) - 1))
    content[position] ^= data.draw(st.integers(1, 255))
    server.reply, server.keep = (lambda _: bytes(content)), data.draw(st.booleans())
    begin = time.monotonic()
    with contextlib.suppress(RpcError, HadoopError):
        assert isinstance(ask(server, 0.2), message_class(ANSWER))
    assert time.monotonic() - begin < 2


@pytest.mark.parametrize("keep", [True, False])
def test_every_truncation(server: Server, keep: bool) -> None:  # noqa: FBT001
    content = answer(0)
    for length in range(0, len(content), 1 if not keep else 9):
        server.reply, server.keep = (lambda _, n=length: content[:n]), keep  # type: ignore[misc]
        check_fails(server)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"HTTP/1.1 404 Not Found\r\n\r\n", "is this a port of Hadoop's?"),
        (b"\x7f\xff\xff\xff", "2147483647 bytes"),
        (b"\xff\xff\xff\xff", "-1 bytes"),
        (b"\0\0\0\0", "0 bytes"),
        (answer(5), "an answer to call 5 instead of 0"),
        (b"\0\0\0\6" + b"\xff" * 6, "length cannot be read"),
        (b"\0\0\0\1\x7f", "ends inside a message"),
        (frame(message_class("hadoop.yarn.GetClusterMetricsRequestProto")()), "RpcResponseHeader"),
    ],
)
def test_what_is_no_answer(server: Server, content: bytes, reason: str) -> None:
    server.reply, server.keep = (lambda _: content), True
    with pytest.raises(RpcError, match=reason):
        ask(server)


@given(st.binary())
def test_decoder(content: bytes) -> None:
    with contextlib.suppress(RpcError, HadoopError):
        read_answer(content, 0, ANSWER)


def test_length_is_limited(server: Server) -> None:
    server.reply, server.keep = answer, True
    with pytest.raises(RpcError, match="up to 5 are allowed"):
        resource_manager(server, **{"ipc.maximum.response.length": "5"}).cluster_metrics(5)


def test_text_that_is_none(server: Server) -> None:
    content = failure("java.lang.Exception", "a reason").replace(b"reason", b"\xffeason")
    server.reply, server.keep = (lambda _: content), True
    with pytest.raises(RpcError, match="RpcResponseHeaderProto"):
        ask(server)


YARN = "org.apache.hadoop.yarn.exceptions"


@pytest.mark.parametrize(
    ("class_name", "error"),
    [
        (f"{YARN}.ApplicationNotFoundException", NotFoundError),
        ("org.apache.hadoop.security.AccessControlException", AccessDeniedError),
        ("org.apache.hadoop.security.authorize.AuthorizationException", AccessDeniedError),
        ("java.lang.NullPointerException", HadoopError),
    ],
)
@pytest.mark.parametrize("status", ["ERROR", "FATAL"])
def test_remote_exceptions(
    server: Server, class_name: str, error: type[HadoopError], status: str
) -> None:
    text = f"{class_name}: it is so\n\tat Some.java:1"
    server.reply, server.keep = (lambda _: failure(class_name, text, status)), status == "ERROR"
    with pytest.raises(error, match=r"^it is so$") as caught:
        ask(server)
    assert caught.value.class_name == class_name


def test_server_that_wants_kerberos(server: Server) -> None:
    text = "SIMPLE authentication is not enabled.  Available:[TOKEN, KERBEROS]"
    name = "org.apache.hadoop.security.AccessControlException"
    server.reply, server.keep = (lambda _: failure(name, text, "FATAL")), False
    with pytest.raises(AuthenticationError, match="wants Kerberos") as caught:
        ask(server)
    assert len(str(caught.value).splitlines()) == 1


def test_server_that_says_nothing(server: Server) -> None:
    server.reply, server.keep = (lambda _: b""), True
    with pytest.raises(RpcTimeoutError, match="did not answer in time"):
        ask(server, 0.2)


def test_one_deadline_over_a_slow_answer() -> None:
    """Each byte comes in time, all of them do not."""
    going = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def drip() -> None:
            connection, _ = listener.accept()
            with contextlib.suppress(OSError), connection:
                connection.sendall(b"\0\0\0\x7f")
                while not going.wait(0.05):
                    connection.sendall(b"\0")

        thread = threading.Thread(target=drip)
        thread.start()
        connection = RpcConnection(listener.getsockname(), "protocol", Configuration({}, "test"))
        request = message_class("hadoop.yarn.GetClusterMetricsRequestProto")()
        begin = time.monotonic()
        with pytest.raises(RpcTimeoutError):
            connection.call("getClusterMetrics", request, ANSWER, Deadline(0.5))
        assert 0.5 <= time.monotonic() - begin < 1.5
        going.set()
        thread.join()


def test_connection_is_kept_and_renewed() -> None:
    with Server() as server:
        manager = resource_manager(server)
        for _ in range(2):
            assert manager.cluster_metrics(5).num_node_managers == 7
        assert server.connections == 1
        server.sockets[0].shutdown(socket.SHUT_RDWR)  # as a server does after ten idle seconds
        assert manager.cluster_metrics(5).num_node_managers == 7
        assert server.connections == 2
        manager.close()


def test_interrupted_call_leaves_no_answer_behind() -> None:
    """What is answered to the call that was given up is not taken for the next one's answer."""
    heard = threading.Event()
    resume = threading.Event()

    def reply(call_id: int) -> bytes:
        if not heard.is_set():
            heard.set()
            os.kill(os.getpid(), signal.SIGINT)
            resume.wait(10)
            return answer(call_id, nodes=1)
        return answer(call_id, nodes=2)

    with Server(reply) as server:
        manager = resource_manager(server)
        with pytest.raises(KeyboardInterrupt):
            manager.cluster_metrics(10)
        resume.set()
        assert manager.cluster_metrics(5).num_node_managers == 2
        manager.close()


def test_pair_with_one_in_standby() -> None:
    with Server(standby) as first, Server() as second:
        manager = resource_manager(first, second)
        for _ in range(3):
            assert manager.cluster_metrics(5).num_node_managers == 7
        assert first.connections == 1, "the active one is remembered"
        manager.close()


def test_failover() -> None:
    """The active one goes, the other is in standby for a while."""
    with Server() as first, Server(standby) as second:
        manager = resource_manager(first, second)
        assert manager.cluster_metrics(5).num_node_managers == 7
        first.__exit__()
        calls: list[int] = []

        def reply(call_id: int) -> bytes:
            calls.append(call_id)
            return answer(call_id, nodes=2) if len(calls) > 3 else standby(call_id)

        second.reply = reply
        assert manager.cluster_metrics(10).num_node_managers == 2
        manager.close()


def test_pair_with_one_that_hangs() -> None:
    with Server(lambda _: b"") as first, Server() as second:
        manager = resource_manager(first, second)
        assert manager.cluster_metrics(2).num_node_managers == 7
        manager.close()


def test_nobody_is_there() -> None:
    with Server() as server:
        manager = resource_manager(server)
    begin = time.monotonic()
    with pytest.raises(UnreachableError, match="refused"):
        manager.cluster_metrics(20)
    assert time.monotonic() - begin < 5, "who has never been there is not waited for"


def test_pair_that_may_be_changing_places() -> None:
    """One in standby does not listen: that both refuse does not tell that none will take over."""
    with Server() as first, Server() as second:
        manager = resource_manager(first, second)
    with pytest.raises(RpcTimeoutError, match=r"refused; .* refused.* \(tried for 1 s\)"):
        manager.cluster_metrics(1)


def test_both_in_standby() -> None:
    with Server(standby) as first, Server(standby) as second:
        manager = resource_manager(first, second)
        with pytest.raises(RpcTimeoutError, match=r"is in standby; .* \(tried for 1 s\)"):
            manager.cluster_metrics(1)
        manager.close()


def test_restart() -> None:
    """Who has been there is waited for."""
    with Server() as server:
        manager = resource_manager(server)
        assert manager.cluster_metrics(5).num_node_managers == 7
    opened = threading.Event()

    def come_back() -> None:
        opened.wait(0.5)
        listener = socket.create_server(server.address)
        server.listener = listener
        server._accept()

    threading.Thread(target=come_back, daemon=True).start()
    assert manager.cluster_metrics(10).num_node_managers == 7
    manager.close()
    server.__exit__()


@pytest.mark.parametrize("host", ["no.such.host.invalid", "x" * 100, "\udcff", "a..b"])
def test_no_such_host(host: str) -> None:
    configuration = Configuration({"yarn.resourcemanager.hostname": host}, "test")
    with pytest.raises(UnreachableError, match="there is no such host"):
        ResourceManager(configuration).cluster_metrics(20)


@pytest.mark.skipif(shutil.which("javac") is None, reason="needs a JDK, with its compiler")
def test_descriptors_are_those_of_the_locked_jars(user_shell: Shell) -> None:
    user_shell.run(sys.executable, REPOSITORY / "scripts/dump-descriptors", "--check").ok()
