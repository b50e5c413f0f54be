"""The checks for each subject, and their order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from yarnkernel.deadline import Deadline
from yarnkernel.doctor import (
    certificates,
    configuration,
    file_system,
    front_ends,
    hosted,
    kernel,
    login,
    nodes,
    python,
    queue,
    resource_manager,
)
from yarnkernel.doctor.check import Step, run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from yarnkernel.doctor.check import Check
    from yarnkernel.doctor.subject import Subject

_CONFIGURE = (
    "set HADOOP_CONF_DIR to the directory that has the cluster's yarn-site.xml; from a laptop: "
    "--host EDGE_NODE; without a cluster: yarnkernel cluster start"
)
_MEND = "mend the file, or the option, that is named"
_JAVA = "set JAVA_HOME, and put the `yarn` of your cluster on PATH; or --via direct"
_CLUSTER, _SPEC = "configuration", "specification"
_IN = (_CLUSTER, "ResourceManager", "login")
_REQUESTED = ("queue", "queue's share", "container", "node labels")
_ASKED = (*_IN, _SPEC, "queue")

HERE = (
    Step("Python", python.check_python),
    Step("packages", python.check_packages),
    Step("extras", python.check_extras),
)
#: Whether the cluster answers and lets us in.
CLUSTER = (
    Step(_CLUSTER, configuration.check_configuration, (), 45.0, _CONFIGURE),
    Step("ResourceManager", resource_manager.check_resource_manager, (_CLUSTER,)),
    Step("login", login.check_login, _IN[:2]),
)
#: Whether it accepts the submission.
START = (
    Step(_SPEC, configuration.check_specification, (_CLUSTER,), todo=_MEND),
    Step("Java", configuration.check_java, (_CLUSTER, _SPEC), 45.0, _JAVA),
    Step("queue", queue.check_queue, _ASKED[:-1]),
    Step("queue's share", queue.check_share, _ASKED),
    Step("container", nodes.check_size, _ASKED[:-1]),
    Step("node labels", nodes.check_labels, _ASKED[:-1]),
    Step("environment", file_system.check_environment, (_CLUSTER,)),
    Step("encryption", certificates.check_encryption, (_CLUSTER, _SPEC)),
)
#: Files, encryption and front ends.
BESIDE = (
    Step("file system", file_system.check_file_system, (_CLUSTER, "login")),
    Step("logs", file_system.check_logs, (_CLUSTER, "login")),
    Step("certificates", certificates.check_certificates),
    Step("clocks", resource_manager.check_clocks, _IN[:2]),
    Step("ports", nodes.check_reach, _IN),
    Step("front ends", front_ends.check_front_ends, (), 30.0),
)
#: Checks for places outside YARN.
HOST = (
    Step("host", hosted.check_line, (), 45.0),
    Step("Python there", hosted.check_python_there, ("host",), 20.0),
    Step("scheduler", hosted.check_scheduler, ("host",), 30.0),
    Step("front ends", front_ends.check_front_ends, (), 30.0),
)
#: Checks for an existing kernel.
KERNEL = (
    Step("state", kernel.check_state, (), 20.0),
    Step("log", kernel.check_log, (), 30.0),
    Step("store", kernel.check_store, ("state",)),
    Step("kernel's ports", kernel.check_ports, ("state", "store"), 25.0),
)


#: Whether there is room for it.
REQUEST = (*CLUSTER, START[0], *(step for step in START if step.name in _REQUESTED))


def examine(subject: Subject, timeout: float) -> Iterator[Check]:
    """Examine a subject.

    Parameters
    ----------
    subject : Subject
        The subject.
    timeout : float
        Seconds for all checks together.

    Yields
    ------
    Check
        The findings of each check, as soon as it is done.
    """
    if subject.kernel:
        place = (*CLUSTER, *BESIDE[2:4]) if subject.is_on_yarn else HOST[:3]
        steps = [*HERE, *place, *KERNEL]
    else:
        steps = [*HERE, *(CLUSTER + START + BESIDE if subject.is_on_yarn else HOST)]
    yield from run(steps, subject, Deadline(timeout))
