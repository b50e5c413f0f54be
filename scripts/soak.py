"""Use one kernel for long on a cluster whose daemons are killed and whose keys are short-lived.

Called by scripts/soak. A line tells of each event. The exit code is 1 when the kernel loses its
variables or does not answer, when its application does not end SUCCEEDED, when no key was
rolled, or when the memory of its container grows.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import os
import shutil
import signal
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from scripts.bench_commands import container_memory, first_reply, shut_down
from yarnkernel.cli.output import Output, TransferBar
from yarnkernel.cluster.find import local_environment
from yarnkernel.deadline import Deadline
from yarnkernel.errors import YarnKernelError
from yarnkernel.kernels.options import DIRECT, SKEIN
from yarnkernel.local.cluster import start_cluster, stop_cluster
from yarnkernel.local.daemons import log_path, restart_daemon, wait_until_ready
from yarnkernel.local.options import ClusterOptions
from yarnkernel.progress import ignore
from yarnkernel.yarn.client import YarnClient
from yarnkernel.yarn.kernel import YarnKernel
from yarnkernel.yarn.spec import load_spec
from yarnkernel.yarn.way import choose_way

if TYPE_CHECKING:
    from collections.abc import Callable

    from jupyter_client.blocking.client import BlockingKernelClient

    from yarnkernel.local.state import ClusterState

NAME = "soak"
SPEC = Path(__file__).resolve().parent.parent / "specs" / "ipython.yaml"
#: Seconds without a sign of life after which an ApplicationMaster or a NodeManager is lost.
AM_EXPIRY, NM_EXPIRY = 20, 40
ROLLING = "yarn.resourcemanager.{}.master-key-rolling-interval-secs"
SETTINGS = {
    "yarn.am.liveness-monitor.expiry-interval-ms": str(AM_EXPIRY * 1000),
    "yarn.nm.liveness-monitor.expiry-interval-ms": str(NM_EXPIRY * 1000),
    # The ResourceManager wants more than three times the expiry (AMRMTokenSecretManager,
    # RMContainerTokenSecretManager and NMTokenSecretManagerInRM).
    ROLLING.format("am-rm-tokens"): str(AM_EXPIRY * 3 + 5),
    ROLLING.format("container-tokens"): str(NM_EXPIRY * 3 + 5),
    ROLLING.format("nm-tokens"): str(NM_EXPIRY * 3 + 5),
}
#: Seconds between two looks at the kernel, and between two kills of a daemon, in turn.
LOOK, KILL = 5.0, 75.0
#: Seconds that a cell, a daemon or the end of the application may take.
CELL_TIMEOUT, DAEMON_TIMEOUT, END_TIMEOUT = 60.0, 120.0, 60.0
#: How much the median of the container's memory may grow, from the second to the last quarter.
GROWTH = 0.10


class SoakError(Exception):
    """What must not happen has."""


class Soak:
    """One kernel and what is done to its cluster.

    Parameters
    ----------
    state : ClusterState
        The cluster.
    kernel : YarnKernel
        The kernel, which is there.
    report : callable
        Called with one line at each event.
    """

    def __init__(
        self, state: ClusterState, kernel: YarnKernel, report: Callable[[str], None]
    ) -> None:
        self.state = state
        self.kernel = kernel
        self.report = report
        self.count = 0
        self.kills = 0
        #: Resident memory of the container, and of its ApplicationMaster, in bytes.
        self.container: list[int] = []
        self.master: list[int] = []

    def look(self, client: BlockingKernelClient) -> None:
        """Use the kernel's variables, and sample its memory."""
        self.count += 1
        shown: list[str] = []

        def keep(message: dict[str, dict[str, dict[str, str]]]) -> None:
            shown.append(message["content"].get("data", {}).get("text/plain", ""))

        code = f"values.append({self.count}); len(values), sum(values)"
        try:
            client.execute_interactive(code, output_hook=keep, timeout=CELL_TIMEOUT)
        except TimeoutError:
            raise SoakError(f"cell {self.count} had no reply for {CELL_TIMEOUT:.0f} s") from None
        wanted = str((self.count, self.count * (self.count + 1) // 2))
        if "".join(shown) != wanted:
            raise SoakError(f"cell {self.count} gave {shown}, not {wanted}")
        self.container.append(container_memory(self.kernel.id)[0])
        self.master.append(self._master_memory())

    def _master_memory(self) -> int:
        ending = self.kernel.id.removeprefix("application_")
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):
                line = " ".join(process.cmdline())
                if f"_{ending}_" in process.environ().get("CONTAINER_ID", "") and (
                    "skein.ApplicationMaster" in line or " -m yarnkernel.recipe" in line
                ):
                    return int(process.memory_info().rss)
        raise SoakError("the ApplicationMaster has gone")

    def kill(self, daemon: str) -> None:
        """Kill a daemon and start it again; wait until the cluster is as before."""
        begin = time.monotonic()
        self.state = restart_daemon(self.state, daemon)
        wait_until_ready(self.state, begin + DAEMON_TIMEOUT)
        self.kills += 1
        mebibytes = self.container[-1] / 2**20
        self.report(
            f"{daemon} killed and back after {time.monotonic() - begin:.0f} s; "
            f"{self.count} cells, container {mebibytes:.0f} MiB"
        )

    def await_running(self) -> None:
        """Wait until the ResourceManager knows from the ApplicationMaster that it runs."""
        deadline = Deadline(DAEMON_TIMEOUT)
        while True:
            status = self.kernel.status()
            if status.ended or deadline.passed:
                raise SoakError(f"{self.kernel.id} is {status.state}: {status.diagnostics}")
            if status.state == "RUNNING":
                return
            time.sleep(1)

    def run(self, client: BlockingKernelClient, minutes: float) -> None:
        """Look at the kernel and kill daemons until the time is over."""
        end = time.monotonic() + minutes * 60
        next_kill = time.monotonic() + KILL
        daemons = itertools.cycle(("resourcemanager", "nodemanager0"))
        self.look(client)
        while time.monotonic() < end:
            time.sleep(LOOK)
            self.look(client)
            if time.monotonic() > next_kill:
                self.kill(next(daemons))
                self.await_running()
                next_kill = time.monotonic() + KILL

    def rolled(self) -> dict[str, int]:
        """How often the ResourceManager has rolled its keys, by what they are for."""
        log = log_path(self.state, "resourcemanager").read_text(errors="replace")
        return {
            what: log.count(f"Rolling master-key for {what}")
            for what in ("amrm-tokens", "container-tokens", "nm-tokens")
        }

    def judge(self, minutes: float) -> None:
        """Tell what was seen, and whether that is as it should be."""
        keys = self.rolled()
        self.report(
            f"{self.count} cells, {self.kills} daemons killed, keys rolled: "
            + ", ".join(f"{what} {count}" for what, count in keys.items())
        )
        for what, samples in (("container", self.container), ("ApplicationMaster", self.master)):
            quarter = max(1, len(samples) // 4)
            before = statistics.median(samples[quarter : 2 * quarter] or samples)
            after = statistics.median(samples[-quarter:])
            growth = after / before - 1
            self.report(
                f"memory of the {what}: {before / 2**20:.1f} MiB, later {after / 2**20:.1f} MiB "
                f"({growth:+.1%}), at most {max(samples) / 2**20:.1f} MiB"
            )
            if growth > GROWTH:
                raise SoakError(f"the {what} has grown by {growth:.0%}")
        rolling = int(SETTINGS[ROLLING.format("am-rm-tokens")])
        if minutes * 60 > 2 * rolling and not keys["amrm-tokens"]:
            raise SoakError("no key was rolled: this has tried less than it should")


def _soak(state: ClusterState, via: str, minutes: float, output: Output) -> None:
    with (
        YarnClient(local_environment(state)) as client,
        choose_way(client, via) as way,
    ):
        kernel = YarnKernel(way.submit(load_spec(SPEC), Deadline(120), ignore), client)
        try:
            info = kernel.wait(Deadline(120))
            output.progress(f"{kernel.id} has a kernel, submitted by --via {via}")
            jupyter = first_reply(info)
            jupyter.execute_interactive("values = []", timeout=CELL_TIMEOUT)
            soak = Soak(state, kernel, output.progress)
            soak.run(jupyter, minutes)
            shut_down(jupyter)
            status = kernel.await_end(END_TIMEOUT)
        except BaseException:
            with contextlib.suppress(YarnKernelError):
                client.kill(kernel.id)
            raise
        output.progress(f"{kernel.id}: {status.outcome}")
        if status.final_status != "SUCCEEDED":
            raise SoakError(f"{kernel.id} did not end well: {status.outcome}")
        soak.judge(minutes)


def main() -> int:
    """Soak; 1 when something was not as it should be."""
    parser = argparse.ArgumentParser(prog="scripts/soak")
    parser.add_argument("--via", choices=(DIRECT, SKEIN), default=DIRECT)
    parser.add_argument("minutes", type=float)
    options = parser.parse_args()
    output = Output(quiet=False, as_json=False)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # with all that has to be stopped
    with contextlib.ExitStack() as stack:
        directory = stack.enter_context(tempfile.TemporaryDirectory())
        os.environ["XDG_STATE_HOME"] = directory  # nobody's cluster but ours
        bar = stack.enter_context(TransferBar(output, "fetching Hadoop's artefacts"))
        cluster = ClusterOptions(settings=SETTINGS)
        state = start_cluster(NAME, cluster, report=output.progress, progress=bar)
        stack.callback(stop_cluster, NAME, report=output.progress)
        try:
            _soak(state, options.via, options.minutes, output)
        except (SoakError, YarnKernelError) as exc:
            logs = Path("soak-logs").resolve()
            shutil.copytree(state.path / "logs", logs, dirs_exist_ok=True)
            output.error(f"{exc}; the cluster's logs: {logs}")
            return 1
    output.progress("all is well")
    return 0


if __name__ == "__main__":
    sys.exit(main())
