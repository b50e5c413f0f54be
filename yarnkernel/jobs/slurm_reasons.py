"""Explains Slurm's reasons: why a job waits, and whether it can ever start."""

from __future__ import annotations

import re

#: From "JOB REASON CODES" of squeue(1), Slurm 22.05 and 24.05.
REASONS = {
    "Resources": "for resources to become free",
    "Priority": "other jobs have a higher priority",
    "Dependency": "for another job to end",
    "DependencyNeverSatisfied": "a job that it depends on did not end as it should",
    "BeginTime": "its time to begin has not come",
    "JobHeldUser": "it is held by its user: scontrol release",
    "JobHeldAdmin": "it is held by an administrator",
    "Licenses": "for a license",
    "Reservation": "for its reservation to begin",
    "Cleaning": "what is left of its last run is cleaned up",
    "Prolog": "its nodes are prepared",
    "NodeDown": "a node that it needs is down",
    "ReqNodeNotAvail": "a node that it needs is not available, maybe reserved for maintenance",
    "BadConstraints": "no node is as it asks for",
    "PartitionConfig": "its partition has no such resources",
    "PartitionDown": "its partition is down",
    "PartitionInactive": "its partition is not active",
    "PartitionTimeLimit": "it asks for more time than its partition allows",
    "PartitionNodeLimit": "it asks for more, or fewer, nodes than its partition allows",
    "MaxMemPerLimit": "it asks for more memory for each processor or node than is allowed",
    "QOSNotAllowed": "its quality of service (QOS) is not allowed here",
    "QOSTimeLimit": "it asks for more time than its quality of service (QOS) allows",
    "QOSUsageThreshold": "its quality of service (QOS) is not used well enough",
    "AccountNotAllowed": "its account may not use this partition",
    "AccountingPolicy": "a limit of its account or quality of service (QOS)",
    "InvalidAccount": "its account is not valid",
    "InvalidQOS": "its quality of service (QOS) is not valid",
    "FrontEndDown": "the front end that would start it is down",
    "JobArrayTaskLimit": "its job array has enough tasks running",
    "SchedDefer": "it was not tried at submission, but soon will be",
    "NonZeroExitCode": "it ended with an exit code that is not 0",
}
#: With these a job waits forever unless somebody acts.
HOPELESS = frozenset({
    "AccountNotAllowed", "BadConstraints", "DependencyNeverSatisfied", "InvalidAccount",
    "InvalidQOS", "MaxMemPerLimit", "PartitionConfig", "PartitionNodeLimit", "PartitionTimeLimit",
    "QOSNotAllowed", "QOSTimeLimit",
})  # fmt: skip
#: ``QOSMaxCpuPerUserLimit``, ``AssocGrpGRESRunMinutes``...: whose limit, for whom, of what.
_LIMIT = re.compile(
    r"(?P<whose>QOS|Assoc(?:iation)?)(?P<kind>Grp|Max|Min)(?P<what>[A-Z][A-Za-z]*?)"
    r"(?P<per>Per(?:User|Account|Acct|Job|Node))?(?P<unit>(?:Run)?Minutes)?"
    r"(?:PerJob)?(?P<tail>Limit)?"
)
_WHOSE = {"QOS": "quality of service (QOS)"}
_WHAT = {
    "Cpu": "processors", "CPU": "processors", "CPUs": "processors", "Cpus": "processors",
    "Mem": "memory", "Memory": "memory", "GRES": "GPUs and the like", "Gres": "GPUs and the like",
    "Node": "nodes", "Jobs": "jobs", "SubmitJobs": "jobs submitted", "Wall": "time",
    "WallDuration": "time", "BB": "burst buffers", "Billing": "its price", "License": "licenses",
    "Energy": "energy", "JobsSubmit": "jobs submitted",
}  # fmt: skip
_PER = {
    "PerUser": " for one user", "PerAccount": " for one account", "PerAcct": " for one account",
    "PerJob": " for one job", "PerNode": " for one node",
}  # fmt: skip


def word_of(reason: str) -> str:
    """Return the code at the beginning of a reason.

    ``ReqNodeNotAvail`` is followed by ``, UnavailableNodes:...``; some reasons are sentences.
    """
    found = re.match(r"[A-Za-z]+(?=$|[,:( ])", reason.strip("()"))
    return found[0] if found else ""


def is_hopeless(reason: str) -> bool:
    """Return whether a job that waits for this will never start, whatever other jobs do."""
    word = word_of(reason)
    return word in HOPELESS or bool(re.fullmatch(r"(QOS|Assoc)(Max|Min)\w*PerJob(Limit)?", word))


def in_words(reason: str) -> str:
    """Return a reason with its meaning; only the reason if that is unknown."""
    word = word_of(reason)
    meaning = REASONS.get(word) or _limit_in_words(word)
    return f"{reason} ({meaning})" if meaning else reason


def _limit_in_words(word: str) -> str:
    found = _LIMIT.fullmatch(word)
    if not found:
        return ""
    whose = _WHOSE.get(found["whose"], "account")
    what = _WHAT.get(found["what"], found["what"])
    minutes = " over time" if found["unit"] else ""
    per = _PER.get(found["per"] or "", " together" if found["kind"] == "Grp" else "")
    if found["kind"] == "Min":
        return f"it asks for less than its {whose} wants: {what}{per}"
    return f"a limit of its {whose}: {what}{minutes}{per}"
