"""What can go wrong with a kernel and its container: told truly, and nothing left behind."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import psutil
import pytest

from tests.conftest import Shell, wait_for
from tests.support.kernels import RECIPE, Kernel, wait_until_none_is_active, write_spec

if TYPE_CHECKING:
    from pathlib import Path


def kernel_process(app_id: str) -> psutil.Process:
    def found() -> psutil.Process | None:
        for process in psutil.process_iter():
            try:
                if (
                    "ipykernel_launcher" in process.cmdline()
                    and process.environ().get("SKEIN_APPLICATION_ID") == app_id
                ):
                    return process
            except psutil.Error:
                continue
        return None

    process = wait_for(found, 10, "the kernel's process")
    assert isinstance(process, psutil.Process)
    return process


@pytest.mark.parametrize(
    ("number", "words"),
    [(signal.SIGKILL, "signal 9 (SIGKILL)"), (signal.SIGSEGV, "signal 11 (SIGSEGV)")],
)
def test_kernel_killed(shell: Shell, tmp_path: Path, number: signal.Signals, words: str) -> None:
    spec = write_spec(tmp_path, f"{RECIPE} --max-restarts 0")
    app_id = shell.yarnkernel("start", spec).ok().out.strip()
    kernel_process(app_id).send_signal(number)
    wait_until_none_is_active(shell)
    status = shell.yarnkernel("status", app_id, "--json").ok().document
    assert status["final_status"] == "FAILED"
    assert f"The kernel was ended by {words}." in status["reason"]


@pytest.mark.both_ways
def test_nothing_outlives_the_supervisor(shell: Shell) -> None:
    end_kernel_by(shell, "yarnkernel.recipe")


@pytest.mark.way("skein")
def test_nothing_outlives_the_application_master(shell: Shell) -> None:
    end_kernel_by(shell, "skein.ApplicationMaster")


def end_kernel_by(shell: Shell, victim: str) -> None:
    app_id = shell.yarnkernel("start").ok().out.strip()
    kernel = kernel_process(app_id)
    for process in kernel.parents():
        if victim in " ".join(process.cmdline()) and process.name() != "bash":
            process.kill()
            break
    else:
        pytest.fail(f"no {victim} among the kernel's parents")
    psutil.wait_procs([kernel], timeout=15)
    assert not kernel.is_running()
    wait_until_none_is_active(shell)


@pytest.mark.both_ways
def test_sigterm_ends_the_kernel_in_good_order(shell: Shell, tmp_path: Path) -> None:
    app_id = shell.yarnkernel("start").ok().out.strip()
    proof = tmp_path / "atexit ran"
    with Kernel(shell.yarnkernel("connect", app_id).ok().document) as kernel:
        kernel.run(f"import atexit, pathlib; atexit.register(pathlib.Path({str(proof)!r}).touch)")
    kernel_process(app_id).parent().send_signal(signal.SIGTERM)  # type: ignore[union-attr]
    wait_until_none_is_active(shell)
    assert proof.exists()
    assert shell.yarnkernel("status", app_id, "--json").document["final_status"] == "SUCCEEDED"


@pytest.mark.both_ways
def test_kernel_that_cannot_start(shell: Shell, tmp_path: Path) -> None:
    spec = write_spec(tmp_path, f"{RECIPE} --no-such-option")
    error = shell.yarnkernel("start", spec).error(1)
    assert "The kernel ended with exit code 2 before it could be used." in error
    assert "unrecognized arguments: --no-such-option" in error


def test_environment_without_the_recipe(shell: Shell, tmp_path: Path) -> None:
    spec = write_spec(tmp_path, "exec /usr/bin/env -i python3 -S -m yarnkernel.recipe")
    error = shell.yarnkernel("start", spec).error(1)
    assert "No module named" in error or "not found" in error or "No such file" in error


def test_recipe_outside_of_a_container(user_shell: Shell) -> None:
    result = user_shell.run("python", "-m", "yarnkernel.recipe")
    assert result.code == 1
    assert "runs where yarnkernel has started it" in result.err
    assert "Traceback" not in result.err


def test_kernel_that_crashes_again_and_again(shell: Shell, tmp_path: Path) -> None:
    spec = write_spec(tmp_path, f"{RECIPE} --max-restarts 1")
    app_id = shell.yarnkernel("start", spec).ok().out.strip()
    with Kernel(shell.yarnkernel("connect", app_id).ok().document) as kernel:
        kernel.client.execute("import os; os._exit(7)")
        kernel.wait()
        kernel.client.execute("import os; print('bye', flush=True); os._exit(8)")
        wait_until_none_is_active(shell)
    status = shell.yarnkernel("status", app_id, "--json").ok().document
    reason = "The kernel ended with exit code 8, after 1 restarts (--max-restarts)."
    assert reason in status["reason"]
