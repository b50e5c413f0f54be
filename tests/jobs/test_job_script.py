"""Scripts of jobs as shells run them, and names, times and environments as schedulers take them."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yarnkernel.jobs import pbs
from yarnkernel.jobs.grid_engine import GridEngine
from yarnkernel.jobs.job_script import bare, fit_name, hours, script, stripped, stripping
from yarnkernel.jobs.scheduler import JobRequest
from yarnkernel.jobs.slurm import Slurm

if TYPE_CHECKING:
    from pathlib import Path

    from yarnkernel.jobs.scheduler import Scheduler

ALL: tuple[Scheduler, ...] = (Slurm(), GridEngine(), pbs.Pbs())
OUTER = {
    "SLURM_JOB_ID": "1", "SLURM_CPU_BIND": "x", "SBATCH_EXPORT": "y", "PMIX_RANK": "0",
    "JOB_ID": "1", "NSLOTS": "4", "SGE_TASK_ID": "1", "PBS_JOBID": "1", "PBS_O_HOME": "a\nPBS_A=b",
}  # fmt: skip
MEANT = {"SLURM_CONF": "/c", "SGE_ROOT": "/r", "PBS_CONF_FILE": "/p", "OTHER": "a b"}


def run_script(text: str, directory: Path, *shell: str, stdin: str = "") -> str:
    (directory / "job").write_text(text)
    command = [*shell, str(directory / "job")] if not stdin else list(shell)
    done = subprocess.run(
        command, input=stdin, capture_output=True, text=True, timeout=60, check=True,
        env={"PATH": os.environ["PATH"], "HOME": str(directory)},
    )  # fmt: skip
    return done.stdout


@pytest.mark.parametrize("shell", [("sh",), ("bash",), ("bash", "--posix")])
def test_scripts_run_in_a_login_shell(shell: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / ".bash_profile").write_text("module() { echo loaded $1; }\n")
    assert run_script(script("module load R"), tmp_path, *shell) == "loaded load\n"


def test_scripts_run_where_the_shell_reads_them_from_its_standard_input(tmp_path: Path) -> None:
    assert run_script("", tmp_path, "sh", "-s", stdin=script("exec echo here")) == "here\n"


@pytest.mark.skipif(not shutil.which("dash"), reason="no shell that is surely not bash")
def test_scripts_run_without_bash(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    text = script("echo $BASH_VERSION here").replace("#!", f"PATH={tmp_path}/bin\n#!")
    assert run_script(text, tmp_path, "dash") == "here\n"


def test_a_signal_that_comes_early_does_not_end_the_job(tmp_path: Path) -> None:
    (tmp_path / ".bash_profile").write_text("kill -USR1 $$; kill -USR2 $$\n")
    assert run_script(script("exec echo here"), tmp_path, "sh") == "here\n"


def test_the_script_announces_the_time_limit_to_its_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pbs, "WARNING", 1)
    program = "import signal; signal.signal(signal.SIGUSR1, lambda n, _: print(n)); signal.pause()"
    request = JobRequest(
        name="x",
        body=f"exec {shlex.quote(sys.executable)} -c {shlex.quote(program)}",
        log=str(tmp_path / "it's a log"),
        directory=str(tmp_path),
        time=3,
    )
    _, text = pbs.Pbs().submission(request)
    run_script(text, tmp_path, "sh")
    assert (tmp_path / "it's a log").read_text() == f"{signal.SIGUSR1:d}\n"


def test_nothing_surrounding_reaches_a_submission() -> None:
    command = bare(["env"], ("SLURM_CONF", "SLURM_CLUSTERS"))
    environment = {"PATH": os.environ["PATH"], "HOME": "/it's a home", **OUTER, **MEANT}
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=60, check=True
    )
    assert sorted(done.stdout.splitlines()) == [
        "HOME=/it's a home", f"PATH={environment['PATH']}", "SLURM_CONF=/c"
    ]  # fmt: skip


@pytest.mark.parametrize("scheduler", ALL, ids=lambda one: one.name)
def test_an_enclosing_job_is_stripped(scheduler: Scheduler) -> None:
    environment = {"PATH": os.environ["PATH"], **OUTER, **MEANT}
    kept = stripped(scheduler, environment)
    assert "OTHER" in kept
    assert any(name in kept for name in scheduler.environment_kept)
    done = subprocess.run(
        ["sh", "-c", stripping(scheduler) + "env"],
        env=environment, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    told = {line.partition("=")[0] for line in done.stdout.splitlines()}
    assert told - {"PWD", "_", "SHLVL", "PBS_A"} == kept.keys()


@given(st.text(), st.sampled_from([15, 64]))
def test_every_name_fits(name: str, longest: int) -> None:
    fitting = fit_name(name, longest=longest)
    assert fitting.isascii()
    assert fitting[0].isalpha()
    assert len(fitting) <= longest
    assert not set(fitting) & set(" /:@\\*?|,'\"\n")
    assert fit_name(fitting, longest=longest) == fitting


def test_times() -> None:
    assert [hours(seconds) for seconds in (0.1, 59.5, 3600, 90061)] == [
        "0:00:01", "0:01:00", "1:00:00", "25:01:01"
    ]  # fmt: skip
