"""Kernels when a node, or the gateway, goes and comes back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.conftest import wait_for
from tests.docker.compose import HOST
from tests.jupyter.front_ends.channels import Channels

if TYPE_CHECKING:
    from tests.docker.compose import Compose, Gateway

pytestmark = pytest.mark.timeout(900)


def test_node_stopped_under_a_kernel(gateway: Gateway, compose: Compose) -> None:
    """The reason is told, others go on, and a restart by hand is a kernel on the other node."""
    on = gateway.start_on_both_nodes()
    with Channels(gateway, on["node1"]) as lives, Channels(gateway, on["node2"]) as dies:
        assert lives.run("x = 6; x * 7") == "42"
        dies.send("import time; time.sleep(600)")
        compose.run("stop", "--timeout", "10", "node2")
        assert dies.wait_for_state("restarting", "dead")
        assert "Container released on a *lost* node" in gateway.said()
        assert lives.run("x") == "6"
    gateway.request("POST", f"api/kernels/{on['node2']}/restart")
    with Channels(gateway, on["node2"]) as channels:
        assert channels.run(HOST) == "'node1'"
    for kernel_id in on.values():
        gateway.end(kernel_id)
    compose.run("start", "node2")
    wait_for(lambda: compose.is_healthy("node2"), 60, "the node is there again")


def test_gateway_killed_and_stopped(gateway: Gateway, compose: Compose) -> None:
    """The next gateway finds kernels again; those of one that stops in good order end with it."""
    with Channels(gateway, gateway.start()) as channels:
        channels.run("x = 'of a gateway that is killed'")
    (killed,) = compose.applications()
    by_hand = compose.yarnkernel("start", "--quiet").split()[-1]
    compose.yarnkernel("connect", by_hand, "-f", f"kernels/kernel-{by_hand}.json")
    of_nobody = wait_for(lambda: [one for one in gateway.kernels() if one["name"] != "yarn"], 10,
                         "the gateway offers the kernel")  # fmt: skip
    with Channels(gateway, of_nobody[0]["id"]) as channels:
        channels.run("x = 'of nobody'")

    compose.engine.docker("kill", compose.container("gateway"))
    await_gateway(compose)
    wait_for(lambda: len(gateway.kernels()) == 2, 60, "both are found again")
    assert found(gateway) == {"'of a gateway that is killed'", "'of nobody'"}
    assert set(compose.applications()) == {killed, by_hand}

    for _ in range(2):
        gateway.start()
    assert len(compose.applications()) == 4
    compose.run("stop", "gateway")
    assert compose.state("gateway")["ExitCode"] == 0  # not killed, when its time was over
    await_gateway(compose)
    wait_for(lambda: len(gateway.kernels()) == 2, 60, "those of nobody live on")
    assert set(compose.applications()) == {killed, by_hand}

    compose.yarnkernel("stop", "--all")
    compose.exec("gateway", "find-kernels", "kernels")
    assert gateway.kernels() == []


def await_gateway(compose: Compose) -> None:
    compose.run("start", "gateway")
    wait_for(lambda: compose.is_healthy("gateway"), 60, "the gateway is there again")


def found(gateway: Gateway) -> set[str]:
    """What the kernels that the gateway has found remember."""
    remembered = set()
    for kernel in gateway.kernels():
        with Channels(gateway, kernel["id"]) as channels:
            remembered.add(channels.run("x"))
    return remembered
