"""HDFS's NameNode over Hadoop RPC (ClientProtocol of HDFS), which supports Kerberos.

Its messages are described in ``ClientNamenodeProtocol.proto`` of Hadoop 3.5.0.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from yarnkernel.errors import HadoopConfigurationError, HadoopError, UnreadableFileError
from yarnkernel.hadoop.addresses import parse_address
from yarnkernel.hadoop.files import FileStatus
from yarnkernel.hadoop.highly_available import HighlyAvailable
from yarnkernel.hadoop.rpc import RpcConnection

if TYPE_CHECKING:
    from collections.abc import Iterator

    from yarnkernel.deadline import Deadline
    from yarnkernel.hadoop.addresses import Address
    from yarnkernel.hadoop.configuration import Configuration

PROTOCOL = "org.apache.hadoop.hdfs.protocol.ClientProtocol"
#: HdfsClientConfigKeys.DFS_NAMENODE_RPC_PORT_DEFAULT.
NAMENODE_PORT = 8020


def namenode_addresses(configuration: Configuration, authority: str) -> list[Address]:
    """Return the NameNode addresses of one HDFS: several if it is highly available.

    Parameters
    ----------
    configuration : Configuration
        Of the cluster.
    authority : str
        The part of its URLs after ``hdfs://``.

    Raises
    ------
    HadoopConfigurationError
        When one has no address or an invalid one.
    """
    ids = configuration.get_list(f"dfs.ha.namenodes.{authority}")
    if not ids:
        return [parse_address(authority, NAMENODE_PORT, "the URL of HDFS")]
    found = []
    for node in ids:
        setting = f"dfs.namenode.rpc-address.{authority}.{node}"
        address = configuration.get(setting)
        if not address:
            raise HadoopConfigurationError(f"{configuration.source}: {setting} is not set")
        where = f"{configuration.source}: {setting}"
        found.append(parse_address(address, NAMENODE_PORT, where))
    return found


class NameNode(HighlyAvailable):
    """A client of the NameNode of one HDFS, or of the active one of several.

    Parameters
    ----------
    configuration : Configuration
        Of the cluster.
    authority : str
        See :func:`namenode_addresses`.
    """

    def __init__(self, configuration: Configuration, authority: str) -> None:
        addresses = namenode_addresses(configuration, authority)
        super().__init__([RpcConnection(address, PROTOCOL, configuration) for address in addresses])

    def key_provider(self, timeout: float) -> str | None:
        """Return the URI of the key server for encryption zones.

        It is empty if there is none, and None if the NameNode does not support the request.
        """
        defaults = self.call("GetServerDefaults", timeout, package="hdfs").serverDefaults
        return defaults.keyProviderUri if defaults.HasField("keyProviderUri") else None

    def file_info(self, path: str, timeout: float) -> Any:
        """Return the HdfsFileStatusProto of a file; None if it does not exist."""
        answer = self.call("GetFileInfo", timeout, package="hdfs", src=path)
        return answer.fs if answer.HasField("fs") else None

    def listing(self, path: str, deadline: Deadline) -> list[Any] | None:
        """Return an HdfsFileStatusProto for each file in a directory; None if it does not exist."""
        found: list[Any] = []
        while True:
            answer = self.call(
                "GetListing",
                deadline.step(deadline.seconds),
                package="hdfs",
                src=path,
                startAfter=found[-1].path if found else b"",
                needLocation=False,
            )
            if not answer.HasField("dirList"):
                return None
            found += answer.dirList.partialListing
            if not answer.dirList.remainingEntries or not answer.dirList.partialListing:
                return found

    def delete(self, path: str, timeout: float) -> None:
        """Delete a file, or a directory with all its content."""
        self.call("Delete", timeout, package="hdfs", src=path, recursive=True)


class NameNodeFiles:
    """A :class:`~yarnkernel.hadoop.files.FileSystem` that only uses the NameNode.

    It supports everything except the content of files, which DataNodes hold.

    Parameters
    ----------
    configuration : Configuration
        Of the cluster.
    authority : str
        See :func:`namenode_addresses`.
    """

    def __init__(self, configuration: Configuration, authority: str) -> None:
        self._configuration = configuration
        self._authority = authority

    @contextlib.contextmanager
    def _asking(self, path: str) -> Iterator[NameNode]:
        with contextlib.closing(NameNode(self._configuration, self._authority)) as namenode:
            try:
                yield namenode
            except HadoopError as exc:
                raise UnreadableFileError(f"hdfs://{self._authority}{path}: {exc}") from exc

    def status(self, path: str, deadline: Deadline) -> FileStatus | None:
        """Return a file's status; None if it does not exist."""
        with self._asking(path) as namenode:
            found = namenode.file_info(path, deadline.step(deadline.seconds))
        return None if found is None else FileStatus(found.length, found.modification_time)

    def list_directory(self, path: str, deadline: Deadline) -> dict[str, int] | None:
        """Return sizes in bytes by name; None if the directory does not exist."""
        with self._asking(path) as namenode:
            found = namenode.listing(path, deadline)
        if found is None:
            return None
        return {entry.path.decode(errors="replace"): entry.length for entry in found}

    def read(self, path: str, offset: int, length: int, deadline: Deadline) -> bytes:
        """Raise UnreadableFileError, as reading needs DataNodes."""
        del path, offset, length, deadline
        raise UnreadableFileError("HDFS with Kerberos is read by Hadoop's own client alone")

    def delete(self, path: str, deadline: Deadline) -> None:
        """Delete a file, or a directory with all its content."""
        with self._asking(path) as namenode:
            namenode.delete(path, deadline.step(deadline.seconds))
