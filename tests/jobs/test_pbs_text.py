"""PBS's commands and answers: from recorded text alone, as no server is to be had.

The text is OpenPBS's, as sites and users of theirs have published it.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yarnkernel.completed import Completed
from yarnkernel.errors import SchedulerDownError, SubmitError, UsageError
from yarnkernel.jobs.pbs import Pbs
from yarnkernel.jobs.scheduler import JobPhase, JobRequest

PBS = Pbs()
PLAIN = JobRequest(name="yk-1", body="exec true", log="/home/me/log", directory="/home/me")
QUEUED = """\
Job Id: {id}.pbs
    Job_Name = yk-1
    Job_Owner = me@login
    job_state = {state}
    queue = v1
    server = pbs1
    Error_Path = login:/home/me/a directory with a long name/yk
\t-1.e17
    Resource_List.ncpus = 4
    Resource_List.select = 1:ncpus=4:mem=8gb:ngpus=1:gpu_type=RTX6000:mpiprocs=
\t4:ompthreads=1
    Variable_List = PBS_O_SYSTEM=Linux,PBS_O_SHELL=/bin/bash,
\tPBS_O_HOME=/home/me,X=a
    job_state = F
    comment = {comment}
    {more}
"""
ENDED = """\
Job Id: 17.pbs
    Job_Name = yk-1
    job_state = F
    exec_host = n1/0*2+n2/0
    comment = {comment}
    {status}
"""
UNKNOWN = "qstat: Unknown Job Id 18.pbs\n"


def answer(out: str = "", err: str = "", code: int = 0) -> Completed:
    return Completed(code, out, err)


def options(request: JobRequest) -> list[str]:
    argv, _ = PBS.submission(request)
    return argv[argv.index("qsub") + 1 :]


def test_everything_stands_on_the_command_line_and_the_script_comes_by_stdin() -> None:
    request = replace(
        PLAIN,
        name="yk-of a very long name",
        cpus=2,
        memory=4096,
        time=3600,
        queue="short",
        account="physics",
        gpus=1,
        arguments=("-l", "place=excl"),
    )
    assert " ".join(options(request)) == (
        "-q short -A physics -l select=1:ncpus=2:mem=4096mb:ngpus=1 -l walltime=1:00:00 "
        "-l place=excl -C  -S /bin/sh -j oe -o /dev/null -r n -N yk-of-a-very-lo"
    )
    _, stdin = PBS.submission(request)
    assert "exec >>/home/me/log 2>&1 || exit\ncd /home/me || exit\n(sleep 3540 && kill" in stdin
    assert stdin.endswith("exec true\n")
    _, stdin = PBS.submission(replace(PLAIN, time=100))
    assert "sleep" not in stdin


@given(name=st.text(), queue=st.text(), account=st.text())
def test_no_value_becomes_an_option(name: str, queue: str, account: str) -> None:
    try:
        words = options(replace(PLAIN, name=name, queue=queue, account=account))
    except UsageError:
        return
    plain = set(options(replace(PLAIN, queue="q", account="a")))
    assert {word for word in words if word.startswith("-")} <= plain
    assert 0 < len(words[-1]) <= 15


@pytest.mark.parametrize(
    "out", ["17.pbs\n", "17\n", "You have 12 hours left.\n17.pbs-1.site.org\n"]
)
def test_the_id_is_found_among_other_output(out: str) -> None:
    assert PBS.submitted_id(answer(out)) == "17"


@pytest.mark.parametrize(
    ("completed", "words"),
    [
        (answer(err="qsub: Unknown queue\n", code=1), "qsub: Unknown queue"),
        (answer(err="sh: 1: qsub: not found\n", code=127), "qsub: not found"),
        (answer("17[].pbs\n"), "17"),
        (answer(code=1), "it says nothing"),
    ],
)
def test_a_refusal_has_the_scheduler_s_words(completed: Completed, words: str) -> None:
    with pytest.raises(SubmitError, match=words):
        PBS.submitted_id(completed)


@pytest.mark.parametrize(
    ("state", "comment", "more", "reason"),
    [
        (
            "Q",
            "Not Running: Insufficient amount of resource: ncpus ",
            "estimated.start_time = Tue Feb 14 02:10:01 2023",
            (
                "waits: Not Running: Insufficient amount of resource: ncpus, expected at Tue "
                "Feb 14 02:10:01 2023"
            ),
        ),
        (
            "Q",
            "Can Never Run: Insufficient amount of resource: mem (R: 9tb A: 1tb T: 1tb)",
            "",
            (
                "will never start: Can Never Run: Insufficient amount of resource: mem (R: 9tb A: "
                "1tb T: 1tb)"
            ),
        ),
        ("H", "", "", "waits: held"),
        ("Q", "", "", "waits: it is Q"),
    ],
)
def test_why_a_job_waits(state: str, comment: str, more: str, reason: str) -> None:
    text = QUEUED.format(id=17, state=state, comment=comment, more=more)
    status = PBS.statuses(answer(text))["17"]
    assert status.phase is JobPhase.WAITING
    assert status.reason == reason
    assert status.hopeless is reason.startswith("will never")
    assert status.cpus == 4


def test_one_answer_tells_of_all_jobs() -> None:
    text = "\n".join(
        QUEUED.format(id=i, state=state, comment="", more="exec_host = n1/0*2+n2/0")
        for i, state in enumerate("RESUCFZ")
    )
    statuses = PBS.statuses(answer(text, UNKNOWN, 153))
    assert [status.phase for status in statuses.values()] == [
        *[JobPhase.RUNNING] * 4, JobPhase.ENDED, JobPhase.ENDED, JobPhase.UNKNOWN
    ]  # fmt: skip
    assert statuses["0"].host == "n1"
    assert PBS.statuses(answer()) == {}
    assert PBS.statuses(answer(err=UNKNOWN, code=153)) == {}
    assert PBS.statuses(answer(err="qstat: 18.pbs Job has finished, use -x\n", code=35)) == {}


@pytest.mark.parametrize(
    "completed",
    [
        answer(err="qselect: cannot connect to server pbs (errno=15010)\n", code=1),
        answer(err=f"{UNKNOWN}Connection refused\nqstat: cannot connect to server\n", code=255),
        answer(err="sh: 1: qselect: not found\n", code=127),
        answer(code=1),
    ],
)
def test_a_scheduler_that_does_not_answer_is_not_a_job_that_died(completed: Completed) -> None:
    with pytest.raises(SchedulerDownError, match="does not answer"):
        PBS.statuses(completed)
    with pytest.raises(SchedulerDownError, match="does not answer"):
        PBS.ended("17", completed, "")


@given(st.text())
def test_any_text_is_read(text: str) -> None:
    PBS.statuses(answer(QUEUED.format(id=1, state="Q", comment=text, more=text) + text))
    PBS.ended("1", answer(text), text)


RUN = "Job run at Wed Nov 25 at 21:58 on (n1:ncpus=2)"


@pytest.mark.parametrize(
    ("status", "comment", "words", "exit_code"),
    [
        ("Exit_status = 0", f"{RUN} and finished", "it ended with exit code 0", 0),
        ("Exit_status = 3", f"{RUN} and failed", "it ended with exit code 3", 3),
        ("Exit_status = 254", f"{RUN} and failed", "it ended with exit code 254", 254),
        ("Exit_status = 265", f"{RUN} and failed", "killed by signal 9", 137),
        ("Exit_status = 271", f"{RUN} and terminated", "cancelled by somebody", 143),
        ("Exit_status = -27", f"{RUN} and failed", "out of memory", None),
        ("Exit_status = -29", f"{RUN} and failed", "the time limit was reached", None),
        ("Exit_status = -3", f"{RUN} and failed", "it could not be run to its end", None),
        ("", "Not Running: Node is in an ineligible state: down and terminated", "cancelled", None),
        ("", "", "it has ended", None),
    ],
)
def test_an_end_is_a_sentence(status: str, comment: str, words: str, exit_code: int | None) -> None:
    ended = PBS.ended("17", answer(ENDED.format(status=status, comment=comment)), "")
    assert ended is not None
    assert (ended.phase, ended.host) == (JobPhase.ENDED, "n1")
    assert words in ended.reason
    assert ended.exit_code == exit_code


@pytest.mark.parametrize(
    "completed",
    [
        answer(QUEUED.format(id=17, state="R", comment="", more="")),
        answer(QUEUED.format(id=18, state="F", comment="", more="")),
        answer(err=UNKNOWN, code=153),
        answer(err="qstat: PBS is not configured to maintain job history\n", code=1),
    ],
)
def test_no_end_is_made_up(completed: Completed) -> None:
    assert PBS.ended("17", completed, "") is None


def test_cancelling() -> None:
    assert PBS.cancellation("17", force=False) == ["qdel", "17"]
    assert PBS.cancellation("17", force=True) == ["qdel", "-W", "force", "17"]
    assert "-N yk-1)" in PBS.cancellation_by_name("yk-1")[2]
