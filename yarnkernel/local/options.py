"""What a user may choose when a local cluster is started."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from yarnkernel.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Those with a lock of their artefacts (hadoop-VERSION.json), the default first.
HADOOP_VERSIONS = ("3.5.0", "3.4.3")
#: Words of hadoop.rpc.protection: what is done with messages once both sides are known.
PROTECTIONS = ("authentication", "integrity", "privacy")


@dataclass(frozen=True)
class ClusterOptions:
    """How a local cluster is made; it keeps these until it is stopped.

    Attributes
    ----------
    nodemanagers : int, default 1
        How many of them.
    hdfs : bool, default False
        Start a NameNode and a DataNode too and make HDFS the file system;
        else it is ``viewfs`` over local directories.
    memory : int, default 8192
        MiB that the containers of one NodeManager may use together.
    vcores : int, default 8
        Virtual cores that the containers of one NodeManager may use together.
    hadoop_version : str, default "3.5.0"
        One of ``HADOOP_VERSIONS``.
    kerberos : bool, default False
        Start a KDC too, and believe nobody without a ticket or a token.
    rpc_protection : str, default "authentication"
        One of ``PROTECTIONS``, or several with commas between: servers offer all of them,
        clients take the first one.
    ha : bool, default False
        Start two ResourceManagers and a ZooKeeper; when the active one ends,
        the other takes over.
    settings : mapping of str to str, optional
        More of ``yarn-site.xml``, for all daemons and clients; these come last.

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
        """Check what is one of several words."""
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
        """Names of the ResourceManagers as daemons, and as Hadoop knows them (``ha.rm-ids``)."""
        return ("resourcemanager0", "resourcemanager1") if self.ha else ("resourcemanager",)
