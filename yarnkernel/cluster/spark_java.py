"""Whether Spark can run on the Java of a cluster that is this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from yarnkernel.local.java import has_module

if TYPE_CHECKING:
    from yarnkernel.cluster.find import ClusterEnvironment

#: What Spark 4 adds to its JVMs (JavaModuleOptions.java), and runtimes made small leave out.
SPARK_MODULE = "jdk.incubator.vector"


def reason_against_spark(cluster: ClusterEnvironment) -> str:
    """Say why a local cluster's Java is none for Spark; empty where it may be one.

    Of other clusters the nodes' Java is not known here.
    """
    home = cluster.variables.get("JAVA_HOME", "")
    if not home or not cluster.is_local or has_module(home, SPARK_MODULE):
        return ""
    return (
        f"the Java of the {cluster.source} is too small for Spark 4: it lacks the module "
        f"{SPARK_MODULE}; next: yarnkernel cluster stop, and then "
        "JAVA_HOME=/path/to/a/whole/java yarnkernel cluster start"
    )
