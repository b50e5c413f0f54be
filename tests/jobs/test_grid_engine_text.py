"""Grid Engine's commands and answers, from text of Son of Grid Engine 8.1.9."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yarnkernel.completed import Completed
from yarnkernel.errors import SchedulerDownError, SubmitError, UsageError
from yarnkernel.jobs.grid_engine import GridEngine
from yarnkernel.jobs.scheduler import JobPhase, JobRequest

SGE = GridEngine()
PLAIN = JobRequest(name="yk-1", body="exec true", log="/home/me/log", directory="/home/me")
JOB = """\
    <job_list state="{list}">
      <JB_job_number>{id}</JB_job_number>
      <JAT_prio>0.28847</JAT_prio>
      <JB_name>yk&lt;state&gt;r&lt;/state&gt;</JB_name>
      <JB_owner>me</JB_owner>
      <state>{state}</state>
      <JAT_start_time>2026-11-25T21:58:45</JAT_start_time>
      <queue_name>{queue}</queue_name>
      <slots>2</slots>
    </job_list>
"""
LISTED = """\
<?xml version='1.0'?>
<job_info  xmlns:xsd="http://arc.liv.ac.uk/repos/darcs/sge/source/dist/util/resources/schemas/qstat/qstat.xsd">
  <queue_info>
{running}  </queue_info>
  <job_info>
{pending}  </job_info>
</job_info>
"""
DETAILS = """\
==============================================================
job_number:                 5
exec_file:                  job_scripts/5
submission_time:            Wed Nov 25 21:58:45 2026
job_name:                   yk
env_list:                   TERM=NONE
parallel environment:  smp range: 14
verify_suitable_queues:     2
scheduling info:            queue instance "a.q@n1" dropped because it is full
                            queue instance "a.q@n1" dropped because it is full
                            cannot run in PE "smp" because it only offers 0 slots
                            three
                            four
==============================================================
job_number:                 6
exec_file:                  job_scripts/6
error reason    1:          11/25/2026 21:58:51 [0:24898]: error: can't chdir to /nodir: No such
scheduling info:            Job is in error state
==============================================================
job_number:                 7
scheduling info:            (Collecting of scheduler job information is turned off)
"""
ACCOUNTED = """\
==============================================================
qname        main.q
hostname     n1
group        me
owner        me
jobname      yk-1
jobnumber    9
taskid       undefined
failed       {failed}
exit_status  {status}
ru_wallclock 17s
category     -l h_rt={limit},s_rt=4
"""


def listed(*jobs: tuple[str, str, str]) -> str:
    running = "".join(JOB.format(list="running", id=i, state=s, queue=q) for i, s, q in jobs if q)
    pending = "".join(
        JOB.format(list="pending", id=i, state=s, queue=q) for i, s, q in jobs if not q
    )
    return LISTED.format(running=running, pending=pending)


def answer(out: str = "", err: str = "", code: int = 0) -> Completed:
    return Completed(code, out, err)


def options(request: JobRequest) -> list[str]:
    argv, _ = SGE.submission(request)
    return argv[argv.index("qsub") + 1 :]


def test_everything_stands_on_the_command_line_and_the_script_comes_by_stdin() -> None:
    request = replace(
        PLAIN,
        name="7 of 9: it's",
        cpus=2,
        pe="smp",
        memory=4097,
        time=300.5,
        queue="all.q@@hosts",
        account="physics",
        gpus=1,
        arguments=("-l", "h_vmem=8G"),
        log="/home/me/it's, here:x",
    )
    assert " ".join(options(request)) == (
        "-w w -q all.q@@hosts -P physics -pe smp 2 -l mem_free=2049M -l h_rt=301 -l s_rt=241 "
        "-l gpu=1 -l h_vmem=8G -terse -C  -b n -S /bin/sh -j y -o /dev/null -r n -notify "
        "-N k7-of-9-it-s"
    )
    _, stdin = SGE.submission(request)
    assert "exec >>'/home/me/it'\"'\"'s, here:x' 2>&1 || exit\ncd /home/me || exit\n" in stdin
    assert stdin.endswith("exec true\n")


def test_impossible_requests_are_refused_where_that_can_be_known() -> None:
    assert options(PLAIN)[:2] == ["-w", "e"]
    assert options(replace(PLAIN, memory=1))[:2] == ["-w", "w"]


def test_several_processors_need_a_parallel_environment() -> None:
    with pytest.raises(UsageError, match="--pe"):
        SGE.submission(replace(PLAIN, cpus=2))


@given(name=st.text(), queue=st.text(), account=st.text(), pe=st.text())
def test_no_value_becomes_an_option(name: str, queue: str, account: str, pe: str) -> None:
    try:
        words = options(replace(PLAIN, name=name, queue=queue, account=account, pe=pe))
    except UsageError:
        return
    plain = set(options(replace(PLAIN, queue="q", account="a", pe="p")))
    assert {word for word in words if word.startswith("-")} <= plain


@pytest.mark.parametrize("out", ["17\n", "warning from a site's check\n17\n\n"])
def test_the_id_is_found_among_other_output(out: str) -> None:
    assert SGE.submitted_id(answer(out)) == "17"


@pytest.mark.parametrize(
    ("completed", "words"),
    [
        (
            answer(
                err="Unable to run job: Job was rejected because job requests unknown queue "
                '"nope"\nExiting.\n',
                code=1,
            ),
            'unknown queue "nope"$',
        ),
        (
            answer(err="Unable to run job: error: no suitable queues\nExiting.\n", code=1),
            "suitable",
        ),
        (answer(err="sh: 1: qsub: not found\n", code=127), "qsub: not found"),
        (answer("17.1-3:1\n"), "17.1-3:1"),
        (answer(code=1), "it says nothing"),
    ],
)
def test_a_refusal_has_the_scheduler_s_words(completed: Completed, words: str) -> None:
    with pytest.raises(SubmitError, match=words):
        SGE.submitted_id(completed)


def test_one_answer_tells_of_all_jobs_and_why_they_wait() -> None:
    jobs = [
        ("1", "r", "a.q@n1"), ("2", "dr", "a.q@n1"), ("3", "S", "a.q@n1"), ("4", "t", "a.q@n2"),
        ("5", "qw", ""), ("6", "Eqw", ""), ("7", "hqw", ""), ("8", "qw", ""),
    ]  # fmt: skip
    statuses = SGE.statuses(answer(listed(*jobs) + DETAILS))
    assert list(statuses) == [job_id for job_id, _, _ in jobs]
    assert (statuses["1"].phase, statuses["1"].host) == (JobPhase.RUNNING, "n1")
    assert (statuses["1"].state, statuses["1"].cpus, statuses["1"].reason) == ("r", 2, "")
    assert [statuses[i].reason for i in "23"] == ["ending", "suspended"]
    assert statuses["5"].reason == (
        'waits: cannot run in PE "smp" because it only offers 0 slots; three; four'
    )
    assert statuses["6"].reason == "will never start: can't chdir to /nodir: No such"
    assert [job.hopeless for job in statuses.values()].count(True) == 1
    assert statuses["7"].reason.startswith("waits: (Collecting")
    assert statuses["8"].reason == "waits: it is qw"


def test_nothing_in_the_queue() -> None:
    assert SGE.statuses(answer(listed())) == {}


@pytest.mark.parametrize(
    "completed",
    [
        answer(
            err="error: commlib error: got select error (Connection refused)\nerror: unable to "
            'send message to qmaster using port 6444 on host "n0": got send error\n',
            code=1,
        ),
        answer(err="sh: 1: qstat: not found\n", code=127),
        answer("<?xml version='1.0'?>\n<job_info>"),
        answer(),
    ],
)
def test_a_scheduler_that_does_not_answer_is_not_a_job_that_died(completed: Completed) -> None:
    with pytest.raises(SchedulerDownError, match="does not answer"):
        SGE.statuses(completed)


def test_looking_back_in_vain_is_unknown() -> None:
    down = answer(err="error: commlib error: got select error (Connection refused)\n", code=1)
    with pytest.raises(SchedulerDownError):
        SGE.ended("9", down, "")


@given(st.text())
def test_any_text_is_read(text: str) -> None:
    SGE.statuses(answer(LISTED.format(running=text, pending=text) + text))
    SGE.ended("1", answer(text), text)


@pytest.mark.parametrize(
    ("failed", "status", "limit", "words", "exit_code"),
    [
        ("0", "0", 60, "it ended with exit code 0", 0),
        ("0", "127", 60, "it ended with exit code 127", 127),
        ("0", "137       (Killed)", 60, "killed by signal 9", 137),
        ("100 : assumedly after job", "137       (Killed)", 60, "by somebody", 137),
        ("100 : assumedly after job", "139    (Segmentation fault)", 60, "signal 11", 139),
        ("37  : qmaster enforced h_rt, h_cpu, or h_vmem limit", "137", 8, "the time limit", 137),
        ("37  : qmaster enforced h_rt, h_cpu, or h_vmem limit", "137", 60, "or memory was", 137),
        ("26  : opening input/output file", "0", 60, "could not open its output", None),
        ("21  : in recognizing job", "0", 60, "it did not start", None),
    ],
)  # fmt: skip
def test_an_end_is_a_sentence(
    failed: str, status: str, limit: int, words: str, exit_code: int | None
) -> None:
    before = ACCOUNTED.format(failed="0", status="0", limit=1)
    text = before + ACCOUNTED.format(failed=failed, status=status, limit=limit)
    ended = SGE.ended("9", answer(text), "")
    assert ended is not None
    assert (ended.phase, ended.host) == (JobPhase.ENDED, "n1")
    assert words in ended.reason
    assert ended.exit_code == exit_code


@pytest.mark.parametrize(
    "completed",
    [
        answer("there\n"),
        answer(err="error: job id 9 not found\n", code=1),
        answer(err="/var/lib/gridengine/default/common/accounting: Permission denied\n", code=1),
        answer(ACCOUNTED.format(failed="0", status="0", limit=1).replace("  9", "  10")),
    ],
)
def test_no_end_is_made_up(completed: Completed) -> None:
    assert SGE.ended("9", completed, "") is None


def test_cancelling() -> None:
    assert SGE.cancellation("17", force=False) == ["qdel", "17"]
    assert SGE.cancellation("17", force=True) == ["qdel", "17"]
    assert SGE.cancellation_by_name("-u *") == ["qdel", "u"]
