"""The launcher's relay, before a kernel on this machine that encrypts."""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any, cast

import pytest
import zmq
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.session import Session

from tests.conftest import wait_for
from tests.support.kernels import wait_until_ready
from tests.support.recorder import Recorder, needs_recorder
from tests.support.vs_code import connection_info
from yarnkernel.connection import PORT_NAMES
from yarnkernel.relay import Relay

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    file: Path = tmp_path_factory.mktemp("kernel") / "kernel.json"
    public, secret = zmq.curve_keypair()
    curve = {"curve_publickey": public.decode(), "curve_secretkey": secret.decode()}
    file.write_text(json.dumps({**connection_info(), **dict.fromkeys(PORT_NAMES, 0), **curve}))
    command = [sys.executable, "-m", "ipykernel_launcher", "-f", str(file)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield wait_for(lambda: with_ports(file), 30, "the kernel has its ports")
    finally:
        process.kill()
        process.wait(10)


def with_ports(file: Path) -> dict[str, Any] | None:
    with contextlib.suppress(ValueError):
        info: dict[str, Any] = json.loads(file.read_text())
        return info if all(info[name] for name in PORT_NAMES) else None
    return None


@contextlib.contextmanager
def relayed(kernel: dict[str, Any], **changes: Any) -> Iterator[dict[str, Any]]:
    """A relay in a thread of its own, for a front end with a key of its own."""
    front = connection_info(**changes)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def make() -> Relay:
        return Relay(front)

    relay = asyncio.run_coroutine_threadsafe(make(), loop).result(10)
    opening = asyncio.run_coroutine_threadsafe(relay.open(kernel), loop)
    try:
        yield front
        opening.result(10)
    finally:

        async def close() -> None:
            relay.close()
            await asyncio.sleep(0.05)

        asyncio.run_coroutine_threadsafe(close(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


@contextlib.contextmanager
def client_of(info: dict[str, Any]) -> Iterator[BlockingKernelClient]:
    client = BlockingKernelClient()
    client.load_connection_info(cast("Any", info))
    client.start_channels()
    try:
        yield client
    finally:
        client.stop_channels()


def output_of(client: BlockingKernelClient, request: str) -> str:
    """What a request has printed, and what was heard of it."""
    printed: str = ""
    while True:
        message = client.get_iopub_msg(timeout=20)
        if message["parent_header"].get("msg_id") == request:
            printed += str(message["content"].get("text", ""))
            if message["content"].get("execution_state") == "idle":
                return printed


def test_first_output_of_a_quick_client(kernel: dict[str, Any]) -> None:
    """It speaks as soon as it can connect, and misses nothing."""
    for number in range(10):
        with relayed(kernel) as front, client_of(front) as client:
            assert output_of(client, client.execute(f"print({number})")) == f"{number}\n"


def test_all_channels(kernel: dict[str, Any]) -> None:
    with relayed(kernel) as front, client_of(front) as client:
        wait_until_ready(client)
        request = client.execute("print(input('name? '))", allow_stdin=True)
        assert client.get_stdin_msg(timeout=20)["content"]["prompt"] == "name? "
        client.input("ada")
        assert output_of(client, request).endswith("ada\n")
        large = client.execute("display({'text/plain': 'x' * (20 << 20)}, raw=True)")
        output_of(client, large)
        assert client.hb_channel is not None
        wait_for(client.hb_channel.is_beating, 10, "the heart beats")


def test_others_sign_nothing(kernel: dict[str, Any]) -> None:
    """The relay signs anew what is signed with the front end's key, and nothing else."""
    with relayed(kernel) as front, client_of(front) as client:
        wait_until_ready(client)
        for key in (b"", b"another key", kernel["key"].encode()):
            session = Session(key=key)
            shell: zmq.Socket[bytes] = zmq.Context.instance().socket(zmq.DEALER)
            with shell:
                shell.linger = 0
                shell.connect(f"tcp://127.0.0.1:{front['shell_port']}")
                session.send(shell, "execute_request", {"code": "stolen = 1", "silent": False})
                assert not shell.poll(700)
        request = client.execute("print('stolen' in globals())")
        assert output_of(client, request) == "False\n"


def test_client_that_does_not_keep_up(kernel: dict[str, Any]) -> None:
    """It loses what it does not read, as with the kernel itself, and others lose nothing."""
    with relayed(kernel) as front, client_of(front) as client:
        wait_until_ready(client)
        slow: zmq.Socket[bytes] = zmq.Context.instance().socket(zmq.SUB)
        with slow:
            slow.linger, slow.rcvhwm = 0, 10
            slow.subscribe(b"")
            slow.connect(f"tcp://127.0.0.1:{front['iopub_port']}")
            code = "for _ in range(5000): display({'text/plain': 'x' * 4096}, raw=True)"
            output_of(client, client.execute(code))
            assert output_of(client, client.execute("print('heard')")) == "heard\n"


def test_message_that_is_cut_off(kernel: dict[str, Any]) -> None:
    with relayed(kernel) as front, client_of(front) as client:
        wait_until_ready(client)
        shell: zmq.Socket[bytes] = zmq.Context.instance().socket(zmq.DEALER)
        with shell:
            shell.linger = 0
            shell.connect(f"tcp://127.0.0.1:{front['shell_port']}")
            for frames in ([b"<IDS|MSG>"], [b""], [b"<IDS|MSG>", b"x", b"{}"]):
                shell.send_multipart(frames)
            time.sleep(0.3)
        assert output_of(client, client.execute("print('heard')")) == "heard\n"


@needs_recorder
def test_what_is_heard_between(kernel: dict[str, Any]) -> None:
    """Neither who listens to the wire nor who subscribes hears anything."""
    with relayed(kernel) as front, client_of(front) as client, Recorder() as recorder:
        wait_until_ready(client)
        subscriber: zmq.Socket[bytes] = zmq.Context.instance().socket(zmq.SUB)
        with subscriber:
            subscriber.linger = 0
            subscriber.subscribe(b"")
            subscriber.connect(f"tcp://127.0.0.1:{kernel['iopub_port']}")
            time.sleep(0.5)
            assert output_of(client, client.execute("print('correct horse')")) == "correct horse\n"
            assert not subscriber.poll(500)
        ports = {name: kernel[name] for name in PORT_NAMES}
    assert not recorder.hears("correct horse", ports.values())
    # Between the front end and its launcher, on the front end's machine.
    assert recorder.hears("correct horse", [front["iopub_port"]])
