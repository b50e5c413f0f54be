"""Commands of PBS Pro and OpenPBS, and how to read their output; Torque's where the same.

No PBS server was available: all of this is tested only with recorded text.

Text, not JSON: ``qstat -F json`` is invalid JSON for some jobs (openpbs/openpbs#1255, #2541,
#2677). The history of ended jobs (``-x``) is off by default, and Torque's differs: ended jobs stay
in its queue for some minutes. PBS does not limit memory by itself; the supervisor watches a
kernel's.

*Signals*: a SIGTERM precedes each SIGKILL, by ten seconds by default (``kill_delay``). PBS does not
announce the end of ``walltime``; the script does, by SIGUSR1.
"""

from __future__ import annotations

import math
import re
import shlex
from dataclasses import replace
from typing import TYPE_CHECKING

from yarnkernel.errors import SchedulerDownError, SubmitError
from yarnkernel.jobs.job_script import (
    WARNING,
    bare,
    check_word,
    fit_name,
    hours,
    last_line,
    log_lines,
    script,
)
from yarnkernel.jobs.scheduler import JobPhase, JobStatus

if TYPE_CHECKING:
    from yarnkernel.completed import Completed
    from yarnkernel.jobs.scheduler import JobRequest

#: "job_state" of qstat(1B); C is Torque's.
PHASES = {
    **dict.fromkeys("HQTWM", JobPhase.WAITING),
    **dict.fromkeys("RESUB", JobPhase.RUNNING),
    **dict.fromkeys("FXC", JobPhase.ENDED),
}
WORDS = {
    "H": "held", "M": "moved to another server", "T": "on its way to a queue",
    "W": "for its time to begin", "S": "suspended", "U": "suspended, its node is in use",
    "E": "ending",
}  # fmt: skip
#: Meanings of PBS' own exit statuses ("Special Job Exit Values" of job.h, OpenPBS).
ENDS = {
    -10: "the node does not know its user",
    -24: "more processors were used than it had",
    -25: "more processors were used than it had",
    -26: "out of memory",
    -27: "out of memory",
    -28: "the limit of processor time was reached",
    -29: "the time limit was reached",
}
#: Added to the signal's number in the exit status of a job that a signal ended.
SIGNALLED = 256
#: Errors that do not mean that the server is down: the job has ended in the meantime.
_GONE = re.compile(r"unknown job id|job has finished|job history", re.IGNORECASE)
LONGEST_NAME = 15
_FIELD = re.compile(r" +([A-Za-z_][\w.]*) = (.*)")


class Pbs:
    """PBS, by its user commands."""

    name = "pbs"
    environment_stripped = ("PBS_*", "NCPUS", "OMP_NUM_THREADS")
    environment_kept = ("PBS_CONF_FILE", "PBS_SERVER", "PBS_DEFAULT", "PBS_EXEC")

    def submission(self, request: JobRequest) -> tuple[list[str], str]:
        """Return the command that submits a job, and its standard input.

        The script opens the log, as PBS copies its own only at the end. No line of the script is
        read as options (``-C``).
        """
        argv = ["qsub"]
        if request.queue:
            argv += ["-q", check_word("a queue", request.queue)]
        if request.account:
            argv += ["-A", check_word("an account", request.account)]
        if request.cpus or request.memory or request.gpus:
            argv += ["-l", _chunk(request)]
        if request.time:
            argv += ["-l", f"walltime={hours(request.time)}"]
        argv += [
            *request.arguments,
            "-C", "", "-S", "/bin/sh", "-j", "oe", "-o", "/dev/null", "-r", "n",
            "-N", fit_name(request.name, longest=LONGEST_NAME),
        ]  # fmt: skip
        before = log_lines(request) + _announcement(request.time)
        return bare(argv, self.environment_kept), script(request.body, before=before)

    def submitted_id(self, completed: Completed) -> str:
        """Return the number of a job's id, ``<number>.<server>``: servers have several names."""
        found = re.fullmatch(r"(\d+)(\.[A-Za-z0-9_.-]+)?", last_line(completed.out))
        if completed.code == 0 and found:
            return found[1]
        lines = [line.strip() for line in completed.err.splitlines() if line.strip()]
        words = " ".join(lines[-3:]) or last_line(completed.out)
        raise SubmitError(f"PBS did not take the job: {words or 'it says nothing'}")

    def query(self) -> str:
        """Return a command line of sh that lists all jobs of the user.

        ``qstat -f`` accepts only ids; if a job has ended in the meantime, it lists the others but
        fails.
        """
        return (
            '(found=$(qselect -u "$(id -un)") || exit; '
            '[ -z "$found" ] || qstat -f $(printf \'%s\\n\' "$found" | tail -n 200))'
        )

    def statuses(self, completed: Completed) -> dict[str, JobStatus]:
        """Return the jobs that qstat lists, by the number in their ids."""
        if completed.code and _failures(completed):
            raise SchedulerDownError(_words_of_failure(completed))
        jobs = _jobs(completed.out)
        return {number: _status(number, job) for number, job in jobs.items()}

    def look_back(self, job_id: str) -> str:
        """Return a command line of sh that asks for one job, in the history if there is one."""
        job = shlex.quote(job_id)
        return f"qstat -x -f {job} 2>/dev/null || qstat -f {job}"

    def ended(self, job_id: str, completed: Completed, log_tail: str) -> JobStatus | None:  # noqa: ARG002
        """Return how a job ended; None if the server does not know."""
        job = _jobs(completed.out).get(job_id)
        if job is None:
            if completed.code and _failures(completed):
                raise SchedulerDownError(_words_of_failure(completed))
            return None
        status = _status(job_id, job)
        return status if status.phase is JobPhase.ENDED else None

    def cancellation(self, job_id: str, *, force: bool) -> list[str]:
        """Return the command that ends a job.

        It gets SIGTERM, and SIGKILL after ``kill_delay``. With ``force`` the job is deleted even if
        its node does not answer.
        """
        return ["qdel", *(["-W", "force"] if force else []), job_id]

    def cancellation_by_name(self, name: str) -> list[str]:
        """Return the command that ends the user's jobs with a name."""
        fitting = shlex.quote(fit_name(name, longest=LONGEST_NAME))
        line = f'found=$(qselect -u "$(id -un)" -N {fitting}) || exit; '
        return ["sh", "-c", f'{line}[ -z "$found" ] || qdel $found']


def _chunk(request: JobRequest) -> str:
    """Return the part of a node that a job requests."""
    parts = ["select=1", f"ncpus={max(1, request.cpus)}"]
    if request.memory:
        parts.append(f"mem={request.memory}mb")
    if request.gpus:
        parts.append(f"ngpus={request.gpus}")
    return ":".join(parts)


def _announcement(seconds: float) -> str:
    """Return a line that warns the program of its time limit; it has the shell's process id."""
    if seconds <= 2 * WARNING:
        return ""
    wait = math.floor(seconds) - WARNING
    return f"(sleep {wait} && kill -USR1 $$) </dev/null >/dev/null 2>&1 &\n"


def _jobs(text: str) -> dict[str, dict[str, str]]:
    """Return the fields of jobs, by the number in their ids.

    A line that begins with a tab continues the one before. What users can write, such as variables
    of a job, comes after what is read here: of each field, the first one counts.
    """
    jobs: dict[str, dict[str, str]] = {}
    job: dict[str, str] = {}
    for line in re.sub(r"\r?\n\t", "", text).splitlines():
        if found := re.fullmatch(r"Job Id: *(\d+)[\w.\[\]-]*\s*", line, re.ASCII):
            job = jobs.setdefault(found[1], {})
        elif field := _FIELD.match(line):
            job.setdefault(field[1], field[2].strip())
    return jobs


def _status(number: str, job: dict[str, str]) -> JobStatus:
    """Return the status in a job's fields."""
    state = job.get("job_state", "")
    status = JobStatus(
        number,
        state,
        PHASES.get(state, JobPhase.UNKNOWN),
        # n1/0*2+n2/0
        host=re.split(r"[/*+:]", job.get("exec_host", ""), maxsplit=1)[0],
        cpus=_number(job.get("Resource_List.ncpus", "")) or 0,
    )
    comment = job.get("comment", "")
    if status.phase is JobPhase.ENDED:
        return _end(status, job, comment)
    if status.phase is JobPhase.RUNNING:
        return replace(status, reason=WORDS.get(state, ""))
    words = comment or WORDS.get(state) or f"it is {state}"
    if comment.startswith("Can Never Run"):
        return replace(status, reason=f"will never start: {words}", hopeless=True)
    start = job.get("estimated.start_time", "")
    expected = f", expected at {start}" if start else ""
    return replace(status, reason=f"waits: {words}{expected}")


def _end(status: JobStatus, job: dict[str, str], comment: str) -> JobStatus:
    """Add how a job ended.

    The comment of deleted jobs, running or not, ends with "... and terminated".
    """
    code = _number(job.get("Exit_status", ""))
    said = f" ({comment})" if comment else ""
    cancelled = "cancelled by somebody" if comment.endswith("and terminated") else ""
    if code is None:
        return replace(status, reason=f"{cancelled or 'it has ended'}{said}")
    if code < 0:
        meaning = ENDS.get(code, "it could not be run to its end")
        return replace(status, reason=f"{meaning} (Exit_status {code})")
    if code >= SIGNALLED:
        number = code - SIGNALLED
        text = cancelled or f"killed by signal {number}"
        return replace(status, reason=f"{text} (Exit_status {code})", exit_code=128 + number)
    # A job that is asked to end may exit normally.
    text = cancelled or f"it ended with exit code {code}"
    return replace(status, reason=f"{text} (Exit_status {code})", exit_code=code)


def _failures(completed: Completed) -> list[str]:
    """Return the errors other than those about jobs that are gone."""
    lines = [line.strip() for line in completed.err.splitlines() if line.strip()]
    return [line for line in lines if not _GONE.search(line)] if lines else ["no answer"]


def _words_of_failure(completed: Completed) -> str:
    return f"PBS does not answer: {_failures(completed)[-1]}"


def _number(text: str) -> int | None:
    return int(text) if re.fullmatch(r"-?\d+", text, re.ASCII) else None
