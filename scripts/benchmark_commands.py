"""Time the commands beside skein's own, in turn on one cluster, and watch them for JVMs.

Called by scripts/benchmark-commands. All are typed as a user would, each a new process without a
global driver; seconds are medians, from the start of the command to its end.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from yarnkernel.cli.output import Output, TransferBar
from yarnkernel.cluster_env import local_environment
from yarnkernel.local.cluster import start_cluster, stop_cluster
from yarnkernel.local.options import ClusterOptions

BIN = Path(sys.executable).parent
#: Seconds that a command may take.
TIMEOUT = 120
COMMANDS: tuple[tuple[str, ...], ...] = (
    ("yarnkernel", "start"),
    ("yarnkernel", "connect", "APP"),
    ("yarnkernel", "list"),
    ("skein", "application", "ls"),
    ("yarnkernel", "status", "APP"),
    ("skein", "application", "status", "APP"),
    ("yarnkernel", "logs", "APP"),
    ("yarn", "logs", "-applicationId", "APP"),
    ("yarnkernel", "interrupt", "APP"),
    ("yarnkernel", "restart", "APP"),
    ("yarnkernel", "stop", "APP"),
)


def run(command: list[str], environment: dict[str, str]) -> tuple[str, float, bool]:
    """Run a command: what it prints, its seconds, and whether it started a JVM."""
    jvm = False
    begin = time.monotonic()
    with tempfile.TemporaryFile("w+") as out:
        process = psutil.Popen(
            command, env=environment, stdout=out, stderr=subprocess.DEVNULL, start_new_session=True
        )
        while process.poll() is None:
            try:
                family = [process, *process.children(recursive=True)]
                jvm = jvm or any(one.name() == "java" for one in family)
            except psutil.Error:
                pass  # one has just ended
            if time.monotonic() - begin > TIMEOUT:
                process.kill()
                sys.exit(f"benchmark-commands: {' '.join(command)} takes more than {TIMEOUT} s")
            time.sleep(0.005)
        seconds = time.monotonic() - begin
        if process.returncode:
            sys.exit(f"benchmark-commands: {' '.join(command)} ended with {process.returncode}")
        out.seek(0)
        return out.read(), seconds, jvm


def main() -> None:
    """Run the rounds and print a table."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    with tempfile.TemporaryDirectory() as directory:
        os.environ["XDG_STATE_HOME"] = directory  # nobody's cluster but ours
        _measure(rounds)


def _measure(rounds: int) -> None:
    output = Output(quiet=False, as_json=False)
    with TransferBar(output, "fetching Hadoop's artefacts") as bar:
        state = start_cluster("benchmark", ClusterOptions(), report=output.progress, progress=bar)
    times: dict[tuple[str, ...], list[float]] = {command: [] for command in COMMANDS}
    jvms: dict[tuple[str, ...], bool] = {}
    try:
        variables = local_environment(state).variables
        environment = {**variables, "PATH": f"{BIN}{os.pathsep}{variables['PATH']}"}
        for _ in range(rounds):
            app_id = ""
            for command in COMMANDS:
                typed = [app_id if part == "APP" else part for part in command]
                out, seconds, jvm = run(typed, environment)
                times[command].append(seconds)
                jvms[command] = jvms.get(command, False) or jvm
                app_id = app_id or out.strip()
    finally:
        stop_cluster("benchmark", report=output.progress)
    print(f"{'command':<36} {'median':>7} {'worst':>7}  JVM")
    for command, found in times.items():
        jvm_text = "yes" if jvms.get(command) else "no"
        median, worst = statistics.median(found), max(found)
        print(f"{' '.join(command):<36} {median:7.2f} {worst:7.2f}  {jvm_text}")


if __name__ == "__main__":
    main()
