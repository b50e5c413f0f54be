"""A kernel of ``yarnkernel start`` in a Jupyter server that has not started it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.conftest import Shell, wait_for
from tests.jupyter.front_ends.channels import Channels
from tests.jupyter.front_ends.servers import serve

if TYPE_CHECKING:
    from pathlib import Path

    from tests.jupyter.front_ends.conftest import RunningKernel


def test_external_kernel(
    jupyter: Shell, running_kernel: RunningKernel, notebooks: Path, tmp_path: Path
) -> None:
    options = [
        "--ServerApp.allow_external_kernels=True",
        f"--ServerApp.external_connection_dir={tmp_path}",
    ]
    app_id = running_kernel.app_id
    with serve(jupyter, notebooks, "server", *options) as server:
        jupyter.yarnkernel("connect", app_id, "-f", tmp_path / f"kernel-{app_id}.json").ok()
        (kernel,) = wait_for(server.kernels, 30, "the server shows the kernel")
        with Channels(server, kernel["id"]) as channels:
            assert channels.run("6 * 7") == "42"
    with running_kernel.client() as client:
        assert client.run("6 * 7") == "42"
