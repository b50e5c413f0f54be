"""Slurm's commands, and how to read their output.

Options are on the command line, where they override ``SBATCH_*`` variables, which override
``#SBATCH`` lines (sbatch(1), "INPUT ENVIRONMENT VARIABLES"). Never ``squeue --json``: its fields
changed their types in 23.11 and 24.05, and it ignores filters. For jobs on other clusters than the
host's own, ``SLURM_CLUSTERS`` is set in the host's environment; all of these commands obey it.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import replace
from typing import TYPE_CHECKING

from yarnkernel.errors import SchedulerDownError, SubmitError, UsageError
from yarnkernel.jobs.job_script import (
    WARNING,
    bare,
    check_word,
    expectation,
    fit_name,
    hours,
    last_line,
    script,
)
from yarnkernel.jobs.scheduler import JobPhase, JobStatus
from yarnkernel.jobs.slurm_reasons import in_words, is_hopeless

if TYPE_CHECKING:
    from yarnkernel.completed import Completed
    from yarnkernel.jobs.scheduler import JobRequest

#: "JOB STATE CODES" of squeue(1). Other words may be those of a future release: such a job's phase
#: is unknown.
PHASES = {
    **dict.fromkeys(
        ("PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_FED", "REQUEUE_HOLD", "RESV_DEL_HOLD",
         "SPECIAL_EXIT", "POWER_UP_NODE"), JobPhase.WAITING,
    ),
    **dict.fromkeys(
        ("RUNNING", "COMPLETING", "RESIZING", "SIGNALING", "STAGE_OUT", "STOPPED", "SUSPENDED"),
        JobPhase.RUNNING,
    ),
    **dict.fromkeys(
        ("COMPLETED", "CANCELLED", "FAILED", "TIMEOUT", "NODE_FAIL", "OUT_OF_MEMORY", "PREEMPTED",
         "BOOT_FAIL", "DEADLINE", "REVOKED", "LAUNCH_FAILED", "RECONFIG_FAIL"), JobPhase.ENDED,
    ),
}  # fmt: skip
#: How a job ended, where its state says it all.
ENDS = {
    "CANCELLED": "cancelled by somebody",
    "TIMEOUT": "the time limit was reached",
    "NODE_FAIL": "the node failed",
    "OUT_OF_MEMORY": "out of memory",
    "PREEMPTED": "preempted by a job of higher priority",
    "BOOT_FAIL": "the node did not start",
    "DEADLINE": "its deadline passed",
    "REVOKED": "taken over by another cluster",
    "LAUNCH_FAILED": "the node could not start it",
    "RECONFIG_FAIL": "the node could not be set up for it",
}
RUNNING_BUT = {"SUSPENDED": "suspended", "STOPPED": "stopped", "COMPLETING": "ending"}
#: In the job's output. It is the only sign if Slurm watches memory instead of the system's kernel
#: limiting it (``JobAcctGatherParams=OverMemoryKill``), as the state is FAILED then; otherwise the
#: state may say so too.
OUT_OF_MEMORY = re.compile(
    r"slurmstepd.*(exceeded (job )?memory limit|oom[-_ ]kill|out[- ]of[- ]memory)", re.IGNORECASE
)
#: Fields of scontrol in their order here.
_LOOKED_AT = ("JobState", "ExitCode", "BatchHost", "Reason")
#: "Signals" that are not signals: slurmd's code for files that it cannot open, ...
CANNOT_OPEN = 53
#: ... and the one for memory (``SIG_OOM`` of slurm_protocol_defs.h).
OUT_OF_MEMORY_CODE = 125
#: Fields of squeue; the only one with free text is the last.
FORMAT = "%i|%T|%B|%S|%C|%r"
#: Users' variables that change what squeue lists; options override the others.
_SQUEUE_VARIABLES = (
    "SQUEUE_ACCOUNT", "SQUEUE_ARRAY", "SQUEUE_FEDERATION", "SQUEUE_FORMAT2", "SQUEUE_LICENSES",
    "SQUEUE_NAMES", "SQUEUE_PARTITION", "SQUEUE_PRIORITY", "SQUEUE_QOS", "SQUEUE_SORT",
)  # fmt: skip
_DOWN = re.compile(
    r"unable to contact|connect failure|timed out|socket|communication|zero bytes|"
    r"connection refused|authentication|munge|unexpected message|backup mode",
    re.IGNORECASE,
)


class Slurm:
    """Slurm, by its user commands."""

    name = "slurm"
    environment_stripped = (
        "SLURM_*", "SLURMD_*", "SBATCH_*", "SRUN_*", "SALLOC_*", "SQUEUE_*", "SACCT_*", "SCANCEL_*",
        "PMI_*", "PMI2_*", "PMIX_*",
    )  # fmt: skip
    environment_kept = ("SLURM_CONF", "SLURM_CLUSTERS")

    def submission(self, request: JobRequest) -> tuple[list[str], str]:
        """Return the command that submits a job, and its standard input.

        Slurm does not restart the job, as that would be a new kernel.
        """
        if any(re.match(r"-M|--clu", argument) for argument in request.arguments):
            raise UsageError("another cluster: set SLURM_CLUSTERS on the host, not --clusters")
        if "\\" in request.log:
            # A backslash changes the meaning of all of "filename pattern" in sbatch(1).
            raise UsageError(f"Slurm cannot write to a path with a backslash: {request.log}")
        argv = ["sbatch", "--nodes=1", "--ntasks=1"]
        if request.queue:
            argv.append(f"--partition={check_word('a partition', request.queue)}")
        if request.account:
            argv.append(f"--account={check_word('an account', request.account)}")
        if request.cpus:
            argv.append(f"--cpus-per-task={request.cpus}")
        if request.memory:
            argv.append(f"--mem={request.memory}M")
        if request.time:
            argv.append(f"--time={hours(request.time)}")
        if request.gpus:
            argv.append(f"--gres=gpu:{request.gpus}")
        argv += [
            *request.arguments,
            "--parsable",
            f"--job-name={fit_name(request.name)}",
            f"--output={request.log.replace('%', '%%')}",
            "--open-mode=append",
            f"--chdir={request.directory}",
            "--export=ALL",
            "--no-requeue",
            f"--signal=B:USR1@{WARNING}",
        ]
        return bare(argv, self.environment_kept), script(request.body)

    def submitted_id(self, completed: Completed) -> str:
        """Return the id in the output of sbatch and a site's plugins: ``id[;cluster]``."""
        found = re.fullmatch(r"(\d+)(;\S+)?", last_line(completed.out))
        if completed.code == 0 and found:
            return found[1]
        lines = [line for line in completed.err.splitlines() if line.strip()]
        words = " ".join(line.strip().removeprefix("sbatch: ") for line in lines[-3:])
        raise SubmitError(
            f"Slurm did not take the job: {words or last_line(completed.out) or 'it says nothing'}"
        )

    def query(self) -> str:
        """Return a command line of sh that lists all jobs of the user, including ended ones.

        Slurm keeps these for ``MinJobAge``. Seconds since the epoch need no time zone.
        """
        variables = " ".join(_SQUEUE_VARIABLES)
        return (
            f'(unset {variables}; SLURM_TIME_FORMAT=%s squeue --user="$(id -un)" --states=all '
            f"--noheader --format={shlex.quote(FORMAT)})"
        )

    def statuses(self, completed: Completed) -> dict[str, JobStatus]:
        """Return the jobs that squeue lists, by id."""
        if completed.code:
            raise SchedulerDownError(_words_of_failure("squeue", completed))
        statuses = {}
        for line in completed.out.splitlines():
            fields = line.split("|", FORMAT.count("|"))
            if len(fields) > FORMAT.count("|") and fields[0].isascii() and fields[0].isdigit():
                statuses[fields[0]] = _status(fields)
        return statuses

    def look_back(self, job_id: str) -> str:
        """Return a command line of sh that asks the controller, or else accounting.

        The controller forgets jobs after ``MinJobAge``, five minutes by default.
        """
        job = shlex.quote(job_id)
        return (
            f"scontrol --oneliner show job {job} || "
            f"sacct -X -P -n -j {job} -o State,ExitCode,NodeList"
        )

    def ended(self, job_id: str, completed: Completed, log_tail: str) -> JobStatus | None:
        """Return how a job ended; None if neither the controller nor accounting knows."""
        reason = ""
        if completed.out.startswith("JobId="):
            state, code, host, reason = (_field(completed.out, name) for name in _LOOKED_AT)
        elif accounted := re.match(r"([A-Z_]+[^|\n]*)\|(\d+:\d+)\|(.*)", completed.out):
            state, code, host = accounted.groups()
        elif completed.code and "Invalid job id" not in completed.err:
            raise SchedulerDownError(_words_of_failure("scontrol", completed))
        else:
            return None
        word = state.partition(" ")[0]
        if PHASES.get(word) is not JobPhase.ENDED:
            return None
        status = JobStatus(job_id, word, JobPhase.ENDED, host=_plain(host))
        return _end(status, state, code, reason, log_tail)

    def cancellation(self, job_id: str, *, force: bool) -> list[str]:
        """Return the command that ends a job.

        All its processes get SIGTERM, and SIGKILL after ``KillWait``; with ``force`` at once. For
        scancel an unknown id is no error, but with ``force`` a job that has ended is one.
        """
        return ["scancel", *(["--signal=KILL", "--full"] if force else []), job_id]

    def cancellation_by_name(self, name: str) -> list[str]:
        """Return the command that ends the user's jobs with a name."""
        # Only scancel's own filters need the user's name, which only sh can find out.
        quoted = shlex.quote(f"--name={fit_name(name)}")
        return ["sh", "-c", f'exec scancel --user="$(id -un)" {quoted}']


def _status(fields: list[str]) -> JobStatus:
    """Return the status in a line of squeue."""
    job_id, state, host, start, cpus, reason = fields
    word = state.partition(" ")[0]
    phase = PHASES.get(word, JobPhase.UNKNOWN)
    status = JobStatus(job_id, word, phase, host=_plain(host), cpus=_number(cpus))
    if phase is JobPhase.ENDED:
        return replace(status, reason=f"{ENDS.get(word, 'it has ended')} ({state})")
    if phase is JobPhase.RUNNING:
        return replace(status, reason=RUNNING_BUT.get(word, ""))
    reason = "" if reason in ("None", "(null)", "") else reason
    expected = float(start) if start.isascii() and start.isdigit() else None
    hopeless = is_hopeless(reason)
    words = in_words(reason) if reason else f"it is {state}"
    text = f"will never start: {words}" if hopeless else f"waits: {words}{expectation(expected)}"
    return replace(status, reason=text, hopeless=hopeless, expected=expected)


def _field(line: str, name: str) -> str:
    """Return a field of a job in scontrol's output; values may have blanks and ``=``.

    The job's name, which yarnkernel sets, comes before the requested fields, and everything else
    that users can write comes after them: of each field, the first one counts.
    """
    found = re.search(rf" {name}=(.*?)(?= [A-Za-z/:]+=|$)", line, re.MULTILINE)
    return found[1] if found else ""


def _end(status: JobStatus, state: str, code: str, reason: str, log_tail: str) -> JobStatus:
    """Add how a job ended, from Slurm's ``exit code:signal``."""
    exit_code, _, signal = code.partition(":")
    killed_by = _number(signal)
    known: int | None = killed_by + 128 if killed_by else _number(exit_code)
    if killed_by in (CANNOT_OPEN, OUT_OF_MEMORY_CODE):
        known = None
    if status.state in ENDS:
        text = f"{ENDS[status.state]} ({state})"
        if status.state == "CANCELLED" and not known:
            known = None  # it had not run
    elif reason == "BadConstraints":
        text, known = in_words(reason), None
    elif killed_by == CANNOT_OPEN:
        text = f"the node could not open its log ({reason or state})"
    elif killed_by and OUT_OF_MEMORY.search(log_tail):
        text = f"out of memory ({state})"
    elif killed_by:
        text = f"killed by signal {killed_by} ({state})"
    else:
        text = f"it ended with exit code {known} ({state})"
    return replace(status, reason=text, exit_code=known)


def _words_of_failure(command: str, completed: Completed) -> str:
    down = next((line for line in completed.err.splitlines() if _DOWN.search(line)), "")
    if down:
        return f"Slurm does not answer: {down.strip()}"
    words = last_line(completed.err) or last_line(completed.out)
    return f"{command} does not tell: {words or f'exit code {completed.code}'}"


def _plain(host: str) -> str:
    """Return a node's name; empty if Slurm says that there is none."""
    return "" if host.strip() in ("n/a", "N/A", "(null)", "None assigned", "None") else host.strip()


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() else 0
