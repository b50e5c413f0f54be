"""A real Slurm does what it is told, and says what is understood."""

from __future__ import annotations

import re
import shlex
import signal
import sys
from typing import TYPE_CHECKING

import pytest

from tests.conftest import wait_for
from tests.support.job_bench import JobBench
from yarnkernel.errors import SchedulerDownError, SubmitError
from yarnkernel.jobs.queue_watch import SHORTEST, QueueWatch
from yarnkernel.jobs.scheduler import JobPhase
from yarnkernel.jobs.slurm import Slurm

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.daemons import BatchSystem

#: Says when it is there, and which signals come.
LISTENER = f"""\
exec {shlex.quote(sys.executable)} -c '
import signal, time
for name in ("USR1", "TERM"):
    signal.signal(getattr(signal, "SIG" + name), lambda number, _: print(number, flush=True))
print("there", flush=True)
while True:
    time.sleep(1)
'
"""
GREEDY = f"""\
exec {shlex.quote(sys.executable)} -c '
import time
kept = bytearray(600 << 20)
kept[::4096] = b"x" * len(kept[::4096])
time.sleep(60)
'
"""


@pytest.fixture(scope="module")
def bench(slurm: BatchSystem, tmp_path_factory: pytest.TempPathFactory) -> Iterator[JobBench]:
    bench = JobBench(Slurm(), slurm, tmp_path_factory.mktemp("slurm jobs"))
    yield bench
    bench.run(["scancel", "--signal=KILL", "--full", *bench.logs])


@pytest.fixture(scope="module")
def ids(bench: JobBench) -> dict[str, str]:
    """Jobs that run side by side, as each has something to wait for."""
    ids = {
        # Slurm looks at time limits twice a minute.
        "warned": bench.submit(LISTENER, time=60),
        "late": bench.submit("echo there; exec sleep 100"),
        "too many": bench.submit("exec true", cpus=17),
        "too long": bench.submit("exec true", queue="short", time=600),
        "begins": bench.submit("exec true", arguments=("--begin=now+2hours",)),
        "held": bench.submit("exec true", arguments=("--hold",)),
        "3": bench.submit("exit 3"),
        "no program": bench.submit("exec /no/such"),
        "signal": bench.submit("exec sh -c 'kill -SEGV $$'"),
        "no log": bench.submit("exec true", log="/no/such/log"),
        "greedy": bench.submit(GREEDY, memory=100),
        "cancelled": bench.submit("echo there; exec sleep 100"),
        "killed": bench.submit("trap '' TERM; echo there; exec sleep 100"),
        "first": bench.submit("echo there; exec sleep 100", queue="narrow"),
        "second": bench.submit("exec true", queue="narrow"),
    }
    depending = f"--dependency=afterok:{ids['3']}"
    ids["in vain"] = bench.submit("exec true", arguments=(depending,))
    bench.running(ids["late"])
    ended = bench.run(["scontrol", "update", f"JobId={ids['late']}", "EndTime=now+1"])
    assert ended.code == 0, ended
    return ids


def test_a_job_gets_what_it_asks_for_and_nothing_of_what_surrounds_it(bench: JobBench) -> None:
    bench.variables = {
        "SECRET": "x", "SLURM_CPU_BIND": "quiet,mask_cpu:0x1", "SBATCH_PARTITION": "nope",
        "SLURM_MEM_PER_CPU": "1",
    }  # fmt: skip
    try:
        job = bench.submit("shopt login_shell; pwd; env; exec cat", cpus=2, memory=600, time=120)
    finally:
        bench.variables = {}
    assert bench.ended(job).reason == "it ended with exit code 0 (COMPLETED)"
    log = bench.log(job)
    assert re.search(r"^login_shell\s+on$", log, re.MULTILINE)
    assert f"\n{bench.directory}\n" in log
    assert "\nSLURM_CPUS_PER_TASK=2\n" in log
    assert "\nSLURM_MEM_PER_NODE=600\n" in log
    assert re.search("^HOME=/", log, re.MULTILINE)
    for unwanted in ("SECRET=", "SLURM_CPU_BIND=", "SLURM_MEM_PER_CPU", "GET_USER_ENV"):
        assert unwanted not in log


@pytest.mark.parametrize(
    ("job", "words"),
    [
        ("too many", "will never start: PartitionConfig (its partition has no such resources)"),
        ("too long", "will never start: PartitionTimeLimit (it asks for more time than its parti"),
        ("in vain", "will never start: DependencyNeverSatisfied"),
        ("begins", "waits: BeginTime (its time to begin has not come), expected at "),
        ("held", "waits: JobHeldUser (it is held by its user: scontrol release)"),
        ("second", "waits: Resources (for resources to become free)"),
    ],
)
def test_why_a_job_waits(bench: JobBench, ids: dict[str, str], job: str, words: str) -> None:
    status = bench.reason(ids[job], words)
    assert status.state == "PENDING"
    assert status.hopeless is words.startswith("will never")
    assert (status.expected is not None) is ("expected" in status.reason)


@pytest.mark.parametrize(
    ("job", "words", "exit_code"),
    [
        ("3", "it ended with exit code 3 (FAILED)", 3),
        ("no program", "it ended with exit code 127 (FAILED)", 127),
        ("signal", "killed by signal 11 (FAILED)", 139),
        ("no log", "the node could not open its log (JobLaunchFailure)", None),
        ("greedy", "out of memory (FAILED)", 137),
    ],
)
def test_how_a_job_ended(
    bench: JobBench, ids: dict[str, str], job: str, words: str, exit_code: int | None
) -> None:
    status = bench.ended(ids[job])
    assert status.reason == words
    assert status.exit_code == exit_code


def test_cancelling(bench: JobBench, ids: dict[str, str]) -> None:
    assert bench.running(ids["cancelled"]).host
    bench.running(ids["killed"])
    bench.cancel(ids["cancelled"])
    bench.cancel(ids["killed"], force=True)
    bench.cancel(ids["held"])
    reasons = {bench.ended(ids[name]).reason for name in ("cancelled", "killed", "held")}
    assert reasons == {"cancelled by somebody (CANCELLED)"}
    assert bench.ended(ids["cancelled"]).exit_code == 143
    assert bench.ended(ids["killed"]).exit_code == 137
    assert bench.ended(ids["held"]).exit_code is None
    assert bench.statuses()[ids["killed"]].phase is JobPhase.ENDED


def test_a_job_whose_id_got_lost_is_cancelled_by_its_name(bench: JobBench) -> None:
    lost = bench.submit("exec sleep 100", name="yk-it's lost", arguments=("--hold",))
    assert bench.run(bench.scheduler.cancellation_by_name("yk-it's lost")).code == 0
    assert "cancelled" in bench.ended(lost).reason


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"queue": "nope"}, "invalid partition specified: nope"),
        ({"gpus": 1}, "Invalid generic resource"),
        ({"memory": 10**6}, "Memory specification can not be satisfied"),
        ({"arguments": ("--constraint=nope",)}, "Invalid feature specification"),
    ],
)
def test_a_refusal_has_slurm_s_words(
    bench: JobBench, fields: dict[str, str | int], words: str
) -> None:
    with pytest.raises(SubmitError, match=words):
        bench.submit("exec true", **fields)


def test_a_job_that_nobody_knows_has_not_ended(bench: JobBench) -> None:
    completed = bench.run(bench.scheduler.look_back("999999"))
    assert completed.code == 1
    assert bench.scheduler.ended("999999", completed, "") is None


def test_a_controller_that_hangs_or_is_gone_says_nothing_of_jobs(
    bench: JobBench, ids: dict[str, str]
) -> None:
    clock = [0.0]
    watch = QueueWatch(bench.scheduler, bench.run, clock=lambda: clock[0])

    def phase() -> JobPhase:
        clock[0] += SHORTEST
        status = watch.status(ids["first"])
        assert status
        return status.phase

    assert phase() is JobPhase.RUNNING
    bench.system.controller.send_signal(signal.SIGSTOP)
    try:
        assert phase() is JobPhase.UNKNOWN
    finally:
        bench.system.controller.send_signal(signal.SIGCONT)
    assert "Slurm does not answer" in watch.trouble
    clock[0] += SHORTEST
    assert phase() is JobPhase.RUNNING
    assert not watch.trouble

    text = (bench.system.directory / "slurm.conf").read_text()
    elsewhere = bench.system.directory / "elsewhere.conf"
    elsewhere.write_text(re.sub("SlurmctldPort=.*", "SlurmctldPort=1", text))
    bench.variables = {"SLURM_CONF": str(elsewhere)}
    try:
        with pytest.raises(SchedulerDownError, match=r"does not answer.*connect failure"):
            bench.statuses()
    finally:
        bench.variables = {}


def test_the_time_limit_is_announced_and_then_reached(bench: JobBench, ids: dict[str, str]) -> None:
    assert bench.ended(ids["late"], timeout=60).reason == "the time limit was reached (TIMEOUT)"
    heard = f"there\n{signal.SIGUSR1:d}\n"
    wait_for(lambda: bench.log(ids["warned"]).startswith(heard), 20, "SIGUSR1")
    bench.running(ids["warned"])
