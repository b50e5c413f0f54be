"""What the jobs of all schedulers have in common: scripts, names, quantities, environments."""

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

#: How long before the time limit a job is told about it, in seconds.
WARNING = 60
#: Head of every script. Signals that announce an end would kill the shell while it is on its way
#: to the program, which takes them when it is there. ``module`` is a function that the profiles of
#: login shells define, most often of bash alone. The process stays the same one.
HEAD = """\
#!/bin/sh
trap '' USR1 USR2
if ! shopt -q login_shell 2>/dev/null && [ -r "$0" ] && command -v bash >/dev/null 2>&1; then
  exec bash -l "$0"
fi
"""
#: What a submission hands on to its job, beside what the scheduler's own commands need.
_HANDED_ON = ("HOME", "KRB5CCNAME", "LANG", "LD_LIBRARY_PATH", "LOGNAME", "PATH", "SHELL", "USER")
_WORD = re.compile(r"[A-Za-z0-9_.@%*:+=/,][A-Za-z0-9_.@%*:+=/,-]*", re.ASCII)


def script(body: str, *, before: str = "") -> str:
    """Return the script of a job.

    Parameters
    ----------
    body : str
        What it is there for.
    before : str, optional
        Lines that one scheduler needs.
    """
    return f"{HEAD}{before}{body.rstrip()}\n"


def log_lines(request: JobRequest) -> str:
    """Return lines of sh that open a job's log and enter its directory.

    For schedulers whose own options for that do not take any path, or copy the log at the end.
    Standard input stays: some shells read the script from there.
    """
    log, directory = shlex.quote(request.log), shlex.quote(request.directory)
    return f"exec >>{log} 2>&1 || exit\ncd {directory} || exit\n"


def bare(command: list[str], kept: tuple[str, ...]) -> list[str]:
    """Return a command whose environment has nothing but what every job may see.

    Secrets do not travel, an enclosing job's variables neither, and there is no login on the node
    to make up for it, which takes Slurm seconds (``--export=NONE``).

    Parameters
    ----------
    command : list of str
        The command.
    kept : tuple of str
        Variables that it needs itself.
    """
    variables = " ".join(f'${{{name}+"{name}=${name}"}}' for name in (*_HANDED_ON, *kept))
    return ["sh", "-c", f'exec env -i {variables} "$@"', "sh", *command]


def fit_name(name: str, *, longest: int = 64) -> str:
    """Return a job's name that no scheduler refuses or reads as anything else.

    Grid Engine wants no leading digit and none of its signs ("object_name" of sge_types(1)); PBS
    had 15 characters before release 18.
    """
    fitting = re.sub(r"[^A-Za-z0-9_.]+", "-", name)[:longest].strip("-.")
    if not fitting[:1].isalpha():
        fitting = f"k{fitting}"[:longest]
    return fitting


def check_word(what: str, value: str) -> str:
    """Return a value that is one word in a scheduler's list of requests.

    Raises
    ------
    UsageError
        When it could be an option, or several requests.
    """
    if _WORD.fullmatch(value):
        return value
    raise UsageError(f"{value!r} cannot be the name of {what}")


def hours(seconds: float) -> str:
    """Return a time as ``H:MM:SS``, rounded up, as all schedulers take it."""
    whole = math.ceil(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"


def expectation(moment: float | None, *, now: float | None = None) -> str:
    """Say when a job is expected to start, by this machine's clock, to follow a reason.

    Parameters
    ----------
    moment : float or None
        In seconds since the epoch; None where the scheduler has no idea.
    now : float, optional
        The same of now.
    """
    if moment is None:
        return ""
    then = time.localtime(moment)
    today = time.localtime(now)[:3] == then[:3]
    return time.strftime(", expected at %H:%M" if today else ", expected at %Y-%m-%d %H:%M", then)


def last_line(text: str) -> str:
    """Return the last line of an output that says something; empty when none does."""
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")


def is_stripped(scheduler: Scheduler, variable: str) -> bool:
    """Whether a variable is an enclosing job's, so that no command of a scheduler may see it."""
    if any(fnmatch.fnmatchcase(variable, kept) for kept in scheduler.environment_kept):
        return False
    return any(fnmatch.fnmatchcase(variable, name) for name in scheduler.environment_stripped)


def stripped(scheduler: Scheduler, environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment without an enclosing job's variables."""
    return {k: v for k, v in environment.items() if not is_stripped(scheduler, k)}


def stripping(scheduler: Scheduler) -> str:
    """Return a line of sh that takes an enclosing job's variables out of the shell's environment.

    A value of several lines may look like a variable: to unset what is not there does no harm.
    """
    kept = "".join(f"{name}) ;; " for name in scheduler.environment_kept)
    names = "|".join(scheduler.environment_stripped)
    return (
        "for name in $(env | sed -n 's/^\\([A-Za-z_][A-Za-z0-9_]*\\)=.*/\\1/p'); do "
        f'case "$name" in {kept}{names}) unset "$name" ;; esac; done; unset name\n'
    )
