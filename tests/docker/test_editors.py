"""What editors do with the gateway: REST and websockets, as Hydrogen, VS Code and JupyterLab do."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest

from tests.conftest import REPOSITORY, Shell, wait_for
from tests.docker.compose import HOST, Compose, Gateway, write_token
from tests.docker.single import MOUNTED, run_gateway
from tests.jupyter.front_ends.channels import Channels
from tests.jupyter.front_ends.servers import Client, serve

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.timeout(900)


@pytest.fixture
def other(gateway: Gateway) -> Iterator[Client]:
    """Another program of the same user."""
    client = Client(gateway.url, gateway.token)
    yield client
    client.close()


def test_kernels_on_both_nodes(gateway: Gateway, compose: Compose) -> None:
    """As Hydrogen: a kernel by REST, code by a websocket, interrupt, restart, shut down."""
    for node, kernel_id in gateway.start_on_both_nodes().items():
        with Channels(gateway, kernel_id) as channels:
            loop = channels.send("x = 6; print('begin', flush=True)\nwhile True: pass")
            channels.wait_for_output(loop, "begin")
            gateway.request("POST", f"api/kernels/{kernel_id}/interrupt")
            assert channels.result(loop) == "KeyboardInterrupt"
            assert channels.run("x * 7") == "42"
            gateway.request("POST", f"api/kernels/{kernel_id}/restart")
        with Channels(gateway, kernel_id) as channels:
            assert channels.run("x") == "NameError"
            assert channels.run(HOST) == f"'{node}'"
        gateway.end(kernel_id)
    wait_for(lambda: compose.applications() == [], 30, "their applications have ended")


def test_session_new_and_existing(gateway: Gateway, other: Client) -> None:
    """As VS Code with an existing server: one starts a session, another one joins it."""
    assert other.request("GET", "api/kernelspecs")["default"] == "yarn"
    body = {"name": "a.py", "path": "a.py", "type": "file", "kernel": {"name": "yarn"}}
    session = gateway.request("POST", "api/sessions", **body)
    with Channels(gateway, session["kernel"]["id"]) as channels:
        assert channels.run("x = 6; x * 7") == "42"
    (existing,) = other.request("GET", "api/sessions")
    assert existing["kernel"]["id"] == session["kernel"]["id"]
    with Channels(other, existing["kernel"]["id"]) as channels:
        assert channels.run("x") == "6"
    # Shut down by another program than the one that has started it.
    other.request("DELETE", f"api/sessions/{session['id']}")
    wait_for(lambda: gateway.kernels() == [], 30, "the kernel has ended")


def test_disconnect(gateway: Gateway) -> None:
    """Who loses the connection finds the kernel, and what it has said meanwhile."""
    kernel_id = gateway.start()
    with Channels(gateway, kernel_id) as before:
        cell = before.send("import time; print('begin', flush=True); time.sleep(2); 6 * 7")
        before.wait_for_output(cell, "begin")
    with Channels(gateway, kernel_id, session=before.session) as after:
        assert after.result(cell) == "42"
    gateway.end(kernel_id)


def test_end_by_yarnkernel(gateway: Gateway, compose: Compose) -> None:
    """What is stopped on the cluster is gone for the editor, too."""
    kernel_id = gateway.start()
    (app_id,) = compose.applications()
    with Channels(gateway, kernel_id) as channels:
        compose.yarnkernel("stop", app_id)
        assert channels.wait_for_state("dead") == "dead"
    assert kernel_id not in {kernel["id"] for kernel in gateway.kernels()}


def test_gateway_url(gateway: Gateway, user_shell: Shell, tmp_path: Path) -> None:
    """JupyterLab on the user's machine, whose kernels are all the gateway's."""
    (notebooks := tmp_path / "notebooks").mkdir()
    options = [
        f"--gateway-url={gateway.url}",
        f"--GatewayClient.auth_token={gateway.token}",
        "--GatewayClient.request_timeout=300",
    ]
    with serve(user_shell, notebooks, "lab", *options) as lab:
        kernel_id = lab.request("POST", "api/kernels", name="yarn")["id"]
        assert [kernel["id"] for kernel in gateway.kernels()] == [kernel_id]
        with Channels(lab, kernel_id) as channels:
            assert channels.run("6 * 7") == "42"
        lab.request("DELETE", f"api/kernels/{kernel_id}")
    wait_for(lambda: gateway.kernels() == [], 30, "the gateway has no kernel")


def test_page(gateway: Gateway) -> None:
    """JupyterLab is at the gateway's own address for who wants it."""
    assert "JupyterLab" in gateway.ask("GET", "lab").text


def test_culling(compose: Compose, tmp_path: Path) -> None:
    """A kernel that nobody uses is ended by the gateway, here one with options of its own."""
    token = uuid.uuid4().hex
    with run_gateway(
        compose.engine,
        token,
        "--env", f"JUPYTER_TOKEN_FILE={MOUNTED}", "--network", f"{compose.project}_cluster",
        "--volume", f"{write_token(tmp_path / 'token', token)}:{MOUNTED}:ro",
        "--volume", f"{REPOSITORY}/docker/hadoop/conf:/etc/hadoop:ro",
        options=["--MappingKernelManager.cull_idle_timeout=1",
                 "--MappingKernelManager.cull_interval=1"],
    ) as gateway:  # fmt: skip
        gateway.request("POST", "api/kernels", name="yarn")
        wait_for(lambda: gateway.kernels() == [], 30, "the kernel is culled")
        wait_for(lambda: compose.applications() == [], 30, "and its application has ended")
