"""Measure kernels on YARN beside skein's own recipe and beside local kernels.

Called by scripts/bench. All that is compared is measured in turn, in each round, on one local
cluster of its own; figures are medians. docs/benchmarks.rst tells what the rows mean.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import signal
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from scripts.bench_commands import (
    TIMEOUT,
    Command,
    container_memory,
    first_reply,
    round_trip,
    runtime_directory,
    shut_down,
)
from yarnkernel.cli.output import Output, TransferBar
from yarnkernel.cluster.find import local_environment
from yarnkernel.deadline import Deadline
from yarnkernel.kernels.options import DIRECT, SKEIN
from yarnkernel.local.cluster import start_cluster, stop_cluster
from yarnkernel.local.options import ClusterOptions
from yarnkernel.progress import ignore
from yarnkernel.yarn.client import YarnClient
from yarnkernel.yarn.kernel import YarnKernel
from yarnkernel.yarn.skein_driver import SharedDriver
from yarnkernel.yarn.spec import load_spec
from yarnkernel.yarn.way import choose_way

if TYPE_CHECKING:
    from yarnkernel.yarn.way import Way

BIN = Path(sys.executable).parent
OURS = Path(__file__).resolve().parent.parent / "specs" / "ipython.yaml"
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
#: Each with what does the same without yarnkernel.
COMMANDS: tuple[tuple[str, str], ...] = (
    ("yarnkernel list", "skein application ls"),
    ("yarnkernel status APP", "skein application status APP"),
    ("yarnkernel connect APP", ""),
    ("yarnkernel logs APP", "yarn logs -applicationId APP"),
    ("yarnkernel interrupt APP", ""),
    ("yarnkernel restart APP", ""),
    ("yarnkernel stop APP", ""),
)
SERVICE, MASTER, LOCAL, KERNEL = "stock service", "stock master", "local", "yarnkernel"
REPLY, END = "submit to first reply", "shutdown to FINISHED"
FILE, COMMAND_REPLY = "command to connection file", "command to first reply"
TRIP = "answer of a kernel that runs"
RSS, PSS = "RSS of the containers", "PSS of the containers"


@dataclass(frozen=True)
class Row:
    """A line of the table: what was measured, ours beside what it is compared with.

    Attributes
    ----------
    what : str
        The measure.
    against : str
        What it is compared with, or empty.
    most : float
        The target: the largest ratio, or without a comparison the largest figure.
    """

    what: str
    against: str
    most: float = float("inf")


ROWS = (
    Row(REPLY, SERVICE, 0.25),
    Row(REPLY, MASTER),
    Row(FILE, SERVICE, 0.12),
    Row(COMMAND_REPLY, SERVICE),
    Row(COMMAND_REPLY, LOCAL, 3),
    Row(TRIP, LOCAL),
    Row(RSS, SERVICE, 0.5),
    Row(RSS, MASTER),
    Row(PSS, SERVICE),
    Row(END, "", 0.3),
    Row("yarnkernel list", "", 0.35),
    Row("yarnkernel status APP", "", 0.35),
    Row("yarnkernel connect APP", "", 0.35),
    *(Row(ours, other) for ours, other in COMMANDS if other),
    *(Row(ours, "") for ours, _ in COMMANDS[4:]),
)


class Bench:
    """All measurements on one cluster.

    Parameters
    ----------
    client : YarnClient
        The cluster.
    via : str
        How our kernels are submitted.
    directory : pathlib.Path
        For files of its own.
    """

    def __init__(self, client: YarnClient, via: str, directory: Path) -> None:
        self.client = client
        self.via = via
        variables = client.cluster.variables
        self.environment = {
            **variables,
            "PATH": f"{BIN}{os.pathsep}{variables['PATH']}",
            # A driver that somebody has started for all commands would not be compared fairly.
            "SKEIN_CONFIG": str(directory / "skein"),
        }
        self.stock = {SERVICE: directory / "service.yaml", MASTER: directory / "master.yaml"}
        self.stock[SERVICE].write_text(STOCK_SERVICE)
        self.stock[MASTER].write_text(STOCK_MASTER)
        #: Measurements by what was measured, then by on what; in seconds or bytes.
        self.found: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
        #: Which commands have started a JVM.
        self.jvms: set[str] = set()

    def note(self, what: str, kind: str, figure: float) -> None:
        """Keep a measurement."""
        self.found[what][kind].append(figure)

    def api(self, way: Way, kind: str, spec: Path) -> None:
        """Run one kernel through the API, from its submission to its end."""
        begin = time.monotonic()
        kernel = YarnKernel(way.submit(load_spec(spec), Deadline(TIMEOUT), ignore), way.client)
        try:
            client = first_reply(kernel.wait(Deadline(TIMEOUT)))
            self.note(REPLY, kind, time.monotonic() - begin)
            rss, pss = container_memory(kernel.id)
            self.note(RSS, kind, rss)
            self.note(PSS, kind, pss)
            begin = time.monotonic()
            shut_down(client)
            status = kernel.await_end(TIMEOUT)
            self.note(END, kind, time.monotonic() - begin)
        except BaseException:
            way.client.kill(kernel.id)
            raise
        if status.final_status != "SUCCEEDED":
            sys.exit(f"bench: {kernel.id}: {status.outcome}")

    def start_command(self) -> None:
        """``yarnkernel start`` until its connection file is there, and its kernel has answered."""
        with (
            runtime_directory(self.environment) as (directory, environment),
            Command("yarnkernel", "start", "--via", self.via, environment=environment) as command,
        ):
            info = command.await_connection_file(directory)
            self.note(FILE, KERNEL, command.seconds)
            client = first_reply(info)
            self.note(COMMAND_REPLY, KERNEL, command.seconds)
            self.note(TRIP, KERNEL, round_trip(client))
            app_id = command.wait().out.strip()
            shut_down(client)
            YarnKernel(app_id, self.client).await_end(TIMEOUT)

    def stock_commands(self) -> None:
        """Stock skein's two commands to the same end; the second prints the connection info."""
        spec = str(self.stock[SERVICE])
        begin = time.monotonic()
        with Command(
            "skein", "application", "submit", spec, environment=self.environment
        ) as submit:
            app_id = submit.wait().out.strip()
        get = ("skein", "kv", "get", app_id, "--key", "ipython.kernel.info", "--wait")
        with Command(*get, environment=self.environment) as command:
            info = json.loads(command.wait().out)
        self.note(FILE, SERVICE, time.monotonic() - begin)
        client = first_reply(info)
        self.note(COMMAND_REPLY, SERVICE, time.monotonic() - begin)
        shut_down(client)
        YarnKernel(app_id, self.client).await_end(TIMEOUT)

    def local_console(self) -> None:
        """``jupyter console`` with a kernel of its own on this machine."""
        with (
            runtime_directory(self.environment) as (directory, environment),
            Command(
                "jupyter", "console", "--kernel=python3", environment=environment, terminal=True
            ) as command,
        ):
            info = command.await_connection_file(directory)
            self.note(FILE, LOCAL, command.seconds)
            client = first_reply(info)
            self.note(COMMAND_REPLY, LOCAL, command.seconds)
            self.note(TRIP, LOCAL, round_trip(client))
            shut_down(client)

    def commands(self) -> None:
        """Each command about one application, beside what does the same without yarnkernel."""
        start = ("yarnkernel", "start", "--via", self.via)
        with Command(*start, environment=self.environment) as command:
            app_id = command.wait().out.strip()
        for ours, other in COMMANDS:
            for kind, typed in ((KERNEL, ours), (other, other)):
                if typed:
                    arguments = typed.replace("APP", app_id).split()
                    with Command(*arguments, environment=self.environment) as command:
                        ended = command.wait()
                    self.note(ours, kind, ended.seconds)
                    self.jvms |= {typed} if ended.jvm else set()

    def table(self) -> list[dict[str, object]]:
        """Compare medians, by the rows of the table."""
        lines = []
        for row in ROWS:
            medians = {k: statistics.median(v) for k, v in self.found[row.what].items()}
            figure = medians[KERNEL] / (medians[row.against] if row.against else 1)
            lines.append(
                asdict(row)
                | {
                    "ours": medians[KERNEL],
                    "theirs": medians.get(row.against),
                    "figure": figure,
                    "most": row.most if row.most < float("inf") else None,
                    "met": figure <= row.most and not (not row.against and row.what in self.jvms),
                    "jvm": row.what in self.jvms,
                }
            )
        return lines


def machine() -> dict[str, object]:
    """Tell what was measured on."""
    return {
        "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30),
        "system": platform.platform(),
        "python": platform.python_version(),
        "load_before": round(os.getloadavg()[0], 2),
    }


def show(lines: list[dict[str, object]], via: str, rounds: int, on: dict[str, object]) -> None:
    """Print the table."""
    print(
        f"medians of {rounds} rounds, --via {via}; {', '.join(f'{k} {v}' for k, v in on.items())}"
    )
    print(f"{'what':<28} {'ours':>9}  {'beside':<29} {'theirs':>9} {'ratio':>6}  {'target':<7}")

    def written(what: object, figure: object) -> str:
        if not isinstance(figure, float | int):
            return ""
        if what == TRIP:
            return f"{figure * 1000:.2f} ms"
        return f"{figure / 2**20:.0f} MiB" if what in (RSS, PSS) else f"{figure:.3f} s"

    for line in lines:
        ratio = f"{line['figure']:.2f}" if line["against"] else ""
        verdict = (
            "" if line["most"] is None else f"{line['most']} {'met' if line['met'] else 'MISSED'}"
        )
        jvm = "  starts a JVM" if line["jvm"] else ""
        print(
            f"{line['what']:<28} {written(line['what'], line['ours']):>9}  {line['against']:<29} "
            f"{written(line['what'], line['theirs']):>9} {ratio:>6}  {verdict}{jvm}".rstrip()
        )


def main() -> int:
    """Run the rounds, print the table; 1 when a target is missed."""
    parser = argparse.ArgumentParser(prog="scripts/bench")
    parser.add_argument("--via", choices=(DIRECT, SKEIN), default=DIRECT)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    on = machine()
    output = Output(quiet=False, as_json=False)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # with all that has to be stopped
    with contextlib.ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        os.environ["XDG_STATE_HOME"] = str(directory)  # nobody's cluster but ours
        os.environ["SKEIN_CONFIG"] = str(directory / "skein")
        bar = stack.enter_context(TransferBar(output, "fetching Hadoop's artefacts"))
        state = start_cluster("bench", ClusterOptions(), report=output.progress, progress=bar)
        stack.callback(stop_cluster, "bench", report=output.progress)
        client = stack.enter_context(YarnClient(local_environment(state)))
        driver = SharedDriver(client.cluster)
        stack.callback(driver.close)
        stock = stack.enter_context(choose_way(client, SKEIN, driver=driver))
        ours = stack.enter_context(choose_way(client, options.via, driver=driver))
        for number in range(options.rounds + 1):  # the first one is to warm up
            output.progress(f"round {number} of {options.rounds}")
            if number < 2:  # noqa: PLR2004
                bench = Bench(client, options.via, directory)
            bench.api(stock, SERVICE, bench.stock[SERVICE])
            bench.api(ours, KERNEL, OURS)
            bench.api(stock, MASTER, bench.stock[MASTER])
            bench.stock_commands()
            bench.start_command()
            bench.local_console()
            bench.commands()
    lines = bench.table()
    show(lines, options.via, options.rounds, on)
    if options.json:
        document = {"via": options.via, "rounds": options.rounds, "machine": on, "rows": lines}
        options.json.write_text(json.dumps({**document, "measured": bench.found}, indent=1))
    return int(not all(line["met"] for line in lines))


if __name__ == "__main__":
    sys.exit(main())
