"""Time starts of kernels: our specifications and skein's own recipe, in turn on one cluster.

Called by scripts/benchmark-start. Each round submits each specification through the same warm
driver and measures, in seconds from the call of submit: the application RUNNING, the key there,
the first reply of the kernel; and from the request to shut down to the final state.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from jupyter_client.blocking.client import BlockingKernelClient

from yarnkernel.cli.output import Output, TransferBar
from yarnkernel.cluster_env import local_environment
from yarnkernel.deadline import Deadline
from yarnkernel.kernel import YarnKernel
from yarnkernel.local.cluster import start_cluster, stop_cluster
from yarnkernel.local.options import ClusterOptions
from yarnkernel.skein_way import SkeinWay
from yarnkernel.spec import load_spec
from yarnkernel.yarn_client import YarnClient

if TYPE_CHECKING:
    from yarnkernel.connection import ConnectionInfo

SPECS = Path(__file__).resolve().parent.parent / "specs"
#: skein's documentation runs its recipe as a service; the second is the same in master.script.
STOCK_COMMAND = "exec python -m skein.recipes.ipython_kernel --ip=127.0.0.1"
STOCK_SERVICE = f"""\
name: stock
master: {{resources: {{memory: 512 MiB, vcores: 1}}}}
services:
  ipython:
    resources: {{memory: 1 GiB, vcores: 1}}
    script: {STOCK_COMMAND}
"""
STOCK_MASTER = f"""\
name: stock
master:
  resources: {{memory: 1324 MiB, vcores: 1}}
  script: {STOCK_COMMAND}
"""
PHASES = ("running", "key", "first reply", "end")


def first_reply(info: ConnectionInfo) -> BlockingKernelClient:
    """Connect and wait for the reply to a first cell."""
    client = BlockingKernelClient()
    client.load_connection_info(cast("Any", info))
    client.start_channels()
    client.wait_for_ready(timeout=30)
    client.execute_interactive("6 * 7", output_hook=lambda _: None, timeout=30)
    return client


def measure(way: SkeinWay, path: Path) -> dict[str, float]:
    """Run one kernel from its submission to its end."""
    begin = time.monotonic()
    kernel = YarnKernel(way.submit(load_spec(path), Deadline(60)), way.client)
    submitted = time.monotonic() - begin
    try:
        info = kernel.wait(Deadline(60))
        key = time.monotonic() - begin
        client = first_reply(info)
        reply = time.monotonic() - begin
        asked = time.monotonic()
        client.shutdown(reply=True, timeout=30)
        client.stop_channels()
        status = kernel.await_end(30)
    except BaseException:
        way.client.kill(kernel.app_id)
        raise
    assert status.final_status == "SUCCEEDED", status  # noqa: S101
    running = submitted + kernel.phases["RUNNING"]
    return dict(zip(PHASES, (running, key, reply, time.monotonic() - asked), strict=True))


def main() -> None:
    """Measure and print medians, and ratios to skein's own recipe in the same layout."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    output = Output(quiet=False, as_json=False)
    name = f"benchmark-{os.getpid()}"
    results: dict[str, list[dict[str, float]]] = {}
    with tempfile.TemporaryDirectory() as directory, TransferBar(output) as bar:
        stock_service, stock_master = (Path(directory) / n for n in ("service.yaml", "master.yaml"))
        stock_service.write_text(STOCK_SERVICE)
        stock_master.write_text(STOCK_MASTER)
        specs = {
            "stock recipe, service": stock_service,
            "ipython-service.yaml": SPECS / "ipython-service.yaml",
            "stock recipe, master": stock_master,
            "ipython.yaml": SPECS / "ipython.yaml",
        }
        try:
            state = start_cluster(name, ClusterOptions(), report=output.progress, progress=bar)
            with YarnClient(local_environment(state)) as client, SkeinWay(client) as way:
                way.connect()
                for number in range(rounds + 1):
                    output.progress(f"round {number} of {rounds}" if number else "warm-up")
                    for kind, path in specs.items():
                        result = measure(way, path)
                        if number:
                            results.setdefault(kind, []).append(result)
        finally:
            stop_cluster(name, report=output.progress)
    print(f"{f'median of {rounds} rounds':<44}" + "".join(f"{phase:>13}" for phase in PHASES))
    medians = {
        kind: {phase: statistics.median(r[phase] for r in rs) for phase in PHASES}
        for kind, rs in results.items()
    }
    for kind, median in medians.items():
        print(f"{kind:<44}" + "".join(f"{median[phase]:>11.2f} s" for phase in PHASES))
    for stock, ours in (
        ("stock recipe, service", "ipython-service.yaml"),
        ("stock recipe, master", "ipython.yaml"),
        ("stock recipe, service", "ipython.yaml"),
    ):
        ratios = "".join(f"{medians[ours][p] / medians[stock][p]:>13.2f}" for p in PHASES)
        print(f"{f'{ours} / {stock}':<44}{ratios}")


if __name__ == "__main__":
    main()
