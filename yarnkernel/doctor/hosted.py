"""Checks of places outside YARN: the line to the host, its Python and its batch system."""

from __future__ import annotations

import shlex
import sys
from typing import TYPE_CHECKING
from urllib.parse import unquote

from yarnkernel.doctor.check import failed, failure, ok, skipped
from yarnkernel.errors import HostError, PlaceError
from yarnkernel.hosts.named import host_of
from yarnkernel.jobs.batch import COMMAND_TIMEOUT, scheduler_of
from yarnkernel.jobs.job_script import stripping
from yarnkernel.kernels.interfaces import LOCAL, SCHEDULERS

if TYPE_CHECKING:
    from yarnkernel.deadline import Deadline
    from yarnkernel.doctor.check import Check
    from yarnkernel.doctor.subject import Subject
    from yarnkernel.hosts.host import Host
    from yarnkernel.kernels.options import LaunchOptions

#: Packages that a kernel's Python needs; ipykernel for IPython kernels.
_NEEDED = ("jupyter_client", "pyzmq", "psutil")
#: Prints, in a Python of the host, which of them it has.
_ASK = """\
import sys
from importlib.metadata import PackageNotFoundError, version
print(sys.version.split()[0])
for name in sys.argv[1:]:
    try:
        print(name, version(name))
    except PackageNotFoundError:
        print(name)
"""


def _host(subject: Subject) -> Host:
    options = subject.options
    return host_of(options.host, options.jump, options.python)


def check_line(subject: Subject, deadline: Deadline) -> Check:
    """Check that the host answers, and report our user name there."""
    host = _host(subject)
    host.deadline = deadline
    try:
        info = host.info
    except HostError as exc:
        check = failure(exc, f"ssh {host}" if host.name else "this machine")
        todo = check.todo or f"does this work: ssh {shlex.quote(host.name)} true"
        return failed(check.found, check.why, todo)
    how = f"ssh {host}" if host.name else "this machine"
    return ok(f"{how}: {info.user} on {info.node}, {info.system}")


def check_python_there(subject: Subject, deadline: Deadline) -> Check:
    """Check that the kernel's Python exists and has what a kernel needs."""
    options, host = subject.options, _host(subject)
    if options.environment and not options.environment.startswith("python:"):
        return skipped(f"the kernel has its own, which goes there: {options.environment}")
    host.deadline = deadline
    wanted = [*_NEEDED, *([] if options.kernel_cmd else ["ipykernel"])]
    told = {}
    for python in _pythons(options, host):
        command = [python, "-c", _ASK, *wanted]
        done = host.run_command(command, timeout=deadline.step(deadline.seconds))
        if done.code:
            said = (done.err.strip().splitlines() or ["it says nothing"])[-1]
            told[python] = f"it cannot be run there: {said}"
            continue
        first, *lines = done.out.split("\n")
        missing = [line for line in lines if line and " " not in line]
        if not missing:
            versions = ", ".join(line for line in lines if line)
            return ok(f"{python} {first} on {host}: {versions}")
        told[python] = f"it has no {', '.join(missing)}"
    why = "; ".join(f"{python}: {said}" for python, said in told.items())
    todo = f"there: python3 -m pip install {' '.join(wanted)}; or --python PATH, or --environment"
    return failed(f"on {host}: {', '.join(told)}", why, todo)


def _pythons(options: LaunchOptions, host: Host) -> list[str]:
    """Return the Pythons that a start would try, in order (jobs/environments.py)."""
    if options.environment:
        return [f"{unquote(options.environment.removeprefix('python://')).rstrip('/')}/bin/python"]
    if options.python:
        return [options.python]
    return ["python3", "python", host.info.python] if host.name else [sys.executable]


def check_scheduler(subject: Subject, deadline: Deadline) -> Check:
    """Check that the host's batch system answers."""
    name = subject.options.interface
    if name not in SCHEDULERS:
        kind = "this machine" if name == LOCAL else "the host"
        return ok(f"none: the kernel is a process of {kind}")
    host, scheduler = _host(subject), scheduler_of(name)
    host.deadline = deadline
    timeout = deadline.step(COMMAND_TIMEOUT)
    completed = host.run(stripping(scheduler) + scheduler.query(), timeout=timeout)
    try:
        jobs = scheduler.statuses(completed)
    except PlaceError as exc:
        check = failure(exc, f"{name} on {host}")
        todo = check.todo or f"ask who runs {name}; is {host} a host where jobs are submitted?"
        return failed(check.found, check.why, todo)
    return ok(f"{name} on {host} answers; {len(jobs)} jobs of yours")
