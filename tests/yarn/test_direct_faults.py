"""What can go wrong on the direct way: the ApplicationMaster and the kernel killed, bad tokens.

The cluster's daemons are in test_direct_daemons.py, damaged answers in test_hadoop_rpc.py.
"""

from __future__ import annotations

import re
import threading
import time
from typing import TYPE_CHECKING

import pytest

from tests.conftest import Shell, finish, wait_for
from tests.support.clocks import wrong_clock
from tests.support.containers import await_nothing_left, held_spec, one_of, started
from tests.support.kernels import RECIPE, Kernel, write_spec
from yarnkernel.shell import export_lines

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import Result


@pytest.fixture
def direct(shell: Shell) -> Shell:
    """A user who takes the direct way alone."""
    return shell.using(YARNKERNEL_VIA="direct")


@pytest.mark.parametrize("phase", ["starting", "running"])
def test_killed_master_takes_its_kernel_along(direct: Shell, phase: str, tmp_path: Path) -> None:
    spec, go = held_spec(tmp_path)
    process = direct.start("yarnkernel", "start", spec)
    app_id = started(process)
    if phase == "running":
        go.touch()
        finish(process)
        assert one_of(app_id, "ipykernel_launcher").is_running()
    one_of(app_id, "yarnkernel.recipe").kill()
    if phase == "starting":
        _, err = finish(process)
        assert process.returncode == 1, err
        assert "ended before its kernel could be used" in err
    await_nothing_left(app_id)
    status = direct.yarnkernel("status", app_id, "--json").ok().document
    assert status["state"] == "FAILED"
    assert "137" in status["reason"], "the exit code of what was killed"


@pytest.mark.parametrize("phase", ["starting", "running"])
def test_killed_kernel_that_is_not_to_be_restarted(
    direct: Shell, phase: str, tmp_path: Path
) -> None:
    spec, go = held_spec(tmp_path)
    spec.write_text(spec.read_text().replace("recipe --", "recipe --max-restarts 0 --"))
    process = direct.start("yarnkernel", "start", spec)
    app_id = started(process)
    master = one_of(app_id, "yarnkernel.recipe")
    if phase == "running":
        go.touch()
        finish(process)
    # The shell of the script, which becomes the kernel.
    (kernel,) = wait_for(master.children, 30, "a kernel")
    kernel.kill()
    if phase == "starting":
        _, err = finish(process)
        assert process.returncode == 1, err
        assert "SIGKILL" in err
    await_nothing_left(app_id)
    status = direct.yarnkernel("status", app_id, "--json").ok().document
    assert (status["state"], status["final_status"]) == ("FINISHED", "FAILED")
    assert "SIGKILL" in status["reason"]


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ('rm "$HADOOP_TOKEN_FILE_LOCATION"', "No such file"),
        ('echo no token > "$HADOOP_TOKEN_FILE_LOCATION"', "token"),
        (': > "$HADOOP_TOKEN_FILE_LOCATION"', "token"),
        ('truncate --size 40 "$HADOOP_TOKEN_FILE_LOCATION"', "token"),
    ],
    ids=["missing", "another file", "empty", "cut off"],
)  # fmt: skip
def test_token_file(direct: Shell, damage: str, said: str, tmp_path: Path) -> None:
    error = direct.yarnkernel("start", write_spec(tmp_path, f"{damage}\n{RECIPE}")).error(1)
    assert "ended before its kernel could be used: FAILED" in error
    assert said in error
    assert 'File "' not in error, "no traceback"


def skewed_spec(directory: Path, seconds: int) -> Path:
    """A container whose clock is wrong by so much."""
    clock = export_lines(wrong_clock(seconds))
    return write_spec(directory, f"{clock}{RECIPE}")


@pytest.mark.parametrize("seconds", [3600, -3600])
def test_clock_that_is_wrong(
    direct: Shell, stop_later: Callable[[str], str], seconds: int, tmp_path: Path
) -> None:
    """It matters to certificates alone: tokens have no times that an ApplicationMaster reads."""
    spec = skewed_spec(tmp_path, seconds)
    if seconds > 0:
        app_id = stop_later(direct.yarnkernel("start", spec).ok().out)
        with Kernel(direct.yarnkernel("connect", app_id).ok().document) as kernel:
            shift = float(kernel.run("import time; time.time()")) - time.time()
            assert abs(shift - seconds) < 60
            assert kernel.run("6 * 7") == "42"
        return
    # A certificate that was made just now.
    start = ("start", spec, "--own-credentials", "--timeout", "15")
    error = direct.yarnkernel(*start).error(3)
    assert re.search(r"this host's clock is 3\d{3} s behind", error)
    assert "certificate is not yet valid" in error
    assert "next: yarnkernel logs" in error


def test_two_clients(direct: Shell, stop_later: Callable[[str], str]) -> None:
    """Who asks at the same time is answered as others are; other credentials open nothing."""
    app_id = stop_later(direct.yarnkernel("start").ok().out)
    results: list[Result] = []

    def ask(command: str) -> None:
        results.append(direct.yarnkernel(command, app_id))

    commands = ("restart", "restart", "status", "connect")
    threads = [threading.Thread(target=ask, args=(command,)) for command in commands]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [result.code for result in results] == [0] * len(commands), results
    with Kernel(direct.yarnkernel("connect", app_id).ok().document) as kernel:
        assert kernel.run("6 * 7") == "42"
        stranger = direct.using(SKEIN_CONFIG=str(direct.directory / "other credentials"))
        for command in ("connect", "interrupt", "restart"):
            assert "credentials" in stranger.yarnkernel(command, app_id).error(1)
        assert kernel.run("6 * 7") == "42"
