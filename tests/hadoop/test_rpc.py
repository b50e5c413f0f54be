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
from tests.support.rpc_server import ANSWER, Server, answer, failure, resource_manager
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
from yarnkernel.hadoop.wire import frame, read_answer

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server() as server:
        yield server


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
        assert 0.5 <= time.monotonic() - begin < 5
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


def test_address_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host's other addresses are tried as well, as where a firewall swallows one kind."""
    with Server() as server, socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        waiting = [socket.socket() for _ in range(3)]
        for one in waiting:  # nobody accepts them
            one.settimeout(0)
            one.connect_ex(full.getsockname())
        targets = (full.getsockname(), server.address)
        found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", target) for target in targets]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: list(found))
        with contextlib.closing(resource_manager(server)) as manager:
            assert manager.cluster_metrics(6).num_node_managers == 7
        found.reverse()
        begin = time.monotonic()
        with contextlib.closing(resource_manager(server)) as manager:
            assert manager.cluster_metrics(6).num_node_managers == 7
        assert time.monotonic() - begin < 3
        for one in waiting:
            one.close()


@pytest.mark.parametrize("host", ["no.such.host.invalid", "x" * 100, "\udcff", "a..b"])
def test_no_such_host(host: str) -> None:
    configuration = Configuration({"yarn.resourcemanager.hostname": host}, "test")
    with pytest.raises(UnreachableError, match="there is no such host"):
        ResourceManager(configuration).cluster_metrics(20)


@pytest.mark.skipif(shutil.which("javac") is None, reason="needs a JDK, with its compiler")
def test_descriptors_are_those_of_the_locked_jars(user_shell: Shell) -> None:
    user_shell.run(sys.executable, REPOSITORY / "scripts/dump-descriptors", "--check").ok()


THREADS = """
import sys, threading
from yarnkernel.hadoop.messages import enum_name, message_class
sys.setswitchinterval(1e-6)
begin, found = threading.Barrier(8), []
def make():
    begin.wait()
    enum_name("hadoop.yarn.YarnApplicationStateProto", 1)
    found.append(message_class("hadoop.yarn.ApplicationIdProto"))
threads = [threading.Thread(target=make) for _ in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
message_class("hadoop.yarn.GetApplicationReportRequestProto")(application_id=found[0](id=1))
print(len(set(found)))
"""


def test_threads_that_begin_at_once(user_shell: Shell) -> None:
    """As in a server that is asked for many kernels: there is one class of each message."""
    assert user_shell.run(sys.executable, "-c", THREADS).ok().out == "1\n"
