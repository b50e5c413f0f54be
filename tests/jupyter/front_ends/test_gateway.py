"""A Jupyter server as a kernel gateway: for another server, and for editors like Hydrogen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.conftest import Shell, wait_for
from tests.jupyter.front_ends.channels import Channels
from tests.jupyter.front_ends.servers import Server, serve

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def gateway(jupyter: Shell, notebooks: Path) -> Iterator[Server]:
    with serve(jupyter, notebooks, "server") as server:
        yield server


@pytest.fixture(scope="module")
def front(jupyter: Shell, notebooks: Path, gateway: Server) -> Iterator[Server]:
    """A server on the user's machine, all of whose kernels are the gateway's."""
    options = [
        f"--gateway-url={gateway.url}",
        f"--GatewayClient.auth_token={gateway.token}",
        "--GatewayClient.request_timeout=300",
    ]
    with serve(jupyter, notebooks, "server", *options) as server:
        yield server


@pytest.mark.parametrize("name", ["gateway", "front"])
def test_kernel(
    gateway: Server, request: pytest.FixtureRequest, kernel_name: str, name: str
) -> None:
    """Start, execute, interrupt, restart and end a kernel over REST and a websocket."""
    server: Server = request.getfixturevalue(name)
    assert kernel_name in server.request("GET", "api/kernelspecs")["kernelspecs"]
    kernel_id = server.request("POST", "api/kernels", name=kernel_name)["id"]
    assert [kernel["id"] for kernel in gateway.kernels()] == [kernel_id]
    with Channels(server, kernel_id) as channels:
        assert channels.run("x = 6; x * 7") == "42"
        loop = channels.send("print('begin', flush=True)\nwhile True: pass")
        channels.wait_for_output(loop, "begin")
        server.request("POST", f"api/kernels/{kernel_id}/interrupt")
        assert channels.result(loop) == "KeyboardInterrupt"
        server.request("POST", f"api/kernels/{kernel_id}/restart")
    # JupyterLab and Hydrogen open the websocket anew after a restart, too.
    with Channels(server, kernel_id) as channels:
        assert channels.run("x") == "NameError"
    server.request("DELETE", f"api/kernels/{kernel_id}")
    wait_for(lambda: gateway.kernels() == [], 30, "the gateway has no kernel")
