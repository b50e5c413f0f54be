"""What jobs of all schedulers have in common: scripts, names, quantities, environments."""

from __future__ import annotations

import fnmatch
import math
import re
import shlex
import time
from typing import TYPE_CHECKING

from yarnkernel.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from yarnkernel.jobs.scheduler import JobRequest, Scheduler

#: Seconds before the time limit at which a job is warned.
WARNING = 60
#: Head of every script. Signals that announce an end would kill the shell before it becomes the
#: program, which handles them. ``module`` is a function that the profiles of login shells define,
#: most often only bash's. The process stays the same.
HEAD = """\
#!/bin/sh
trap '' USR1 USR2
if ! shopt -q login_shell 2>/dev/null && [ -r "$0" ] && command -v bash >/dev/null 2>&1; then
  exec bash -l "$0"
fi
"""
#: Variables that a submission passes to its job, in addition to those that the scheduler's commands
#: need.
_HANDED_ON = ("HOME", "KRB5CCNAME", "LANG", "LD_LIBRARY_PATH", "LOGNAME", "PATH", "SHELL", "USER")
_WORD = re.compile(r"[A-Za-z0-9_.@%*:+=/,][A-Za-z0-9_.@%*:+=/,-]*", re.ASCII)


def script(body: str, *, before: str = "") -> str:
    """Return the script of a job.

    Parameters
    ----------
    body : str
        The lines that do the job's work.
    before : str, optional
        Lines that one scheduler needs.
    """
    return f"{HEAD}{before}{body.rstrip()}\n"


def log_lines(request: JobRequest) -> str:
    """Return lines of sh that open a job's log and enter its directory.

    For schedulers whose own options do not accept every path, or copy the log only at the end.
    Standard input is unchanged, as some shells read the script from there.
    """
    log, directory = shlex.quote(request.log), shlex.quote(request.directory)
    return f"exec >>{log} 2>&1 || exit\ncd {directory} || exit\n"


def bare(command: list[str], kept: tuple[str, ...]) -> list[str]:
    """Return a command with only the environment that every job may see.

    Neither secrets nor an enclosing job's variables are passed on, and Slurm does not log in on the
    node to set variables up, which takes seconds (``--export=NONE``).

    Parameters
    ----------
    command : list of str
        The command.
    kept : tuple of str
        Variables that the command itself needs.
    """
    variables = " ".join(f'${{{name}+"{name}=${name}"}}' for name in (*_HANDED_ON, *kept))
    return ["sh", "-c", f'exec env -i {variables} "$@"', "sh", *command]


def fit_name(name: str, *, longest: int = 64) -> str:
    """Return a job name that no scheduler refuses or misreads.

    Grid Engine allows no leading digit and none of its special characters ("object_name" of
    sge_types(1)); PBS allowed 15 characters before release 18.
    """
    fitting = re.sub(r"[^A-Za-z0-9_.]+", "-", name)[:longest].strip("-.")
    if not fitting[:1].isalpha():
        fitting = f"k{fitting}"[:longest]
    return fitting


def check_word(what: str, value: str) -> str:
    """Return a value if it is one word in a scheduler's list of requests.

    Raises
    ------
    UsageError
        When it could be an option or several requests.
    """
    if _WORD.fullmatch(value):
        return value
    raise UsageError(f"{value!r} cannot be the name of {what}")


def hours(seconds: float) -> str:
    """Return a time as ``H:MM:SS``, rounded up, which all schedulers accept."""
    whole = math.ceil(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"


def expectation(moment: float | None, *, now: float | None = None) -> str:
    """Return when a job is expected to start, in local time, to append to a reason.

    Parameters
    ----------
    moment : float or None
        Seconds since the epoch; None if the scheduler has no estimate.
    now : float, optional
        The current time, likewise.
    """
    if moment is None:
        return ""
    then = time.localtime(moment)
    today = time.localtime(now)[:3] == then[:3]
    return time.strftime(", expected at %H:%M" if today else ", expected at %Y-%m-%d %H:%M", then)


def last_line(text: str) -> str:
    """Return the last line of an output that is not blank; empty if there is none."""
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")


def is_stripped(scheduler: Scheduler, variable: str) -> bool:
    """Return whether a variable is an enclosing job's, which schedulers' commands must not see."""
    if any(fnmatch.fnmatchcase(variable, kept) for kept in scheduler.environment_kept):
        return False
    return any(fnmatch.fnmatchcase(variable, name) for name in scheduler.environment_stripped)


def stripped(scheduler: Scheduler, environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment without an enclosing job's variables."""
    return {k: v for k, v in environment.items() if not is_stripped(scheduler, k)}


def stripping(scheduler: Scheduler) -> str:
    """Return a line of sh that unsets an enclosing job's variables.

    A value of several lines may look like a variable: to unset one that is not set is harmless.
    """
    kept = "".join(f"{name}) ;; " for name in scheduler.environment_kept)
    names = "|".join(scheduler.environment_stripped)
    return (
        "for name in $(env | sed -n 's/^\\([A-Za-z_][A-Za-z0-9_]*\\)=.*/\\1/p'); do "
        f'case "$name" in {kept}{names}) unset "$name" ;; esac; done; unset name\n'
    )
