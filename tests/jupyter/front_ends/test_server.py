"""A Jupyter server under stress: many starts, ends in their midst, full queues, signals."""

from __future__ import annotations

import concurrent.futures
import contextlib
import signal
import socket
import time
from typing import TYPE_CHECKING
from urllib.parse import urlparse

import psutil
import pytest

from tests.conftest import Shell, wait_for
from tests.jupyter.front_ends.channels import Channels
from tests.jupyter.front_ends.servers import Server, serve

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: Kernels that are started at once.
MANY = 8


@pytest.fixture(scope="module")
def small(private_shell: Shell) -> str:
    """A kernelspec of which many kernels find room; their server starts a driver of its own."""
    private_shell.yarnkernel("kernelspec", "add", "--name", "small", "--memory", "200 MiB").ok()
    return "small"


@pytest.fixture(scope="module")
def unusable(private_shell: Shell) -> str:
    """A kernelspec that no kernel can be started by."""
    private_shell.yarnkernel("kernelspec", "add", "--name", "lost", "--queue", "nowhere").ok()
    return "lost"


@pytest.fixture(scope="module")
def server(private_shell: Shell, small: str, notebooks: Path) -> Iterator[Server]:
    assert small
    with serve(private_shell, notebooks, "server") as server:
        yield server


def applications(shell: Shell) -> set[str]:
    """Ids of the applications that have not ended."""
    return {one["id"] for one in shell.yarnkernel("list", "--json").ok().document}


def post(server: Server, name: str) -> str:
    """Start a kernel; requests of one session cannot be made at once."""
    with contextlib.closing(server.another()) as another:
        return str(another.request("POST", "api/kernels", name=name)["id"])


def test_many_at_once(private_shell: Shell, server: Server, small: str, via: str) -> None:
    before = applications(private_shell)
    slowest = 0.0
    with concurrent.futures.ThreadPoolExecutor(MANY) as pool:
        posts = [pool.submit(post, server, small) for _ in range(MANY)]
        while not all(one.done() for one in posts):
            begin = time.monotonic()
            # Not api/status, which fails while a kernel is there and its "last_activity" not yet
            # (jupyter_server 2.21, kernel_model).
            server.request("GET", "api")
            slowest = max(slowest, time.monotonic() - begin)
            concurrent.futures.wait(posts, timeout=0.1)
    kernels = [one.result() for one in posts]
    assert slowest < 8, "a start of one holds up nobody else"
    assert len(applications(private_shell) - before) == MANY
    assert len(drivers(server)) == (via == "skein")
    for number, kernel_id in enumerate(kernels):
        with Channels(server, kernel_id) as channels:
            assert channels.run(f"{number} + 40") == str(number + 40)
    with concurrent.futures.ThreadPoolExecutor(MANY) as pool:
        list(pool.map(lambda kernel_id: delete(server, kernel_id), kernels))
    assert applications(private_shell) == before


def delete(server: Server, kernel_id: str) -> None:
    with contextlib.closing(server.another()) as another:
        another.request("DELETE", f"api/kernels/{kernel_id}")


def drivers(server: Server) -> list[psutil.Process]:
    """The JVMs that submit for a server."""
    return [
        one
        for one in server.process.children(recursive=True)
        if "com.anaconda.skein.Driver" in one.cmdline()
    ]


def test_websocket_outlives_restarts(server: Server, small: str) -> None:
    kernel_id = post(server, small)
    with Channels(server, kernel_id) as channels:
        channels.run("x = 1")
        server.request("POST", f"api/kernels/{kernel_id}/restart")
        assert channels.run("x") == "NameError"
        channels.send("import os; os._exit(1)")
        again = "was restarted in place"
        wait_for(lambda: server.log.read_text().count(again) == 2, 20, "it is there again")
        assert channels.run("6 * 7") == "42"
    delete(server, kernel_id)


def test_kernel_that_is_stopped(private_shell: Shell, server: Server, small: str) -> None:
    """Nobody promises a restart, and the server has forgotten it."""
    before = applications(private_shell)
    kernel_id = post(server, small)
    (app_id,) = applications(private_shell) - before
    with Channels(server, kernel_id) as channels:
        channels.run("x = 1")
        private_shell.yarnkernel("stop", app_id).ok()
        assert channels.wait_for_state("restarting", "dead") == "dead"
    wait_for(lambda: not server.kernels(), 20, "no kernel")
    assert applications(private_shell) == before


def test_tab_that_is_closed(private_shell: Shell, server: Server, small: str) -> None:
    """Who asked for the kernel is gone when it is there: it is the server's, and can be ended."""
    url = urlparse(server.url)
    body = f'{{"name": "{small}"}}'
    request = (
        f"POST {url.path}api/kernels HTTP/1.1\r\nHost: {url.netloc}\r\n"
        f"Authorization: token {server.token}\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    )
    before = applications(private_shell)
    with socket.create_connection((str(url.hostname), url.port or 80), timeout=10) as client:
        client.sendall(request.encode())
        wait_for(lambda: applications(private_shell) > before, 30, "it is submitted")
    (kernel,) = wait_for(server.kernels, 30, "the kernel is there")
    delete(server, kernel["id"])
    assert applications(private_shell) == before


def ends_in(server: Server, number: int) -> float:
    begin = time.monotonic()
    server.process.send_signal(number)
    server.process.wait(60)
    return time.monotonic() - begin


def test_signals(private_shell: Shell, small: str, unusable: str, tmp_path: Path) -> None:
    """After SIGTERM nothing is left; after SIGKILL the kernel is found again.

    A start that has failed does not keep the server.
    """
    before = applications(private_shell)
    (directory := tmp_path / "notebooks").mkdir()
    with serve(private_shell, directory, "server") as server:
        for path, body in (
            ("api/kernels", {"name": unusable}),
            (
                "api/sessions",
                {"path": "a.ipynb", "type": "notebook", "name": "", "kernel": {"name": unusable}},
            ),
        ):
            message = server.error("POST", path, **body)
            assert "there is no queue 'nowhere'; queues of this cluster: default" in message
        for _ in range(2):
            post(server, small)
        assert ends_in(server, signal.SIGTERM) < 20
        assert "there is no queue 'nowhere'" in server.log.read_text()
    assert applications(private_shell) == before
    with serve(private_shell, directory, "server") as server:
        post(server, small)
        (app_id,) = applications(private_shell) - before
        agents = [
            one for one in server.process.children() if "yarnkernel.jupyter.agent" in one.cmdline()
        ]
        ends_in(server, signal.SIGKILL)
        psutil.wait_procs(agents, timeout=60)
    assert applications(private_shell) == {*before, app_id}
    external = tmp_path / "external"
    external.mkdir()
    private_shell.yarnkernel("connect", app_id, "-f", external / "kernel-again.json").ok()
    options = ["--ServerApp.allow_external_kernels=True"]
    options.append(f"--ServerApp.external_connection_dir={external}")
    with serve(private_shell, directory, "server", *options) as server:
        (kernel,) = wait_for(server.kernels, 30, "the kernel is found again")
        with Channels(server, kernel["id"]) as channels:
            assert channels.run("6 * 7") == "42"
    private_shell.yarnkernel("stop", app_id).ok()


def test_ends_and_restarts_of_what_is_starting(
    private_shell: Shell, small: str, tmp_path: Path
) -> None:
    """With pending kernels, front ends can say something about a kernel that is not there yet."""
    before = applications(private_shell)
    (directory := tmp_path / "notebooks").mkdir()
    pending = "--AsyncMappingKernelManager.use_pending_kernels=True"
    with serve(private_shell, directory, "server", pending) as server:
        first, second = post(server, small), post(server, small)
        # As with a local kernel; it goes on starting.
        message = server.error("POST", f"api/kernels/{second}/restart")
        assert message == "Exception restarting kernel"
        delete(server, first)
        wait_for(lambda: [one["id"] for one in server.kernels()] == [second], 30, "one is left")
        wait_for(lambda: len(applications(private_shell) - before) == 1, 30, "one is left")
        with Channels(server, second) as channels:
            assert channels.run("6 * 7") == "42"
        third = post(server, small)
        assert third
    wait_for(lambda: applications(private_shell) == before, 30, "none is left")


def test_queue_that_is_full(private_shell: Shell, server: Server, small: str) -> None:
    """A start waits for room, and gets it."""
    cluster = private_shell.yarnkernel("cluster", "status", "--json").ok().document[0]
    room = (cluster["memory"]["total"] - cluster["memory"]["used"]) >> 20
    filler = private_shell.yarnkernel("start", "--memory", f"{room - 600} MiB").ok().out.strip()
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(post, server, small)
        wait_for(lambda: "ACCEPTED" in server.log.read_text(), 30, "it waits")
        server.request("GET", "api/status")
        assert not waiting.done()
        private_shell.yarnkernel("stop", filler).ok()
        kernel_id = waiting.result(60)
    with Channels(server, kernel_id) as channels:
        assert channels.run("6 * 7") == "42"
    delete(server, kernel_id)
