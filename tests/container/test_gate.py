"""Who gets through to a kernel."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import time
from typing import TYPE_CHECKING, Any

import psutil
import zmq
from jupyter_client.session import Session

from tests.support.containers import one_of
from tests.support.kernels import RECIPE, Kernel, start_kernel, write_spec
from yarnkernel.connection import PORT_NAMES
from yarnkernel.container.gate import Gate

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import Shell

#: Another host, as far as a kernel can tell.
ELSEWHERE = "127.0.0.9"
WORDS = "correct horse"


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.closing(writer):
        while block := await reader.read(1 << 16):
            writer.write(block)
            await writer.drain()


async def say(port: int, words: bytes, source: str) -> bytes:
    """Send and receive; nothing comes back from a gate that is closed to us."""
    with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
        reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(source, 0))
        with contextlib.closing(writer):
            writer.write(words)
            return await asyncio.wait_for(reader.readexactly(len(words)), 10)
    return b""


def knock(address: tuple[str, int]) -> list[socket.socket]:
    """Connect from elsewhere, again and again, and say nothing."""
    connections = []
    for _ in range(300):
        with contextlib.suppress(ConnectionError):  # turned away at once
            connections.append(socket.create_connection(address, 5, (ELSEWHERE, 0)))
    return connections


def test_gate() -> None:
    async def run() -> None:
        server = await asyncio.start_server(echo, "127.0.0.1", 0)
        inner = server.sockets[0].getsockname()[:2]
        gate = Gate("127.0.0.1")
        gate.open({"shell_port": inner})
        port = gate.ports["shell_port"]
        long = os.urandom(5 << 20)
        assert await say(port, b"x", "127.0.0.1") == b""  # nobody is let in yet
        gate.admit("127.0.0.1")
        assert await say(port, long, "127.0.0.1") == long
        assert await say(port, b"x", ELSEWHERE) == b""
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.sleep(0.2)
        assert gate.connections == 1
        # Strangers cost nothing that stays.
        files = psutil.Process().num_fds()
        strangers = await asyncio.to_thread(knock, ("127.0.0.1", port))
        await asyncio.sleep(0.5)
        assert psutil.Process().num_fds() - files == len(strangers)  # their own ends
        for stranger in strangers:
            stranger.close()
        assert await say(port, b"still", "127.0.0.1") == b"still"
        gate.hold()
        assert await say(port, b"x", "127.0.0.1") == b""
        gate.go_on()
        assert await say(port, b"on", "127.0.0.1") == b"on"
        # A kernel that is restarted: clients are sent away, and come back to the same port.
        server.close()
        assert await say(port, b"x", "127.0.0.1") == b""
        writer.close()
        gate.close()
        await asyncio.sleep(0.2)  # connections end in the event loop

    asyncio.run(asyncio.wait_for(run(), 60))


def subscribe(info: dict[str, Any], source: str) -> zmq.Socket[bytes]:
    subscriber: zmq.Socket[bytes] = zmq.Context.instance().socket(zmq.SUB)
    subscriber.linger = 0
    subscriber.subscribe(b"")
    subscriber.connect(f"tcp://{source}:0;{info['ip']}:{info['iopub_port']}")
    return subscriber


def heard(subscriber: zmq.Socket[bytes]) -> bytes:
    """What a subscriber has heard within a second."""
    end, found = time.monotonic() + 1, b""
    while time.monotonic() < end:
        if subscriber.poll(100):
            found += b"".join(subscriber.recv_multipart())
    return found


def is_answered(info: dict[str, Any], source: str) -> bool:
    """Whether a kernel answers who knows its key, at an address of this machine."""
    session = Session(key=info["key"].encode(), signature_scheme=info["signature_scheme"])
    shell: zmq.Socket[bytes] = zmq.Context.instance().socket(zmq.DEALER)
    with shell:
        shell.linger = 0
        shell.sndtimeo = 2000
        shell.connect(f"tcp://{source}:0;{info['ip']}:{info['shell_port']}")
        with contextlib.suppress(zmq.Again):
            session.send(shell, "kernel_info_request", {})
            return bool(shell.poll(2000))
    return False


def test_other_hosts(shell: Shell, stop_later: Callable[[str], str], tmp_path: Path) -> None:
    """They neither hear nor say anything, and take nothing."""
    app_id, info = start_kernel(shell, write_spec(tmp_path, RECIPE))
    stop_later(app_id)
    kernel_process = one_of(app_id, "ipykernel_launcher")
    recipe_process = one_of(app_id, "yarnkernel.recipe")
    with Kernel(info) as kernel, contextlib.ExitStack() as stack:
        here = stack.enter_context(subscribe(info, "127.0.0.1"))
        elsewhere = stack.enter_context(subscribe(info, ELSEWHERE))
        assert is_answered(info, "127.0.0.1")
        time.sleep(0.5)
        assert kernel.run(f"print({WORDS!r})") == f"{WORDS}\n"
        assert WORDS.encode() in heard(here)
        assert heard(elsewhere) == b""
        assert not is_answered(info, ELSEWHERE)
        files = kernel_process.num_fds(), recipe_process.num_fds()
        for name in PORT_NAMES:
            for connection in knock((info["ip"], info[name])):
                stack.enter_context(connection)
        time.sleep(1)
        after = kernel_process.num_fds(), recipe_process.num_fds()
        assert after[0] - files[0] < 5
        assert after[1] - files[1] < 20
        assert kernel.run("6 * 7") == "42"
        log = shell.yarnkernel("logs", app_id).ok().out
        assert log.count(f"{ELSEWHERE} is not let in") == 1


def test_any_host(shell: Shell, stop_later: Callable[[str], str], tmp_path: Path) -> None:
    app_id, info = start_kernel(shell, write_spec(tmp_path, f"{RECIPE} --any-host"))
    stop_later(app_id)
    assert is_answered(info, ELSEWHERE)


def test_reader_of_the_key(stock: Shell, stop_later: Callable[[str], str], tmp_path: Path) -> None:
    """Stock skein's command proves where it runs, as ours do."""
    spec = write_spec(tmp_path, RECIPE)
    app_id = stop_later(stock.yarnkernel("submit", spec).ok().out)
    get = ("skein", "kv", "get", app_id, "--key", "ipython.kernel.info", "--wait")
    with Kernel(json.loads(stock.run(*get).ok().out)) as kernel:
        assert kernel.run("6 * 7") == "42"
