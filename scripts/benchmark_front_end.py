"""Time what users of a Jupyter server wait for, with a kernel on YARN and a local one in turn.

Called by scripts/benchmark-front-end. Over REST and a websocket, as JupyterLab does it; the
agent and the driver of skein are warm, but for the first start, which is told apart. Medians.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.conftest import BIN, Shell
from tests.jupyter.front_ends.channels import Channels
from tests.jupyter.front_ends.servers import Server, runtime_directory, serve
from tests.support.kernels import Kernel
from yarnkernel.cli.output import Output, TransferBar
from yarnkernel.cluster.find import local_environment
from yarnkernel.local.cluster import start_cluster, stop_cluster
from yarnkernel.local.options import ClusterOptions

if TYPE_CHECKING:
    from collections.abc import Iterator

KERNELS = ("python3", "yarn")
#: Written in blocks, as programs do: a single message of 100 MiB is no kernel's business.
OUTPUT = "import sys\nfor _ in range({mebibytes} * 16): sys.stdout.write('x' * 65535 + '\\n')"
FLOOD = "100 MiB of output to a client of its own"
LOOP = "print('begin', flush=True)\nwhile True: pass"


def steps(server: Server, shell: Shell, kernel: str, *, flood: bool) -> Iterator[tuple[str, float]]:
    """Use a kernel from its start to its end; yield what was done and when."""
    yield "", time.monotonic()
    kernel_id = server.request("POST", "api/kernels", name=kernel)["id"]
    with Channels(server, kernel_id) as channels:
        channels.run("6 * 7")
        yield "POST /api/kernels to first reply", time.monotonic()
        channels.run("6 * 7")
        yield "a cell", time.monotonic()
        channels.run(OUTPUT.format(mebibytes=1))
        yield "1 MiB of output", time.monotonic()
        loop = channels.send(LOOP)
        channels.wait_for_output(loop, "begin")
        yield "", time.monotonic()
        server.request("POST", f"api/kernels/{kernel_id}/interrupt")
        channels.result(loop)
        yield "interrupt of a loop", time.monotonic()
        server.request("POST", f"api/kernels/{kernel_id}/restart")
        channels.run("6 * 7")
        yield "restart to first reply", time.monotonic()
    if flood:
        # Without a websocket; the server, which listens all the same, is busy with it for long.
        file = runtime_directory(shell) / f"kernel-{kernel_id}.json"
        with Kernel(json.loads(file.read_text())) as client:
            yield "", time.monotonic()
            client.run(OUTPUT.format(mebibytes=100), timeout=120)
            yield FLOOD, time.monotonic()
    # For a kernel on YARN this is over when the application is FINISHED.
    server.request("DELETE", f"api/kernels/{kernel_id}")
    yield "shutdown", time.monotonic()


def measure(server: Server, shell: Shell, kernel: str, *, flood: bool = False) -> dict[str, float]:
    """Return the seconds of each step."""
    seconds, before = {}, 0.0
    for what, now in steps(server, shell, kernel, flood=flood):
        if what:
            seconds[what] = now - before
        before = now
    return seconds


def main() -> None:
    """Run the rounds and print a table."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    with tempfile.TemporaryDirectory() as directory:
        os.environ["XDG_STATE_HOME"] = directory  # nobody's cluster but ours
        _run(rounds, Path(directory))


def _run(rounds: int, directory: Path) -> None:
    output = Output(quiet=False, as_json=False)
    with TransferBar(output, "fetching Hadoop's artefacts") as bar:
        state = start_cluster("benchmark", ClusterOptions(), report=output.progress, progress=bar)
    try:
        home = directory / "home"
        (notebooks := home / "notebooks").mkdir(parents=True)
        variables = {**local_environment(state).variables, "HOME": str(home)}
        variables["PATH"] = f"{BIN}{os.pathsep}{variables['PATH']}"
        shell = Shell(variables, home)
        shell.yarnkernel("kernelspec", "add", "--name", "yarn").ok()
        # More than the server lets through by default, for any kernel.
        options = ["--ZMQChannelsWebsocketConnection.limit_rate=False"]
        with serve(shell, notebooks, "server", *options) as server:
            first = {kernel: measure(server, shell, kernel, flood=True) for kernel in KERNELS}
            found: list[dict[str, dict[str, float]]] = []
            for number in range(rounds):
                found.append({kernel: measure(server, shell, kernel) for kernel in KERNELS})
                output.progress(f"round {number + 1}")
        left = shell.yarnkernel("list", "--json").ok().document
    finally:
        stop_cluster("benchmark", report=output.progress)
    print(f"{'seconds':<41} {'python3':>8} {'yarn':>8} {'ratio':>6}")
    for what in found[0]["yarn"]:
        local, yarn = (statistics.median(one[kernel][what] for one in found) for kernel in KERNELS)
        print(f"{what:<41} {local:8.3f} {yarn:8.3f} {yarn / local:6.1f}")
    what = "POST /api/kernels to first reply"
    print(f"{'the first of a server':<41} {first['python3'][what]:8.3f} {first['yarn'][what]:8.3f}")
    print(f"{FLOOD:<41} {first['python3'][FLOOD]:8.3f} {first['yarn'][FLOOD]:8.3f}")
    print(f"applications left: {len(left)}")


if __name__ == "__main__":
    main()
