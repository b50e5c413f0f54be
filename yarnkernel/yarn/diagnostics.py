"""Condense YARN's diagnostics, and find requests in them that can never be met."""

from __future__ import annotations

import re

#: Boilerplate in the diagnostics of every application that fails.
_BOILERPLATE = (
    r"For more detailed output, check the application tracking page: \S+ Then click on links .*$",
    r"Application application_\d+_\d+ failed \d+ times (\(global limit =[^)]*\) )?due to ",
    r"\(global limit =\d+; local limit is =\d+\)",
    r"AM Container for appattempt_\w+ exited with +exitCode: -?\d+",
    r"Failing (this attempt|the application)\.?",
    r"Diagnostics: ",
    r"Exception from container-launch\.",
    r"Container id: container_\w+",
    r"Exit code: -?\d+$",
    r"Container exited with a non-zero exit code -?\d+\.?",
    r"Error file: prelaunch\.err\.",
    r"Last \d+ bytes of prelaunch\.err ?:",
    r"Shell error output: .*$",
    r"Shell output: main : .*$",
    r"\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+\]",
    r"\[\w{3} \w{3} \d\d \d\d:\d\d:\d\d [+-]\d{4} \d{4}\]",
)
_DROPPED = re.compile("|".join(_BOILERPLATE), re.MULTILINE)
_EXIT_CODE = re.compile(r"exited with (?:a non-zero exit code| +exitCode:) ?(-?\d+)")
_RESOURCE = r"<memory:(\d+), vCores:(\d+)[^>]*>"
#: InvalidResourceRequestException of Hadoop's SchedulerUtils.
_TOO_LARGE = re.compile(
    rf"Requested resource=<?{_RESOURCE}.*?maximum allowed allocation=<?{_RESOURCE}", re.DOTALL
)
#: From a LeafQueue of the CapacityScheduler.
_QUEUE_MAXIMUM = re.compile(rf"Queue's max capacity \(absolute resource\) = {_RESOURCE}")
_MASTER_LIMIT = re.compile(r"Queue Resource Limit for AM = " + _RESOURCE)
_MASTER_REQUEST = re.compile(r"AM Resource Request = " + _RESOURCE)


def condense(diagnostics: str) -> str:
    """Remove what YARN says of every application that fails.

    Parameters
    ----------
    diagnostics : str
        As YARN reports them.

    Returns
    -------
    str
        The remainder, with the container's exit code first; all of it if nothing would remain.
    """
    kept = _DROPPED.sub("", diagnostics)
    lines = [line.strip().lstrip(". ") for line in kept.splitlines()]
    lines = [line for line in lines if line and not line.lstrip("-").isdecimal()]
    code = _EXIT_CODE.search(diagnostics)
    if code is not None:
        lines.insert(0, f"its container ended with exit code {code[1]}")
    return "\n".join(dict.fromkeys(lines)) or diagnostics


def too_large(details: str) -> str:
    """Return the limits of a container if YARN refused a larger one; else an empty string."""
    found = _TOO_LARGE.search(details)
    if found is None:
        return ""
    memory, cores, most_memory, most_cores = map(int, found.groups())
    asked, most = [], []
    if memory > most_memory:
        asked, most = [f"{memory} MiB"], [f"{most_memory} MiB"]
    if cores > most_cores:
        asked, most = [*asked, f"{cores} cores"], [*most, f"{most_cores} cores"]
    if not asked:
        return ""
    return (
        f"it asks for {' and '.join(asked)}, and a container of this cluster has at most "
        f"{' and '.join(most)}; next: less --memory or --vcores"
    )


def never_fits(diagnostics: str, asked: int) -> str:
    """Return why a waiting application can never start; empty if it may.

    Parameters
    ----------
    diagnostics : str
        Those of an accepted application.
    asked : int
        MiB requested for its first container; 0 if unknown.
    """
    request, limit = _MASTER_REQUEST.search(diagnostics), _MASTER_LIMIT.search(diagnostics)
    asked = int(request[1]) if request else asked
    maximum = _QUEUE_MAXIMUM.search(diagnostics)
    if maximum and asked > int(maximum[1]) > 0:
        return f"it asks for {asked} MiB, and its queue has {maximum[1]} MiB at most"
    if limit and asked > int(limit[1]) > 0:
        return (
            f"it asks for {asked} MiB, and its queue gives ApplicationMasters {limit[1]} MiB at "
            "most (yarn.scheduler.capacity.maximum-am-resource-percent)"
        )
    return ""
