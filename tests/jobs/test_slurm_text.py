"""Slurm's commands and answers, from text of Slurm 22.05 where nothing else is said."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yarnkernel.completed import Completed
from yarnkernel.errors import SchedulerDownError, SubmitError, UsageError
from yarnkernel.jobs.job_script import expectation
from yarnkernel.jobs.scheduler import JobPhase, JobRequest
from yarnkernel.jobs.slurm import PHASES, Slurm
from yarnkernel.jobs.slurm_reasons import in_words, is_hopeless

SLURM = Slurm()
PLAIN = JobRequest(name="yk-1", body="exec true", log="/home/me/log", directory="/home/me")
DOWN = (
    "slurm_load_jobs error: Unable to contact slurm controller (connect failure)\n",
    "slurm_load_jobs error: Socket timed out on send/recv operation\n",
    "slurm_load_jobs error: Protocol authentication error\n",
)
#: What `scontrol --oneliner show job` writes, shortened at the end.
SHOWN = (
    "JobId=20 JobName=yk-1 UserId=me(1001) GroupId=me(1001) MCS_label=N/A Priority=4294901740 "
    "Nice=0 Account=(null) QOS=(null) JobState={state} Reason={reason} Dependency=(null) Requeue=0 "
    "Restarts=0 BatchFlag=1 Reboot=0 ExitCode={code} RunTime=00:00:01 TimeLimit=00:01:00 "
    "TimeMin=N/A NodeList=n1 BatchHost=n1 NumNodes=1 NumCPUs=1 Command=(null) "
    "Comment= JobState=COMPLETED WorkDir=/home/me Power=\n"
)


def answer(out: str = "", err: str = "", code: int = 0) -> Completed:
    return Completed(code, out, err)


def test_everything_stands_on_the_command_line_and_the_script_comes_by_stdin() -> None:
    request = replace(
        PLAIN,
        cpus=2,
        memory=4096,
        time=90061.5,
        queue="short",
        account="physics",
        gpus=1,
        log="/home/me/50%",
        arguments=("-C", "fast&big", "--mem=1G"),
    )
    argv, stdin = SLURM.submission(request)
    argv = argv[argv.index("sbatch") :]
    assert argv[:10] == [
        "sbatch",
        "--nodes=1",
        "--ntasks=1",
        "--partition=short",
        "--account=physics",
        "--cpus-per-task=2",
        "--mem=4096M",
        "--time=25:01:02",
        "--gres=gpu:1",
        "-C",
    ]
    assert argv.index("--mem=4096M") < argv.index("--mem=1G") < argv.index("--parsable")
    assert "--output=/home/me/50%%" in argv
    assert "--signal=B:USR1@60" in argv
    assert stdin.startswith("#!/bin/sh\n")
    assert stdin.endswith("\nexec true\n")
    assert "#SBATCH" not in stdin


@given(
    request=st.builds(
        JobRequest,
        name=st.text(),
        body=st.text(),
        log=st.text(st.characters(exclude_characters="\\")).map("/{}".format),
        directory=st.text().map("/{}".format),
        cpus=st.integers(0, 10**6),
        memory=st.integers(0, 10**9),
        time=st.floats(0, 10**8),
        queue=st.text(),
        account=st.text(),
        gpus=st.integers(0, 100),
    )
)
def test_no_value_becomes_an_option(request: JobRequest) -> None:
    try:
        argv, stdin = SLURM.submission(request)
    except UsageError:
        return
    options = argv[argv.index("sbatch") + 1 :]
    names = [argument.partition("=")[0] for argument in options]
    assert len(set(names)) == len(names)
    assert all(name.startswith("--") for name in names)
    assert stdin.startswith("#!")


@pytest.mark.parametrize("value", ["-w", "a b", "a\nb", "a;b", "é"])
def test_what_is_no_name_is_refused(value: str) -> None:
    for request in (replace(PLAIN, queue=value), replace(PLAIN, account=value)):
        with pytest.raises(UsageError, match="cannot be the name of"):
            SLURM.submission(request)


@pytest.mark.parametrize("argument", ["-Mall", "--clusters=far", "--cluster=far"])
def test_other_clusters_are_the_environment_s(argument: str) -> None:
    with pytest.raises(UsageError, match="SLURM_CLUSTERS"):
        SLURM.submission(replace(PLAIN, arguments=(argument,)))


@pytest.mark.parametrize(
    "out", ["17\n", "17;far\n", "Your project has 12 hours left.\n17\n", "17;far\n\n"]
)
def test_the_id_is_found_among_other_output(out: str) -> None:
    assert SLURM.submitted_id(answer(out, "sbatch: a plugin's words\n")) == "17"


@pytest.mark.parametrize(
    ("completed", "words"),
    [
        (
            answer(
                err="sbatch: error: invalid partition specified: nope\nsbatch: error: Batch job "
                "submission failed: Invalid partition name specified\n",
                code=1,
            ),
            "error: invalid partition specified: nope error: Batch job submission failed",
        ),
        (answer(code=1), "it says nothing"),
        (answer("come again tomorrow 17x\n"), "come again tomorrow"),
        (answer("17\n", "sbatch: error: after all not\n", 1), "after all not"),
        (answer(err="sh: 1: sbatch: not found\n", code=127), "sbatch: not found"),
    ],
)
def test_a_refusal_has_the_scheduler_s_words(completed: Completed, words: str) -> None:
    with pytest.raises(SubmitError, match=words):
        SLURM.submitted_id(completed)


def test_one_answer_tells_of_all_jobs() -> None:
    statuses = SLURM.statuses(
        answer(
            "CLUSTER: far\n"
            "21|PENDING|n/a|N/A|16|PartitionConfig\n"
            "22|PENDING|n/a|1760000000|1|Resources\n"
            "23|PENDING|n/a|N/A|1|Nodes required for job are DOWN, DRAINED or reserved for jobs in "
            "higher priority partitions\n"
            "24|RUNNING|n1|1759990000|2|None\n"
            "25|CANCELLED by 0|n1|1759990000|2|None\n"
            "26|SUSPENDED|n1|1759990000|2|None\n"
            "27|NEWFANGLED|n1|N/A|2|a|b\n"
            "28_1|RUNNING|n1|N/A|2|None\n"
            "29|RUN\n"
        )
    )
    assert list(statuses) == ["21", "22", "23", "24", "25", "26", "27"]
    assert statuses["21"].hopeless
    assert statuses["21"].reason.startswith("will never start: PartitionConfig (its partition")
    assert statuses["21"].cpus == 16
    assert statuses["22"].expected == 1760000000
    assert statuses["22"].reason.startswith("waits: Resources (for resources to become free), exp")
    assert "reserved for jobs" in statuses["23"].reason
    assert not statuses["23"].hopeless
    assert (statuses["24"].phase, statuses["24"].host) == (JobPhase.RUNNING, "n1")
    assert (statuses["25"].phase, statuses["25"].state) == (JobPhase.ENDED, "CANCELLED")
    assert statuses["26"].reason == "suspended"
    assert statuses["27"].phase is JobPhase.UNKNOWN
    assert statuses["27"].reason == "waits: a|b"


@pytest.mark.parametrize("err", DOWN)
def test_a_scheduler_that_does_not_answer_is_not_a_job_that_died(err: str) -> None:
    with pytest.raises(SchedulerDownError, match="does not answer: slurm_load_jobs error"):
        SLURM.statuses(answer(err=err, code=1))
    disabled = "Slurm accounting storage is disabled\n"
    with pytest.raises(SchedulerDownError, match="does not answer: slurm_load_jobs error"):
        SLURM.ended("20", answer(err=err + disabled, code=1), "")


def test_what_cannot_be_asked_is_unknown_too() -> None:
    with pytest.raises(SchedulerDownError, match="squeue does not tell: sh: 1: squeue: not found"):
        SLURM.statuses(answer(err="sh: 1: squeue: not found\n", code=127))


@given(st.text())
def test_any_text_is_read(text: str) -> None:
    SLURM.statuses(answer(text))
    SLURM.ended("1", answer(text), text)
    in_words(text)
    is_hopeless(text)


@pytest.mark.parametrize(
    ("state", "code", "reason", "log", "words", "exit_code"),
    [
        ("COMPLETED", "0:0", "None", "", "it ended with exit code 0", 0),
        ("FAILED", "3:0", "NonZeroExitCode", "", "it ended with exit code 3", 3),
        ("FAILED", "0:11", "None", "", "killed by signal 11", 139),
        ("FAILED", "0:53", "JobLaunchFailure", "", "could not open its log", None),
        ("FAILED", "0:1", "BadConstraints", "", "no node is as it asks for", None),
        (
            "FAILED",
            "0:9",
            "JobLaunchFailure",
            (
                "slurmstepd-n1: error: StepId=24.batch exceeded memory limit "
                "(535732224 > 314572800), being killed\n"
            ),
            "out of memory",
            137,
        ),
        ("OUT_OF_MEMORY", "0:125", "OutOfMemory", "", "out of memory", None),
        ("TIMEOUT", "0:9", "TimeLimit", "", "the time limit was reached", 137),
        ("CANCELLED", "0:15", "None", "", "cancelled by somebody", 143),
        ("CANCELLED", "0:0", "PartitionConfig", "", "cancelled by somebody", None),
        ("NODE_FAIL", "1:0", "NodeDown", "", "the node failed", 1),
        ("PREEMPTED", "0:15", "None", "", "preempted", 143),
    ],
)
def test_an_end_is_a_sentence(  # noqa: PLR0917
    state: str, code: str, reason: str, log: str, words: str, exit_code: int | None
) -> None:
    shown = answer(SHOWN.format(state=state, code=code, reason=reason))
    ended = SLURM.ended("20", shown, log)
    assert ended is not None
    assert ended.phase is JobPhase.ENDED
    assert (ended.state, ended.host) == (state, "n1")
    assert words in ended.reason
    assert ended.exit_code == exit_code
    accounted = SLURM.ended("20", answer(f"{state}|{code}|n1\n"), log)
    assert accounted is not None
    assert accounted.exit_code == ended.exit_code or reason == "BadConstraints"


@pytest.mark.parametrize(
    "completed",
    [
        answer(SHOWN.format(state="RUNNING", code="0:0", reason="None")),
        answer(SHOWN.format(state="PENDING", code="0:0", reason="Resources")),
        answer(err="slurm_load_jobs error: Invalid job id specified\n"),
        answer(
            err="slurm_load_jobs error: Invalid job id specified\nSlurm accounting storage is "
            "disabled\n",
            code=1,
        ),
        answer("RUNNING|0:0|n1\n"),
    ],
)
def test_no_end_is_made_up(completed: Completed) -> None:
    assert SLURM.ended("20", completed, "") is None


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        (
            "QOSMaxCpuPerUserLimit",
            (
                "QOSMaxCpuPerUserLimit (a limit of its quality of service (QOS): processors for "
                "one user)"
            ),
        ),
        ("AssocGrpCPURunMinutesLimit", "(a limit of its account: processors over time together)"),
        ("QOSMaxGRESPerUser", "(a limit of its quality of service (QOS): GPUs and the like for"),
        ("AssocMaxJobsLimit", "(a limit of its account: jobs)"),
        ("QOSMinCpuNotSatisfied", "QOSMinCpuNotSatisfied"),
        ("ReqNodeNotAvail, UnavailableNodes:n[1-4]", "maybe reserved for maintenance"),
        ("(Resources)", "for resources to become free"),
        ("launch failed requeued held", "launch failed requeued held"),
    ],
)
def test_reasons_in_words(reason: str, words: str) -> None:
    assert words in in_words(reason)


@pytest.mark.parametrize(
    ("reason", "hopeless"),
    [
        ("PartitionTimeLimit", True),
        ("DependencyNeverSatisfied", True),
        ("QOSMaxCpuPerJobLimit", True),
        ("AssocMaxWallDurationPerJobLimit", True),
        ("QOSMaxCpuPerUserLimit", False),
        ("Priority", False),
        ("ReqNodeNotAvail", False),
        ("PartitionDown", False),
    ],
)
def test_no_hope(reason: str, hopeless: bool) -> None:  # noqa: FBT001
    assert is_hopeless(reason) is hopeless


def test_an_expectation_has_a_date_if_it_is_not_today() -> None:
    assert expectation(None) == ""
    assert expectation(90000.0, now=90000.0).startswith(", expected at ")
    assert "197" not in expectation(90000.0, now=90000.0)
    assert "1970" in expectation(90000.0)


def test_all_states_of_the_manual_are_known() -> None:
    assert set(PHASES.values()) == {JobPhase.WAITING, JobPhase.RUNNING, JobPhase.ENDED}


def test_cancelling() -> None:
    assert SLURM.cancellation("17", force=False) == ["scancel", "17"]
    assert SLURM.cancellation("17", force=True) == ["scancel", "--signal=KILL", "--full", "17"]
    assert SLURM.cancellation_by_name("it's")[2].endswith("--name=it-s")
