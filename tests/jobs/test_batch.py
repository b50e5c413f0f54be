"""Kernels as jobs: what a batch system does to them, and what users hear of it."""

from __future__ import annotations

import shutil
import signal
from typing import TYPE_CHECKING

import psutil

from tests.conftest import BIN, finish, wait_for
from tests.support.kernels import Kernel

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Shell
    from tests.support.daemons import BatchSystem

#: Goes on, and says so.
SLEEP = "import time\nprint('begun', flush=True)\ntime.sleep(120)"


def options(python: Path, *more: str) -> list[str]:
    place = ["--interface", "slurm", "--host", "login", "--python", str(python)]
    return [*place, "--memory", "1 GiB", *more]


def job_of(shell: Shell, kernel: str) -> str:
    return str(shell.yarnkernel("status", kernel, "--json").ok().document["job"])


def await_end(shell: Shell, kernel: str, timeout: float) -> dict[str, str]:
    """Wait until a kernel has been ended, and return its status."""

    def ended() -> dict[str, str] | None:
        found = shell.yarnkernel("status", kernel, "--json").ok().document
        return found if found["state"] in ("KILLED", "FAILED") else None

    status: dict[str, str] = wait_for(ended, timeout, "the job's end")
    return status


def test_time_limit(slurm_shell: Shell, bare_python: Path, slurm: BatchSystem) -> None:
    """It is announced in the notebook, and said when it was the end."""
    started = slurm_shell.yarnkernel("start", *options(bare_python, "--time", "600")).ok()
    kernel = started.out.strip()
    job = job_of(slurm_shell, kernel)
    with Kernel(slurm_shell.yarnkernel("connect", kernel).ok().document) as client:
        own = psutil.Process(int(client.run("import os; os.getpid()")))
        request = client.client.execute(SLEEP)
        client.next_message("stream", request)
        slurm.run("scancel", "--batch", "--signal=USR1", job)
        said = client.next_message("stream", request)["content"]
        assert said["name"] == "stderr"
        assert "ends in about a minute" in said["text"]
    slurm.run("scontrol", "update", f"JobId={job}", "EndTime=now+1")
    # It looks twice a minute; a command that asks again and again would take as long.
    wait_for(lambda: not own.is_running(), 60, "the kernel's end")

    status = await_end(slurm_shell, kernel, 60)
    assert (status["state"], "time limit" in status["reason"]) == ("KILLED", True)


def test_cancelled_by_somebody(slurm_shell: Shell, bare_python: Path, slurm: BatchSystem) -> None:
    kernel = slurm_shell.yarnkernel("start", *options(bare_python)).ok().out.strip()
    slurm.run("scancel", job_of(slurm_shell, kernel))

    assert "cancelled" in await_end(slurm_shell, kernel, 30)["reason"]
    assert "cancelled" in slurm_shell.yarnkernel("interrupt", kernel).error(1)


def test_reason_for_waiting(slurm_shell: Shell, bare_python: Path) -> None:
    """A job that waits says why; when nobody waits for it any more, it is gone."""
    first = slurm_shell.yarnkernel("start", *options(bare_python, "--queue", "narrow")).ok()
    waiting = slurm_shell.start(
        BIN / "yarnkernel", "start", *options(bare_python, "--queue", "narrow", "--timeout", "14")
    )
    out, err = finish(waiting, 120)
    assert (waiting.returncode, out) == (3, "")
    assert "PENDING (queue narrow)" in err
    assert "Resources" in err
    assert "had no usable kernel after 14 s: it is PENDING" in err
    assert slurm_shell.yarnkernel("list", "--ids").ok().out == first.out
    slurm_shell.yarnkernel("stop", first.out.strip()).ok()


def test_what_is_refused(slurm_shell: Shell, bare_python: Path) -> None:
    error = slurm_shell.yarnkernel("start", *options(bare_python, "--queue", "nope")).error(1)
    assert "Slurm did not take the job" in error
    assert "partition" in error
    hopeless = options(bare_python, "--queue", "short", "--time", "7200")
    error = slurm_shell.yarnkernel("start", *hopeless).error(1)
    assert "PartitionTimeLimit" in error


def test_interrupted_between_submission_and_answer(
    sge_shell: Shell, bare_python: Path, grid_engine: BatchSystem, tmp_path: Path
) -> None:
    """A job whose number has not come is found by its name."""
    slow = tmp_path / "qsub"
    slow.write_text(f'#!/bin/sh\n{shutil.which("qsub")} "$@" >{tmp_path}/out\nsleep 60\n')
    slow.chmod(0o755)
    shell = sge_shell.using(PATH=f"{tmp_path}:{sge_shell.environment['PATH']}")
    process = shell.start(
        BIN / "yarnkernel", "start", "--interface", "sge", "--python", bare_python
    )
    wait_for(lambda: (tmp_path / "out").exists() and (tmp_path / "out").read_text(), 20, "a job")
    process.send_signal(signal.SIGINT)
    finish(process)
    assert process.returncode == 130
    job = (tmp_path / "out").read_text().strip()
    wait_for(lambda: job not in grid_engine.run("qstat").stdout, 30, "its end")
    assert shell.yarnkernel("list", "--ids").out == ""
