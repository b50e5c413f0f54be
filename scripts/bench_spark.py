"""Spark in a kernel beside Spark in a terminal, and what is left of it after each end."""

from __future__ import annotations

import argparse
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pexpect
import psutil
from jupyter_client.manager import KernelManager

from yarnkernel.cluster.find import find_cluster
from yarnkernel.hadoop.resource_manager import ResourceManager

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Self

BIN = Path(sys.executable).parent
COUNT = "print(spark.range(1000).count())"
#: Seconds for containers to end.
PATIENCE = 60.0
#: Both get the same.
EXECUTORS = {"spark.executor.instances": "1", "spark.executor.memory": "600m"}


def add_kernelspec(prefix: Path) -> None:
    """Install the kernelspec."""
    own = [f"--spark-conf={name}={value}" for name, value in EXECUTORS.items()]
    add = [f"{BIN}/yarnkernel", "kernelspec", "add", "--spark", "--prefix", str(prefix), *own]
    subprocess.run([*add, "--replace"], check=True, timeout=60, capture_output=True)


def in_kernel(prefix: Path) -> dict[str, float]:
    """From the kernelspec to the first count and the second; return seconds since the beginning."""
    begin = time.perf_counter()
    add_kernelspec(prefix)
    found = {"kernelspec add --spark": time.perf_counter() - begin}
    with Notebook() as notebook:
        found["kernel is ready"] = time.perf_counter() - begin
        for which in ("first count", "second count"):
            notebook.run(COUNT)
            found[which] = time.perf_counter() - begin
    return found


def in_terminal(*options: str) -> float:
    """Type the count into ``pyspark``; return seconds until it is there."""
    own = [word for name, value in EXECUTORS.items() for word in ("--conf", f"{name}={value}")]
    begin = time.perf_counter()
    shell = pexpect.spawn(f"{BIN}/pyspark", ["--master", "yarn", *own, *options], timeout=300)
    shell.expect("SparkSession available")
    shell.sendline(COUNT)
    shell.expect("[^0-9]1000\r\n")
    taken = time.perf_counter() - begin
    shell.sendline("exit()")
    shell.expect(pexpect.EOF)
    return taken


class Notebook:
    """A kernel of the kernelspec, as a front end has it."""

    def __init__(self) -> None:
        self.manager = KernelManager(kernel_name="spark")
        self.manager.start_kernel()
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=60)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.stop_channels()
        if self.manager.has_kernel:
            self.manager.shutdown_kernel()

    def run(self, code: str) -> str:
        """Run a cell, and return what it prints."""
        shown = []
        self.client.execute_interactive(
            code, output_hook=lambda one: shown.append(one["content"].get("text", "")), timeout=300
        )
        return "".join(shown)


def _restart(notebook: Notebook) -> None:
    notebook.manager.restart_kernel()


def _kill(notebook: Notebook) -> None:
    pid = notebook.run("import os; print(os.getpid())")
    os.kill(int(pid), signal.SIGKILL)


def _shut_down(notebook: Notebook) -> None:
    notebook.manager.shutdown_kernel()


def _stop(notebook: Notebook) -> None:
    kernel = notebook.run("import os; print(os.environ['SKEIN_APPLICATION_ID'])").strip()
    subprocess.run([f"{BIN}/yarnkernel", "stop", kernel], check=True, timeout=120)


def _processes(application: str) -> int:
    commands = [one.info["cmdline"] or [] for one in psutil.process_iter(["cmdline"])]
    return sum(application in " ".join(command) for command in commands)


def after_end(end: Callable[[Notebook], None]) -> tuple[float, float, int]:
    """End a kernel with a session.

    Returns
    -------
    float
        Seconds that the end takes.
    float
        Seconds until Spark's application has ended, and none of its processes is left.
    int
        Processes that are left all the same.
    """
    with Notebook() as notebook:
        notebook.run(COUNT)
        spark = notebook.run("print(sc.applicationId)").strip()
        begin = time.perf_counter()
        end(notebook)
        done = time.perf_counter() - begin
        with closing(ResourceManager(find_cluster().configuration)) as resource_manager:
            while not resource_manager.application_report(spark, 10).finishTime:
                time.sleep(0.1)
        while (left := _processes(spark)) and time.perf_counter() - begin < PATIENCE:
            time.sleep(0.1)
        return done, time.perf_counter() - begin, left


ENDS = {
    "restart": _restart,
    "kernel killed (SIGKILL)": _kill,
    "yarnkernel stop": _stop,
    "front end's shutdown": _shut_down,
}


def main() -> None:
    """Measure, and print tables."""
    parser = argparse.ArgumentParser(prog="scripts/bench-spark")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    import pyspark  # noqa: PLC0415  (after --help)

    jars = f"spark.yarn.jars=local:{Path(pyspark.__file__).parent}/jars/*"
    taken: dict[str, list[float]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as directory:
        os.environ["JUPYTER_PATH"] = f"{directory}/share/jupyter"
        for _ in range(options.rounds):
            for what, seconds in in_kernel(Path(directory)).items():
                taken[what].append(seconds)
            taken["terminal: first count"].append(in_terminal())
            taken["terminal with the jars' place: first count"].append(in_terminal("--conf", jars))
        for what, each in taken.items():
            print(f"{what:45}{statistics.median(each):8.1f} s  of {min(each):.1f}..{max(each):.1f}")
        add_kernelspec(Path(directory))
        for what, end in ENDS.items():
            done, ended, left = after_end(end)
            print(f"{what:28}{done:6.1f} s, Spark is gone after {ended:.1f} s, left: {left}")


if __name__ == "__main__":
    main()
