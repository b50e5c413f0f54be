"""The command demo: a kernel from start to end on its own cluster, with timings."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Any, cast

from yarnkernel.cli.arguments import Commands, add_command
from yarnkernel.cli.output import TransferBar
from yarnkernel.deadline import START_TIMEOUT, Deadline
from yarnkernel.errors import KernelStartError
from yarnkernel.interrupts import uninterrupted

if TYPE_CHECKING:
    import argparse

    from yarnkernel.cli.output import Output
    from yarnkernel.connection import ConnectionInfo
    from yarnkernel.local.state import ClusterState

CODE = """\
import os, platform
print(f"hello from {os.environ['CONTAINER_ID']}, Python {platform.python_version()}")
6 * 7"""
#: Seconds for the kernel to answer and to run the cell.
REPLY_TIMEOUT = 30.0


def add_commands(commands: Commands) -> None:
    """Add the commands of this module."""
    add_command(
        commands,
        "demo",
        _demo,
        "start a local cluster, run a cell in a kernel on it, show the output, clean up",
    )


def _run_cell(info: ConnectionInfo) -> list[str]:
    """Run the demo's cell and return its output as lines."""
    from jupyter_client.blocking.client import BlockingKernelClient  # noqa: PLC0415  (slow to import)

    shown: list[str] = []

    def show(message: dict[str, Any]) -> None:
        content = message["content"]
        if message["msg_type"] == "stream":
            shown.extend(f"      {line}" for line in content["text"].splitlines())
        elif message["msg_type"] == "execute_result":
            shown.append(f"Out:  {content['data']['text/plain']}")

    client = BlockingKernelClient()
    client.load_connection_info(cast("Any", info))
    client.start_channels()
    try:
        client.wait_for_ready(timeout=REPLY_TIMEOUT)
        client.execute_interactive(CODE, output_hook=show, timeout=REPLY_TIMEOUT)
        client.shutdown(reply=True, timeout=REPLY_TIMEOUT)
    finally:
        client.stop_channels()
    return shown


def _demo(_: argparse.Namespace, output: Output) -> None:
    from yarnkernel.local.cluster import start_cluster, stop_cluster  # noqa: PLC0415
    from yarnkernel.local.options import ClusterOptions  # noqa: PLC0415
    from yarnkernel.local.state import cluster_directory  # noqa: PLC0415

    name = f"demo-{os.getpid()}"
    phases: dict[str, float] = {}
    with TransferBar(output) as bar:
        output.progress("1. a real YARN on this machine: yarnkernel cluster start")
        try:
            state = start_cluster(name, ClusterOptions(), report=output.progress, progress=bar)
            phases["cluster started"] = output.elapsed
            shown = _run_kernel(state, phases, output)
        finally:
            output.progress("4. clean up: yarnkernel cluster stop")
            with uninterrupted():
                stop_cluster(name, report=output.progress)
                # The name contains our process id, so nobody else waits for its lock.
                cluster_directory(name).with_suffix(".lock").unlink(missing_ok=True)
    phases["cluster stopped"] = output.elapsed
    lines = [f"In:   {CODE.splitlines()[0]}", *(f"      {c}" for c in CODE.splitlines()[1:])]
    lines += [*shown, "", "phase                        at       took"]
    before = 0.0
    for phase, at in phases.items():
        lines.append(f"{phase:<24} {at:6.2f} s  {at - before:6.2f} s")
        before = at
    output.result(
        "\n".join(lines),
        {
            "output": shown,
            "seconds": {phase.replace(" ", "_"): at for phase, at in phases.items()},
        },
    )


def _run_kernel(state: ClusterState, phases: dict[str, float], output: Output) -> list[str]:
    """Submit, connect, run a cell, and wait for the application's end."""
    from yarnkernel.cluster.find import local_environment  # noqa: PLC0415
    from yarnkernel.kernels.options import LaunchOptions  # noqa: PLC0415
    from yarnkernel.kernels.places import open_cluster  # noqa: PLC0415

    output.progress("2. a kernel in a container of it: yarnkernel start specs/ipython.yaml")
    with contextlib.closing(open_cluster(local_environment(state))) as place:
        begin = output.elapsed
        deadline = Deadline(START_TIMEOUT)
        with place.start(LaunchOptions(), deadline, report=output.report) as (kernel, info):
            phases["application running"] = begin + kernel.phases["RUNNING"]
            phases["kernel published"] = output.elapsed
            output.progress(f"3. a cell in the kernel on {info['ip']}")
            shown = _run_cell(info)
            phases["cell executed"] = output.elapsed
            status = kernel.await_end(REPLY_TIMEOUT)
        phases["application ended"] = output.elapsed
        output.progress(f"{kernel.id} {status.outcome}")
        if not status.succeeded:
            raise KernelStartError(
                f"{kernel.id} ended as {status.outcome}",
                app_id=kernel.id,
                state=status.state,
                diagnostics=status.diagnostics,
            )
    return shown
