"""The main road: a kernel in a container, connected from here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest
from jupyter_client.blocking.client import BlockingKernelClient

from tests.conftest import BIN, REPOSITORY, Shell, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable

SPECS = ("ipython.yaml", "ipython-service.yaml")


class Kernel:
    """A client of a kernel, as any other front end."""

    def __init__(self, info: dict[str, Any]) -> None:
        self.client = BlockingKernelClient()
        self.client.load_connection_info(cast("Any", info))
        self.client.start_channels()
        self.client.wait_for_ready(timeout=20)

    def run(self, code: str) -> str:
        shown = []

        def show(message: dict[str, Any]) -> None:
            content = message["content"]
            shown.append(content.get("text") or content.get("data", {}).get("text/plain", ""))

        self.client.execute_interactive(code, output_hook=show, timeout=20)
        return "".join(shown)

    def close(self, *, shutdown: bool = False) -> None:
        if shutdown:
            self.client.shutdown()
        self.client.stop_channels()


def final_status(shell: Shell, app_id: str) -> str:
    def ended() -> str | None:
        status = shell.yarnkernel("status", app_id, "--json").ok().document
        return status["final_status"] if status["state"] == "FINISHED" else None

    return str(wait_for(ended, 30, f"{app_id} FINISHED"))


@pytest.mark.parametrize("spec", SPECS)
def test_stock_skein_submits_and_we_connect(
    shell: Shell, spec: str, stop_later: Callable[[str], str]
) -> None:
    environment = shell.yarnkernel("cluster", "env", "--json").ok().document
    stock = shell.using(**environment)
    app_id = stop_later(
        stock.run(BIN / "skein", "application", "submit", REPOSITORY / "specs" / spec).ok().out
    )
    info = shell.yarnkernel("connect", app_id).ok().document
    key = "ipython.kernel.info"
    value = stock.run(BIN / "skein", "kv", "get", app_id, "--key", key, "--wait").ok().document
    assert value == info
    kernel = Kernel(info)
    assert "42" in kernel.run("print(6 * 7)")
    kernel.close(shutdown=True)
    assert final_status(shell, app_id) == "SUCCEEDED"
