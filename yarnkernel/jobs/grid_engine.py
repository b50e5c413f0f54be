"""Grid Engine's commands, and how to read their output.

*Memory* is requested as ``mem_free``, which selects a node and limits nothing: the supervisor
itself watches a kernel's memory. ``h_vmem`` is a limit of the address space (``RLIMIT_AS``), of
which programs take much more than they use; if a site requires it, it is among a request's own
arguments. Both count for each slot.

*Time*: ``s_rt`` sends SIGUSR1 before ``h_rt`` ends the job; Son of Grid Engine 8.1.9 checks again
90 seconds after that, not earlier. With ``-notify``, SIGUSR2 precedes each SIGKILL by the queue's
``notify``, and SIGUSR1 precedes each SIGSTOP; without it, ``qdel`` kills at once.

Commands wait minutes for a master that hangs, so callers need a deadline.
"""

from __future__ import annotations

import html
import math
import re
import shlex
import signal
from dataclasses import replace
from typing import TYPE_CHECKING

from yarnkernel.errors import SchedulerDownError, SubmitError, UsageError
from yarnkernel.jobs.job_script import (
    WARNING,
    bare,
    check_word,
    fit_name,
    last_line,
    log_lines,
    script,
)
from yarnkernel.jobs.scheduler import JobPhase, JobStatus

if TYPE_CHECKING:
    from yarnkernel.completed import Completed
    from yarnkernel.jobs.scheduler import JobRequest

#: The daemons' reasons for a job's failure, by number ("failed" of accounting(5)); for numbers that
#: are not here their own words are shown.
FAILURES = {
    26: "the node could not open its output",
    28: "the node could not enter its directory",
    29: "the node could not start it",
}
#: ``qmaster enforced h_rt, h_cpu, or h_vmem limit``
ENFORCED = 37
#: ``assumedly after job``: killed, by qdel or otherwise.
AFTER_JOB = 100
SIGNALLED = 128
#: Parts of a reason that are shown, as there is a line for each queue and host.
LONGEST_REASON = 3
_JOB = re.compile(r'<job_list state="(\w+)">(.*?)</job_list>', re.DOTALL)
_LINE = re.compile(r"(?P<name>[a-z_]+(?: [a-z]+)*(?: +\d+)?): +(?P<value>\S.*)")
#: ``11/25/2026 21:58:51 [0:24898]: error: ``
_WHEN = re.compile(r"^[0-9/]+ [0-9:]+ \[[0-9:]+\]: (error: )?")


class GridEngine:
    """Grid Engine of any family (Sun's, Son of, Open, Univa's), by its user commands."""

    name = "sge"
    environment_stripped = (
        "SGE_*", "JOB_ID", "JOB_NAME", "JOB_SCRIPT", "ARC", "ENVIRONMENT", "NHOSTS", "NQUEUES",
        "NSLOTS", "PE", "PE_HOSTFILE", "QUEUE", "REQNAME", "REQUEST", "RESTARTED",
    )  # fmt: skip
    environment_kept = (
        "SGE_ROOT", "SGE_CELL", "SGE_CLUSTER_NAME", "SGE_QMASTER_PORT", "SGE_EXECD_PORT",
    )  # fmt: skip

    def submission(self, request: JobRequest) -> tuple[list[str], str]:
        """Return the command that submits a job, and its standard input.

        The script opens the log, as commas and colons have a meaning in ``-o``. Requests that no
        host can satisfy are refused at once (``-w e``), unless they include memory: the check
        ignores what hosts report, and so finds no host with free memory. No line of the script is
        read as options (``-C``).
        """
        if request.cpus > 1 and not request.pe:
            raise UsageError("Grid Engine gives several processors to parallel environments: --pe")
        slots = max(1, request.cpus)
        argv = ["qsub", "-w", "w" if request.memory else "e"]
        if request.queue:
            argv += ["-q", check_word("a queue", request.queue)]
        if request.account:
            argv += ["-P", check_word("a project", request.account)]
        if request.pe:
            argv += ["-pe", check_word("a parallel environment", request.pe), str(slots)]
        for wanted in _resources(request, slots):
            argv += ["-l", wanted]
        argv += [
            *request.arguments,
            "-terse", "-C", "", "-b", "n", "-S", "/bin/sh", "-j", "y", "-o", "/dev/null",
            "-r", "n", "-notify", "-N", fit_name(request.name),
        ]  # fmt: skip
        return bare(argv, self.environment_kept), script(request.body, before=log_lines(request))

    def submitted_id(self, completed: Completed) -> str:
        """Return the id in the output of qsub and a site's checks (``-jsv``)."""
        found = last_line(completed.out)
        if completed.code == 0 and found.isascii() and found.isdigit():
            return found
        lines = [line.strip() for line in completed.err.splitlines() if line.strip()]
        # "Unable to run job: <why>." and "Exiting." may be on one line or on two.
        words = " ".join(lines[:3]).removesuffix("Exiting.").rstrip()
        raise SubmitError(
            f"Grid Engine did not take the job: {words or found or 'it says nothing'}"
        )

    def query(self) -> str:
        """Return a command line of sh that lists all jobs of the user.

        A second query asks why pending jobs wait.
        """
        waiting = (
            '/<job_list state="pending">/,/<\\/job_list>/s/.*<JB_job_number>\\([0-9]*\\)<.*/\\1/p'
        )
        return (
            '(found=$(qstat -u "$(id -un)" -xml) || exit; printf "%s\\n" "$found"; '
            f"waiting=$(printf '%s\\n' \"$found\" | sed -n {shlex.quote(waiting)} | tail -n 50 | "
            'tr "\\n" ","); [ -z "$waiting" ] || qstat -j "${waiting%,}" || :)'
        )

    def statuses(self, completed: Completed) -> dict[str, JobStatus]:
        """Return the jobs that qstat lists, by id."""
        if completed.code or "</job_info>" not in completed.out:
            words = last_line(completed.err) or last_line(completed.out)
            raise SchedulerDownError(
                f"Grid Engine does not answer: {words or 'qstat says nothing'}"
            )
        listed, _, details = completed.out.partition("</job_info>")
        reasons = _reasons(details)
        statuses = (_status(block, reasons) for _, block in _JOB.findall(listed))
        return {status.id: status for status in statuses if status.id}

    def look_back(self, job_id: str) -> str:
        """Return a command line of sh that reads the accounting, which is seconds late.

        Many sites do not let users read it.
        """
        job = shlex.quote(job_id)
        return f"if qstat -j {job} >/dev/null 2>&1; then echo there; else qacct -j {job}; fi"

    def ended(self, job_id: str, completed: Completed, log_tail: str) -> JobStatus | None:  # noqa: ARG002
        """Return how a job ended; None if accounting does not know."""
        # Ids repeat after some millions: the last one counts.
        record = dict(
            re.findall(r"^(\w+) +(.*?) *$", completed.out.rpartition("=====")[2], re.MULTILINE)
        )
        if completed.code or record.get("jobnumber") != job_id:
            if "commlib error" in completed.err or "unable to send" in completed.err:
                raise SchedulerDownError(f"Grid Engine does not answer: {last_line(completed.err)}")
            return None
        failed, code = _number(record.get("failed", "")), _number(record.get("exit_status", ""))
        status = JobStatus(job_id, "", JobPhase.ENDED, host=record.get("hostname", ""))
        words = f"failed {record.get('failed', '')}"
        if failed == ENFORCED:
            return replace(status, reason=f"{_limit(record)} ({words})", exit_code=code)
        if failed == AFTER_JOB or (not failed and code > SIGNALLED):
            text = f"killed by signal {code - SIGNALLED}"
            # Other ends by these signals look the same as qdel.
            by_qdel = code - SIGNALLED in (signal.SIGKILL, signal.SIGUSR2)
            text = f"cancelled by somebody, or {text}" if by_qdel else text
            return replace(status, reason=f"{text} ({words})", exit_code=code)
        if failed:
            return replace(status, reason=f"{FAILURES.get(failed, 'it did not start')} ({words})")
        return replace(status, reason=f"it ended with exit code {code}", exit_code=code)

    def cancellation(self, job_id: str, *, force: bool) -> list[str]:  # noqa: ARG002
        """Return the command that ends a job.

        SIGUSR2 comes first, and SIGKILL after the queue's ``notify``. There is no other way: ``qdel
        -f`` is for operators; other users get that answer after a minute, and the job is deleted as
        without it.
        """
        return ["qdel", job_id]

    def cancellation_by_name(self, name: str) -> list[str]:
        """Return the command that ends the user's jobs with a name."""
        return ["qdel", fit_name(name)]


def _resources(request: JobRequest, slots: int) -> list[str]:
    """Return the resources to request by ``-l``."""
    resources = []
    if request.memory:
        resources.append(f"mem_free={math.ceil(request.memory / slots)}M")
    if request.time:
        resources.append(f"h_rt={math.ceil(request.time)}")
        if request.time > 2 * WARNING:
            resources.append(f"s_rt={math.ceil(request.time) - WARNING}")
    if request.gpus:
        resources.append(f"gpu={request.gpus}")
    return resources


def _status(block: str, reasons: dict[str, str]) -> JobStatus:
    """Return the status in an element of qstat's list."""
    tags = dict(re.findall(r"<(\w+)>(.*?)</\1>", block, re.DOTALL))
    values = {name: html.unescape(value).strip() for name, value in tags.items()}
    job_id, state = values.get("JB_job_number", ""), values.get("state", "")
    status = JobStatus(job_id, state, _phase(state), cpus=_number(values.get("slots", "")))
    if status.phase is JobPhase.RUNNING:
        queue, _, host = values.get("queue_name", "").partition("@")
        text = "ending" if "d" in state else "suspended" if set(state) & set("sSTNP") else ""
        return replace(status, reason=text, host=host if queue else "")
    if status.phase is not JobPhase.WAITING:
        return status
    text = reasons.get(job_id, "")
    if "E" in state:
        return replace(status, reason=f"will never start: {text or state}", hopeless=True)
    return replace(status, reason=f"waits: {text or f'it is {state}'}")


def _phase(state: str) -> JobPhase:
    """Return the phase that letters mean ("-s" of qstat(1)), in any combination."""
    letters = set(state)
    if "q" in letters or "w" in letters:
        return JobPhase.WAITING
    if letters & set("rtsSTRNP"):
        return JobPhase.RUNNING
    return JobPhase.ENDED if state == "z" else JobPhase.UNKNOWN


def _reasons(details: str) -> dict[str, str]:
    """Return why jobs wait, from the text of ``qstat -j``: errors, or the scheduler's reasons."""
    reasons: dict[str, str] = {}
    job, errors, information = "", list[str](), list[str]()
    current: list[str] | None = None
    for line in [*details.splitlines(), "job_number:  -"]:
        if line.startswith("job_number:"):
            if job and (found := errors or information):
                # What queues say is the same for all jobs; what the job itself lacks comes first.
                distinct = sorted(dict.fromkeys(found), key=_is_a_queue_s)
                reasons[job] = "; ".join(distinct[:LONGEST_REASON])
            job, errors, information, current = line.split()[1], [], [], None
        elif field := _LINE.match(line):
            name = field["name"]
            current = errors if name.startswith("error reason") else None
            current = information if name == "scheduling info" else current
            if current is not None:
                current.append(_WHEN.sub("", field["value"].strip()))
        elif current is not None and line.startswith(" ") and line.strip():
            current.append(line.strip())
    return reasons


def _is_a_queue_s(reason: str) -> bool:
    return reason.startswith(("queue instance ", "All queues "))


def _limit(record: dict[str, str]) -> str:
    """Return which of the limits that share a number was reached."""
    limit = re.search(r"\bh_rt=(\d+)", record.get("category", ""))
    lasted = re.match(r"\d+", record.get("ru_wallclock", ""))
    if limit and lasted and int(lasted[0]) >= int(limit[1]):
        return "the time limit was reached"
    return "a limit of time, processor or memory was reached"


def _number(text: str) -> int:
    found = re.match(r"\d+", text, re.ASCII)
    return int(found[0]) if found else 0
