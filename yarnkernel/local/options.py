"""The options for starting a local cluster."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from yarnkernel.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Versions with a lock of their artefacts (hadoop-VERSION.json), the default first.
HADOOP_VERSIONS = ("3.5.0", "3.4.3")
#: Words of hadoop.rpc.protection: the protection of messages after authentication.
PROTECTIONS = ("authentication", "integrity", "privacy")


@dataclass(frozen=True)
class ClusterOptions:
    """The options of a local cluster, which it keeps until it is stopped.

    Attributes
    ----------
    nodemanagers : int, default 1
        Number of NodeManagers.
    hdfs : bool, default False
        Also start a NameNode and a DataNode, and make HDFS the file system; otherwise it is
        ``viewfs`` over local directories.
    memory : int, default 8192
        MiB that the containers of one NodeManager may use together.
    vcores : int, default 8
        Virtual cores that the containers of one NodeManager may use together.
    hadoop_version : str, default "3.5.0"
        One of ``HADOOP_VERSIONS``.
    kerberos : bool, default False
        Also start a KDC, and accept nobody without a ticket or a token.
    rpc_protection : str, default "authentication"
        One of ``PROTECTIONS``, or several separated by commas: servers offer all of them, clients
        take the first one.
    ha : bool, default False
        Start two ResourceManagers and a ZooKeeper; if the active one ends, the other takes over.
    settings : mapping of str to str, optional
        Additional settings of ``yarn-site.xml`` for all daemons and clients, which override others.

    Raises
    ------
    UsageError
        When there is no such version or protection.
    """

    nodemanagers: int = 1
    hdfs: bool = False
    memory: int = 8192
    vcores: int = 8
    hadoop_version: str = HADOOP_VERSIONS[0]
    kerberos: bool = False
    rpc_protection: str = PROTECTIONS[0]
    ha: bool = False
    settings: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check the version, the protections and the HTTP policies."""
        protections = [(word, PROTECTIONS) for word in self.rpc_protection.split(",")]
        for said, known in ((self.hadoop_version, HADOOP_VERSIONS), *protections):
            if said not in known:
                raise UsageError(f"a local cluster has {' or '.join(known)}, not {said!r}")
        for name in ("yarn.http.policy", "dfs.http.policy"):
            if self.settings.get(name, "HTTP_ONLY").upper() != "HTTP_ONLY":
                raise UsageError(
                    f"{name}={self.settings[name]}: the pages of a local cluster have no "
                    "certificates"
                )

    @property
    def resourcemanagers(self) -> tuple[str, ...]:
        """Names of the ResourceManagers, as daemons and as Hadoop's ids (``ha.rm-ids``)."""
        return ("resourcemanager0", "resourcemanager1") if self.ha else ("resourcemanager",)
