"""How seldom a scheduler is asked, and when a job counts as dead."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

from yarnkernel.completed import Completed
from yarnkernel.errors import SchedulerDownError
from yarnkernel.jobs.queue_watch import LONGEST, SHORTEST, QueueWatch
from yarnkernel.jobs.scheduler import JobPhase
from yarnkernel.jobs.shared_answer import SharedAnswer
from yarnkernel.jobs.slurm import Slurm

if TYPE_CHECKING:
    from pathlib import Path

DOWN = Completed(1, "", "slurm_load_jobs error: Unable to contact slurm controller\n")
FORGOTTEN = Completed(1, "", "slurm_load_jobs error: Invalid job id specified\n")
SHOWN = Completed(
    0, "JobId=1 JobName=x JobState=TIMEOUT Reason=TimeLimit ExitCode=0:15 Comment=\n", ""
)
RUNNING = "1|RUNNING|n1|N/A|1|None\n"
ENDED = "1|TIMEOUT|n1|N/A|1|TimeLimit\n"


class Host:
    """A host whose scheduler has these answers, and what it was asked when."""

    def __init__(self) -> None:
        self.now = 0.0
        self.queue: Completed | Exception = Completed(0, RUNNING, "")
        self.back = FORGOTTEN
        self.queries: list[float] = []
        self.looked_back = 0
        self.watch = QueueWatch(Slurm(), self.run, clock=lambda: self.now)

    def list(self, text: str) -> None:
        self.queue = Completed(0, text, "")

    def run(self, command: str) -> Completed:
        if "squeue" not in command:
            self.looked_back += 1
            return self.back
        self.queries.append(self.now)
        if isinstance(self.queue, Exception):
            raise self.queue
        return self.queue

    def phase_after(self, seconds: float) -> JobPhase | None:
        self.now += seconds
        status = self.watch.status("1")
        return status.phase if status else None


@pytest.fixture
def host() -> Host:
    return Host()


def test_many_kernels_are_one_question_in_ten_seconds(host: Host) -> None:
    for tenth in range(600):
        host.now = tenth / 10
        # Their number goes on changing, so that there is news all the time.
        host.list("".join(f"{i}|RUNNING|n1|N/A|1|None\n" for i in range(tenth)))
        for job in range(min(tenth, 100)):
            host.watch.status(str(job))
    gaps = [b - a for a, b in zip(host.queries, host.queries[1:], strict=False)]
    assert gaps
    assert min(gaps) >= SHORTEST


def test_questions_become_seldom_while_nothing_changes(host: Host) -> None:
    for second in range(1000):
        host.now = float(second)
        host.watch.status("1")
    gaps = [b - a for a, b in zip(host.queries, host.queries[1:], strict=False)]
    assert gaps[0] == SHORTEST
    assert gaps == sorted(gaps)
    assert gaps[-1] == LONGEST
    host.list("1|PENDING|n/a|N/A|1|Priority\n")
    assert host.phase_after(LONGEST) is JobPhase.WAITING
    assert host.phase_after(SHORTEST) is JobPhase.WAITING
    assert host.queries[-1] - host.queries[-2] == SHORTEST


def test_an_answer_from_before_a_job_does_not_count(host: Host) -> None:
    host.watch.status("1")
    host.now = 5
    assert host.watch.status("2") is None
    host.now = 10
    status = host.watch.status("2")
    assert status
    assert status.phase is JobPhase.UNKNOWN
    assert host.looked_back == 1


def test_not_in_the_queue_and_known_to_have_ended_is_dead(host: Host) -> None:
    assert host.phase_after(0) is JobPhase.RUNNING
    host.list("")
    host.back = SHOWN
    assert host.phase_after(SHORTEST) is JobPhase.ENDED
    status = host.watch.status("1")
    assert status
    assert status.reason == "the time limit was reached (TIMEOUT)"
    assert host.phase_after(1000) is JobPhase.ENDED
    assert len(host.queries) == 2


def test_not_in_the_queue_twice_is_dead(host: Host) -> None:
    assert host.phase_after(0) is JobPhase.RUNNING
    host.list("")
    assert host.phase_after(SHORTEST) is JobPhase.UNKNOWN
    host.list(RUNNING)
    assert host.phase_after(SHORTEST) is JobPhase.RUNNING
    host.list("")
    assert host.phase_after(SHORTEST) is JobPhase.UNKNOWN
    host.queue = DOWN
    assert host.phase_after(SHORTEST) is JobPhase.UNKNOWN
    host.list("")
    assert host.phase_after(LONGEST) is JobPhase.ENDED
    status = host.watch.status("1")
    assert status
    assert "does not tell how it ended" in status.reason


def test_ended_in_the_queue_is_asked_for_more_and_believed_the_second_time(host: Host) -> None:
    host.list(ENDED)
    assert host.phase_after(0) is JobPhase.UNKNOWN
    assert host.phase_after(SHORTEST) is JobPhase.ENDED
    assert host.looked_back == 2


def test_looking_back_in_vain_is_no_death(host: Host) -> None:
    host.list("")
    host.back = DOWN
    for _ in range(5):
        assert host.phase_after(LONGEST) is JobPhase.UNKNOWN


@pytest.mark.parametrize(
    "fault",
    [DOWN, OSError("the line is down"), SchedulerDownError("it is down"), TimeoutError("x")],
)
def test_scheduler_down_is_unknown_and_asked_less_often(
    host: Host, fault: Completed | Exception
) -> None:
    assert host.phase_after(0) is JobPhase.RUNNING
    assert not host.watch.trouble
    host.queue = fault
    for second in range(600):
        host.now = 10.0 + second
        status = host.watch.status("1")
        assert status
        assert (status.phase, status.state) == (JobPhase.UNKNOWN, "RUNNING")
        assert host.watch.trouble in status.reason
    assert host.watch.trouble
    assert len(host.queries) < 18
    host.list(RUNNING)
    assert host.phase_after(LONGEST) is JobPhase.RUNNING
    assert not host.watch.trouble


def test_who_is_forgotten_is_not_looked_back_at(host: Host) -> None:
    host.watch.status("1")
    host.watch.status("2")
    host.watch.forget("1")
    host.list("2|RUNNING|n1|N/A|1|None\n")
    host.now = LONGEST
    host.watch.status("2")
    assert host.looked_back == 0


def test_threads_do_not_wait_for_who_asks() -> None:
    asked, go_on = threading.Event(), threading.Event()
    commands = []

    def run(command: str) -> Completed:
        commands.append(command)
        asked.set()
        assert go_on.wait(10)
        return Completed(0, RUNNING, "")

    watch = QueueWatch(Slurm(), run)
    asking = threading.Thread(target=watch.status, args=("1",))
    asking.start()
    assert asked.wait(10)
    assert watch.status("1") is None
    go_on.set()
    asking.join(10)
    status = watch.status("1")
    assert status
    assert status.phase is JobPhase.RUNNING
    assert len(commands) == 1


def test_an_interrupted_question_does_not_silence_the_next(host: Host) -> None:
    host.queue = Completed(0, RUNNING, "")
    interrupted = host.queue

    def run(command: str) -> Completed:
        if not host.queries:
            host.queries.append(0)
            raise KeyboardInterrupt
        assert command
        return interrupted

    watch = QueueWatch(Slurm(), run, clock=lambda: host.now)
    with pytest.raises(KeyboardInterrupt):
        watch.status("1")
    host.now = SHORTEST
    status = watch.status("1")
    assert status
    assert status.phase is JobPhase.RUNNING


#: A process that asks after two jobs of a scheduler whose command counts its calls.
ASKS = """
import subprocess, sys
from yarnkernel.completed import Completed
from yarnkernel.jobs.queue_watch import QueueWatch
from yarnkernel.jobs.shared_answer import SharedAnswer
from yarnkernel.jobs.slurm import Slurm

def run(command):
    subprocess.run(["sh", "-c", 'echo x >>"$1"; sleep 0.5', "sh", sys.argv[1]], check=True)
    return Completed(0, "1|RUNNING|n1|N/A|1|None\\n", "")

watch = QueueWatch(Slurm(), run, shared=SharedAnswer("slurm@me@box/../x"))
print([getattr(watch.status("1", age=age), "state", None) for age in (float(sys.argv[2]),)])
"""


def test_processes_share_a_question(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    calls = tmp_path / "calls"
    command = [sys.executable, "-c", ASKS, str(calls), "100"]
    several = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    assert [one.communicate(timeout=60)[0] for one in several] == ["['RUNNING']\n"] * 4
    assert calls.read_text() == "x\n"
    (kept,) = (tmp_path / "state/yarnkernel/schedulers").glob("*.json")
    assert kept.stat().st_mode & 0o077 == 0
    # What was asked before a job was submitted says nothing about it.
    late = subprocess.run(
        [*command[:-1], "0"], capture_output=True, text=True, timeout=60, check=True
    )
    assert late.stdout == "[None]\n"


def test_shared_answer_that_is_old_or_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    shared = SharedAnswer("slurm@here")
    answers = [Completed(0, str(number), "") for number in range(5)]
    asked = iter(answers)
    assert shared.get(lambda: next(asked), 10, 5)[0] == answers[0]
    assert shared.get(lambda: next(asked), 10, 5)[0] == answers[0]
    assert shared.get(lambda: next(asked), 0, 5)[0] == answers[1]
    (kept,) = tmp_path.glob("*/*/*.json")
    # By a clock that was set back since.
    kept.write_text(json.dumps({**json.loads(kept.read_text()), "asked": time.time() + 1000}))
    assert shared.get(lambda: next(asked), 10, 5)[0] == answers[2]
    kept.write_text("{")
    assert shared.get(lambda: next(asked), 10, 5)[0] == answers[3]


def test_another_process_has_no_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))

    def ask() -> Completed:
        with pytest.raises(SchedulerDownError, match=r"no answer within 0 s"):
            SharedAnswer("slurm@here").get(ask, 10, 0.3)
        return Completed(0, "", "")

    SharedAnswer("slurm@here").get(ask, 10, 5)


def test_one_answer_is_about_all_jobs(host: Host) -> None:
    """As `list` wants it, which looks at one after the other."""
    host.list(RUNNING + "2|PENDING||N/A|1|Priority\n")
    host.back = SHOWN
    found = [host.watch.status(job, age=100) for job in ("1", "2", "3")]
    assert [one.phase for one in found if one] == [
        JobPhase.RUNNING,
        JobPhase.WAITING,
        JobPhase.ENDED,
    ]
    assert host.watch.status("4") is None  # submitted since
    assert len(host.queries) == 1
