"""Which checks a subject gets, and in which order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from yarnkernel.deadline import Deadline
from yarnkernel.doctor import configuration, login, python, resource_manager
from yarnkernel.doctor.check import Step, run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from yarnkernel.doctor.check import Check
    from yarnkernel.doctor.subject import Subject

HERE = (
    Step("Python", python.check_python),
    Step("packages", python.check_packages),
    Step("extras", python.check_extras),
)
_CLUSTER, _MANAGER, _LOGIN = "configuration", "ResourceManager", "login"
_CONFIGURE = (
    "set HADOOP_CONF_DIR to the directory that has the cluster's yarn-site.xml; from a laptop: "
    "--host EDGE_NODE; without a cluster: yarnkernel cluster start"
)
_JAVA = "set JAVA_HOME, and put the `yarn` of your cluster on PATH; or --via direct"
CLUSTER = (
    Step(_CLUSTER, configuration.check_configuration, (), 45.0, _CONFIGURE),
    Step("Java", configuration.check_java, (_CLUSTER,), 45.0, _JAVA),
    Step(_MANAGER, resource_manager.check_resource_manager, (_CLUSTER,)),
    Step(_LOGIN, login.check_login, (_CLUSTER, _MANAGER)),
)
CLOCKS = (Step("clocks", resource_manager.check_clocks, (_CLUSTER, _MANAGER)),)


def examine(subject: Subject, timeout: float) -> Iterator[Check]:
    """Examine a subject.

    Parameters
    ----------
    subject : Subject
        What is examined.
    timeout : float
        Seconds for all checks together.

    Yields
    ------
    Check
        One for each, as soon as it is done.
    """
    steps = [*HERE, *CLUSTER, *CLOCKS]
    yield from run(steps, subject, Deadline(timeout))
