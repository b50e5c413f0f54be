"""A real Grid Engine does what it is told, and says what is understood."""

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
from yarnkernel.jobs.grid_engine import GridEngine
from yarnkernel.jobs.queue_watch import SHORTEST, QueueWatch
from yarnkernel.jobs.scheduler import JobPhase

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.daemons import BatchSystem

#: Says when it is there, and which signals come; ends by itself when it is told to.
LISTENER = f"""\
exec {shlex.quote(sys.executable)} -c '
import signal, sys, time
signal.signal(signal.SIGUSR1, lambda number, _: print(number, flush=True))
signal.signal(signal.SIGUSR2, lambda number, _: (print(number, flush=True), sys.exit(5)))
print("there", flush=True)
while True:
    time.sleep(1)
'
"""


@pytest.fixture(scope="module")
def bench(grid_engine: BatchSystem, tmp_path_factory: pytest.TempPathFactory) -> Iterator[JobBench]:
    bench = JobBench(GridEngine(), grid_engine, tmp_path_factory.mktemp("sge jobs"))
    yield bench
    bench.run(["qdel", *bench.logs])


@pytest.fixture(scope="module")
def ids(bench: JobBench) -> dict[str, str]:
    """Jobs that run side by side, as each has something to wait for."""
    return {
        # Before all others, which take any queue.
        "first": bench.submit("echo there; exec sleep 100", queue="narrow.q"),
        "second": bench.submit("exec true", queue="narrow.q"),
        "late": bench.submit("echo there; exec sleep 100", time=2),
        "warned": bench.submit(LISTENER, arguments=("-l", "s_rt=2")),
        "held": bench.submit("exec true", arguments=("-h",)),
        "begins": bench.submit("exec true", arguments=("-a", "203001010000")),
        "greedy": bench.submit("exec true", memory=10**7),
        "no directory": bench.submit("exec true", arguments=("-wd", "/no/such")),
        "3": bench.submit("exit 3"),
        "no program": bench.submit("exec /no/such"),
        "signal": bench.submit("exec sh -c 'kill -SEGV $$'"),
        "no log": bench.submit("exec true", log="/no/such/log"),
        "told": bench.submit(LISTENER),
        "deaf": bench.submit("echo there; exec sleep 100"),
    }


def test_a_job_gets_what_it_asks_for_and_nothing_of_what_surrounds_it(bench: JobBench) -> None:
    bench.variables = {"SECRET": "x", "NSLOTS": "7", "SGE_TASK_ID": "7"}
    body = "#$ -N other\nshopt login_shell; pwd; env; exec cat"
    try:
        job = bench.submit(body, cpus=2, pe="smp", memory=600, time=300)
    finally:
        bench.variables = {}
    assert bench.ended(job).reason == "it ended with exit code 0"
    log = bench.log(job)
    assert re.search(r"^login_shell\s+on$", log, re.MULTILINE)
    assert f"\n{bench.directory}\n" in log
    assert "\nNSLOTS=2\n" in log
    assert "\nJOB_NAME=yk-test\n" in log
    assert "SECRET=" not in log


@pytest.mark.parametrize(
    ("job", "words"),
    [
        ("held", "waits: Job is in hold state"),
        ("begins", "waits: execution time not reached"),
        ("greedy", "waits: (-l mem_free=10000000M) cannot run at host"),
        ("second", "waits: "),
        ("no directory", "will never start: can't chdir to /no/such: No such file or directory"),
    ],
)
def test_why_a_job_waits(bench: JobBench, ids: dict[str, str], job: str, words: str) -> None:
    status = bench.reason(ids[job], words)
    assert status.hopeless is words.startswith("will never")


@pytest.mark.parametrize(
    ("job", "words", "exit_code"),
    [
        ("3", "it ended with exit code 3", 3),
        ("no program", "it ended with exit code 127", 127),
        ("signal", "killed by signal 11 (failed 100 : assumedly after job)", 139),
        ("no log", "it ended with exit code 1", 1),
        ("late", "the time limit was reached (failed 37", 137),
    ],
)
def test_how_a_job_ended(
    bench: JobBench, ids: dict[str, str], job: str, words: str, exit_code: int | None
) -> None:
    status = bench.ended(ids[job])
    assert status.reason.startswith(words)
    assert status.exit_code == exit_code
    assert status.host


def test_the_time_limit_is_announced(bench: JobBench, ids: dict[str, str]) -> None:
    heard = f"there\n{signal.SIGUSR1:d}\n"
    wait_for(lambda: bench.log(ids["warned"]).startswith(heard), 10, "SIGUSR1")


def test_cancelling(bench: JobBench, ids: dict[str, str]) -> None:
    assert bench.running(ids["told"]).host
    bench.running(ids["deaf"])
    bench.cancel(ids["told"])
    bench.cancel(ids["deaf"], force=True)
    assert bench.ended(ids["told"]).reason == "it ended with exit code 5"
    assert bench.log(ids["told"]) == f"there\n{signal.SIGUSR2:d}\n"
    assert bench.ended(ids["deaf"]).reason.startswith("cancelled by somebody, or killed by signal")


def test_a_job_whose_id_got_lost_is_cancelled_by_its_name(bench: JobBench) -> None:
    lost = bench.submit("exec sleep 100", name="7 it's lost", arguments=("-h",))
    assert bench.run(bench.scheduler.cancellation_by_name("7 it's lost")).code == 0
    assert lost not in bench.statuses()


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"queue": "nope"}, 'unknown queue "nope"'),
        ({"pe": "nope"}, 'parallel environment "nope" does not exist'),
        ({"gpus": 1}, 'unknown resource "gpu"'),
        ({"account": "nope"}, 'project "nope" does not exist'),
        ({"cpus": 99, "pe": "smp"}, "no suitable queues"),
    ],
)
def test_a_refusal_has_grid_engine_s_words(
    bench: JobBench, fields: dict[str, str | int], words: str
) -> None:
    with pytest.raises(SubmitError, match=words):
        bench.submit("exec true", **fields)


def test_a_job_that_nobody_knows_has_not_ended(bench: JobBench) -> None:
    completed = bench.run(bench.scheduler.look_back("999999"))
    assert completed.code == 1
    assert bench.scheduler.ended("999999", completed, "") is None


def test_a_master_that_hangs_or_is_gone_says_nothing_of_jobs(
    bench: JobBench, ids: dict[str, str]
) -> None:
    clock = [0.0]
    watch = QueueWatch(
        bench.scheduler, lambda command: bench.run(command, timeout=1), clock=lambda: clock[0]
    )

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
    assert "no answer within" in watch.trouble
    clock[0] += SHORTEST
    assert phase() is JobPhase.RUNNING
    assert not watch.trouble

    bench.variables = {"SGE_QMASTER_PORT": "1"}
    try:
        with pytest.raises(SchedulerDownError, match=r"does not answer.*got send error"):
            bench.statuses()
        completed = bench.run(bench.scheduler.look_back(ids["first"]))
    finally:
        bench.variables = {}
    assert bench.scheduler.ended(ids["first"], completed, "") is None
