"""Check whether Spark can run on the Java of a local cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

from yarnkernel.local.java import has_module

if TYPE_CHECKING:
    from yarnkernel.cluster.find import ClusterEnvironment

#: Module that Spark 4 adds to its JVMs (JavaModuleOptions.java), and small runtimes lack.
SPARK_MODULE = "jdk.incubator.vector"


def reason_against_spark(cluster: ClusterEnvironment) -> str:
    """Return why a local cluster's Java does not suffice for Spark; empty if it may.

    The Java on the nodes of other clusters is unknown here.
    """
    home = cluster.variables.get("JAVA_HOME", "")
    if not home or not cluster.is_local or has_module(home, SPARK_MODULE):
        return ""
    return (
        f"the Java of the {cluster.source} is too small for Spark 4: it lacks the module "
        f"{SPARK_MODULE}; next: yarnkernel cluster stop, and then "
        "JAVA_HOME=/path/to/a/whole/java yarnkernel cluster start"
    )
