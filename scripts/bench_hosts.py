"""Kernels on an ssh host beside those of this machine."""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.conftest import Shell, clean_environment
from tests.support.kernels import Kernel
from tests.support.ssh_host import bare_environment, missing, ssh_host

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Requests of one round whose answers are timed.
ANSWERS = 200
#: Bytes of output, in writes of a mebibyte.
OUTPUT = 100 << 20


def measure(shell: Shell, options: Sequence[str]) -> dict[str, float]:
    """Start a kernel, use it, and end it; return seconds, and bytes a second."""
    found = {}
    begin = time.perf_counter()
    started = shell.yarnkernel("start", "--json", *options).ok().document
    found["command to connection file"] = time.perf_counter() - begin
    info = json.loads(Path(started["connection_file"]).read_text())
    with Kernel(info) as client:
        client.run("1")
        found["command to first reply"] = time.perf_counter() - begin
        times = []
        for _ in range(ANSWERS):
            begin = time.perf_counter()
            client.client.kernel_info()
            client.client.get_shell_msg(timeout=30)
            times.append(time.perf_counter() - begin)
        found["answer of a kernel that runs"] = statistics.median(times)
        begin = time.perf_counter()
        client.run(f"import sys\nfor _ in range({OUTPUT >> 20}): sys.stdout.write('x' * 2**20)")
        found["100 MiB of output"] = time.perf_counter() - begin
    for command in ("status", "interrupt", "restart", "stop"):
        begin = time.perf_counter()
        shell.yarnkernel(command, started["id"]).ok()
        found[command] = time.perf_counter() - begin
    return found


def main() -> None:
    """Measure, and print the medians."""
    parser = argparse.ArgumentParser(prog="scripts/bench-hosts")
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    if why := missing():
        parser.exit(1, f"there can be no host: {why}\n")
    with tempfile.TemporaryDirectory() as directory, ssh_host() as box:
        python = bare_environment(Path(directory, "environment"))
        shell = Shell(clean_environment(Path(directory)), Path(directory))
        path = f"{box.programs}:{shell.environment['PATH']}"
        remote = shell.using(**box.environment, PATH=path)
        places = {
            "here": (shell, ["--interface", "local", "--python", str(python)]),
            "ssh": (remote, ["--interface", "ssh", "--host", "box", "--python", str(python)]),
        }
        taken: dict[str, list[dict[str, float]]] = {name: [] for name in places}
        for number in range(rounds + 1):
            for name, (user, options) in places.items():
                found = measure(user, options)
                if number:  # the first round warms up
                    taken[name].append(found)
    print(f"{'what':<32}{'here':>10}{'ssh':>10}{'ratio':>8}")
    for what in taken["here"][0]:
        here, ssh = (statistics.median(one[what] for one in taken[name]) for name in places)
        print(f"{what:<32}{here * 1000:>7.1f} ms{ssh * 1000:>7.1f} ms{ssh / here:>8.2f}")


if __name__ == "__main__":
    try:
        main()
    except subprocess.SubprocessError as exc:
        raise SystemExit(str(exc)) from exc
