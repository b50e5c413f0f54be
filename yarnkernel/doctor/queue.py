"""Checks of the queue: whether it exists, accepts our submission and has room for it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from yarnkernel.doctor.check import failed, ok, warning
from yarnkernel.hadoop.messages import enum_name
from yarnkernel.kernels.options import DEFAULT_PARTITION

if TYPE_CHECKING:
    from yarnkernel.deadline import Deadline
    from yarnkernel.doctor.check import Check
    from yarnkernel.doctor.subject import Subject

_SUBMIT = "QACL_SUBMIT_APPLICATIONS"
_AM_SETTING = "yarn.scheduler.capacity.maximum-am-resource-percent"
#: ApplicationMasters may exceed their share by the first of them
#: (LeafQueue.activateApplications of Hadoop 3.5.0).
_FIRST = "YARN lets one such kernel run in the queue at a time, however large the share is"


def check_queue(subject: Subject, deadline: Deadline) -> Check:
    """Check that the queue exists and accepts applications, including ours."""
    name = subject.specification.queue
    with subject.client() as client:
        manager = client.resource_manager
        queue = manager.queue(name, deadline.step(deadline.seconds))
        if queue is None or queue.childQueues:
            names = ", ".join(client.queues(deadline.step(deadline.seconds)))
            why = f"there is no queue {name!r}"
            if queue is not None:
                why = f"{name} has queues below it, and takes no applications itself"
            return failed(f"queues: {names}", why, "--queue NAME, with one of these")
        rights = manager.queue_rights(deadline.step(deadline.seconds))
    path = queue.queuePath or name
    state = enum_name("hadoop.yarn.QueueStateProto", queue.state).removeprefix("Q_")
    if state != "RUNNING":
        return failed(f"{path}, {state}", "it takes no applications now", "another --queue")
    own = [rights[one] for one in (path, queue.queueName) if one in rights]
    if own and _SUBMIT not in own[0]:
        others = ", ".join(one for one, given in rights.items() if _SUBMIT in given)
        why = f"you may not submit to it; you may to: {others or 'none'}"
        return failed(path, why, "another --queue, or ask for acl_submit_applications")
    return ok(f"{path}, RUNNING; you may submit")


def check_share(subject: Subject, deadline: Deadline) -> Check:
    """Check how much of the queue is free, in total and for ApplicationMasters."""
    spec = subject.specification
    with subject.client() as client:
        queue = client.resource_manager.queue(spec.queue, deadline.step(deadline.seconds))
    asked = needed_memory(subject)
    master = spec.master.resources.memory
    stats = queue.queueStatistics
    free, used = stats.availableMemoryMB, stats.allocatedMemoryMB
    found = f"asks {asked} MiB; {free} MiB are free, {used} MiB taken"
    most = share = math.inf
    if shares := _shares(queue, spec.node_label):
        most = shares.effectiveMaxCapacity.memory or math.inf
        percent = shares.maxAMPercentage
        share = most * percent if percent > 0 else math.inf
        if most != math.inf:
            found += f"; at most {most} MiB, {percent:.0%} of them for ApplicationMasters"
    if stats.numAppsPending:
        found += f"; {stats.numAppsPending} applications wait"
    if asked > most:
        why = f"asked for {asked} MiB, and the queue gives {most} MiB at most: it would never start"
        return failed(found, why, "less --memory, or another --queue")
    if master > share:
        why = (
            f"the kernel is its own ApplicationMaster, and these may have {share:.0f} MiB: {_FIRST}"
        )
        todo = (
            f"ask for a higher {_AM_SETTING}, less --memory, or specs/ipython-service.yaml, whose "
            "ApplicationMaster is small"
        )
        return warning(found, why, todo)
    if asked > free >= 0:
        why = f"{free} MiB are free: it would wait for others to end"
        return warning(found, why, "yarnkernel list, to see who has it; less --memory; or wait")
    return ok(found)


def needed_memory(subject: Subject) -> int:
    """Return the MiB of all containers of a start."""
    spec = subject.specification
    services = (one.resources.memory * one.instances for one in spec.services.values())
    return int(spec.master.resources.memory + sum(services))


def _shares(queue: Any, label: str | None) -> Any:
    """Return a queue's configuration for nodes with a label; None if YARN has none."""
    wanted = "" if label in (None, DEFAULT_PARTITION) else label
    for entry in queue.queueConfigurationsMap:
        if entry.partitionName == wanted and entry.HasField("queueConfigurations"):
            return entry.queueConfigurations
    return None
