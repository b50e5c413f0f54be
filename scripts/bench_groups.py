"""Code on many kernels beside code on one, and values on their way; all on this machine."""

from __future__ import annotations

import argparse
import statistics
import time
from typing import TYPE_CHECKING

import numpy as np

import yarnkernel

if TYPE_CHECKING:
    from collections.abc import Callable

#: Bytes of the array that travels, and of what each target prints.
ARRAY, OUTPUT = 200_000_000, 10 << 20
LIMIT = 2 * ARRAY
PRINTING = f"import sys\nfor _ in range({OUTPUT >> 16}): sys.stdout.write('x' * 65535 + '\\n')"


def timed(work: Callable[[], object]) -> float:
    """Return the seconds that something takes."""
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def measure(kernelspec: str, count: int, rounds: int) -> dict[str, float]:
    """Measure a group of so many targets; return seconds."""
    with yarnkernel.Group(f"{kernelspec}*{count}") as group:

        def run(code: str) -> Callable[[], object]:
            return lambda: group.execute(code).check()

        found = {"start, and first code": timed(run("1"))}
        for name, code in {
            "a cell": "1 + 1",
            "a cell that sleeps 1 s": "import time; time.sleep(1)",
            "10 MiB of output each": PRINTING,
        }.items():
            found[name] = statistics.median(timed(run(code)) for _ in range(rounds))
        found["end"] = timed(group.stop)
    return found


def measure_values(kernelspec: str) -> dict[str, float]:
    """Measure an array on its way to one target and back; return seconds."""
    array = np.random.default_rng(1).random(ARRAY // 8)
    with yarnkernel.Group(kernelspec) as group:
        group.execute("1")
        there = timed(lambda: group.execute("1", push={"x": array}, limit=LIMIT).check())
        back = timed(lambda: group.execute("1", pull=["x"], limit=LIMIT).check())
    return {"200 MB there": there, "200 MB back": back}


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(prog="scripts/bench-groups")
    parser.add_argument("--kernelspec", default="python3")
    parser.add_argument("--targets", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    one = measure(options.kernelspec, 1, options.rounds)
    many = measure(options.kernelspec, options.targets, options.rounds)
    print(f"{'seconds':28}{'1 target':>10}{options.targets:>6} targets")
    for name, seconds in one.items():
        print(f"{name:28}{seconds:10.2f}{many[name]:14.2f}")
    for name, seconds in measure_values(options.kernelspec).items():
        print(f"{name:28}{seconds:10.2f}")


if __name__ == "__main__":
    main()
