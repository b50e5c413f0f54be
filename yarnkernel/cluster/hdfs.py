"""HDFS through the library ``hdfs-native``: like ``hadoop fs``, but without a JVM.

Optional (extra ``hdfs``). Its calls have no timeout: they run in a thread, which is abandoned when
the time is up.
"""

from __future__ import annotations

import contextlib
import os
import posixpath
import shutil
import time
from concurrent.futures import wait
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from yarnkernel.cluster.files import ClusterFiles, FileStatus, default_file_system
from yarnkernel.errors import (
    ClusterError,
    ClusterFileError,
    ClusterFileTimeoutError,
    HadoopConfigurationError,
)
from yarnkernel.hadoop.credentials import TOKEN_FILE_VARIABLE, Credentials
from yarnkernel.hadoop.endless_calls import start_in_thread
from yarnkernel.hadoop.file_system import home_directory
from yarnkernel.hadoop.gssapi import own_principal
from yarnkernel.hadoop.login import name_in_cluster
from yarnkernel.hadoop.name_node import PROTOCOL as HDFS_PROTOCOL
from yarnkernel.hadoop.name_node import NameNode, namenode_addresses
from yarnkernel.hadoop.own_tokens import HDFS_TOKEN, own_tokens
from yarnkernel.hadoop.sockets import socks_server
from yarnkernel.hadoop.tickets import Tickets, use_krb5_conf
from yarnkernel.hadoop.user import proxied_user

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from yarnkernel.cluster.find import ClusterEnvironment
    from yarnkernel.deadline import Deadline
    from yarnkernel.hadoop.configuration import Configuration

T = TypeVar("T")
#: Bytes to write at once.
CHUNK = 1 << 20
#: Seconds without an answer or progress before giving up; the library retries forever.
STALL = 20.0
#: Seconds between two checks of a call.
LOOK_INTERVAL = 0.2
#: Seconds to find the active NameNode: half of them for one that does not answer.
PROBE_TIMEOUT = 6.0
#: Characters of wildcards (``Path.isWildcard`` of Hadoop: ``GlobPattern``).
_WILDCARDS = frozenset("*?[{")


def open_files(cluster: ClusterEnvironment, deadline: Deadline) -> ClusterFiles | HdfsFiles:
    """Choose how to access the cluster's file system: without a JVM if possible.

    Parameters
    ----------
    cluster : ClusterEnvironment
        The cluster.
    deadline : Deadline
        For all calls together.
    """
    beyond = cluster.configuration.edge is not None
    if not beyond and urlsplit(default_file_system(cluster)).scheme == "hdfs":
        try:
            import hdfs_native  # noqa: PLC0415  (optional)
        except ImportError:
            return ClusterFiles(cluster, deadline)
        against = _reason_against(cluster, deadline)
        if not against:
            return HdfsFiles(cluster, deadline, hdfs_native)
        if shutil.which("hadoop", path=cluster.variables.get("PATH")) is None:
            raise ClusterError(
                f"{cluster.source}: {against}, which the library hdfs-native does not heed; next: "
                "put Hadoop's `hadoop` command on PATH"
            )
    return ClusterFiles(cluster, deadline)


def _reason_against(cluster: ClusterEnvironment, deadline: Deadline) -> str:
    """Return a requirement that only Hadoop's own client meets; empty if there is none."""
    configuration = cluster.configuration
    proxied = proxied_user(cluster.variables)
    reasons = {
        f"HADOOP_PROXY_USER={proxied}": proxied,
        "the site files want a SOCKS server": socks_server(configuration, deadline, HDFS_PROTOCOL),
        "none of the tokens here is for its name": (
            configuration.wants_kerberos
            and own_tokens(configuration)
            and not _has_token(configuration, urlsplit(default_file_system(cluster)).netloc)
        ),
    }
    return next((reason for reason, holds in reasons.items() if holds), "")


def _has_token(configuration: Configuration, authority: str) -> bool:
    """Return whether the library finds a token, which it does in one file and by address."""
    file = configuration.environment.get(TOKEN_FILE_VARIABLE)
    if not file or file != os.environ.get(TOKEN_FILE_VARIABLE):
        return False
    names = {f"ha-hdfs:{authority}"}
    names |= {f"{host}:{port}" for host, port in namenode_addresses(configuration, authority)}
    tokens = Credentials.read(Path(file)).tokens.values()
    return any(token.kind == HDFS_TOKEN and token.service in names for token in tokens)


class HdfsFiles:
    """The default file system of a cluster, HDFS; see :class:`ClusterFiles`.

    Parameters
    ----------
    cluster : ClusterEnvironment
        The cluster.
    deadline : Deadline
        For all calls together.
    library : module
        ``hdfs_native``.
    """

    def __init__(self, cluster: ClusterEnvironment, deadline: Deadline, library: Any) -> None:
        self.cluster = cluster
        self._deadline = deadline
        self._library = library
        self._last_sign = 0.0
        self._url = urlsplit(default_file_system(cluster))
        variables = cluster.variables
        if cluster.configuration.wants_kerberos:
            use_krb5_conf(variables)  # the library runs in this process
        settings = self._settings()
        self._client = self._run(
            lambda: library.Client(
                f"hdfs://{self._url.netloc}",
                settings,
                str(cluster.conf_dir),
                kerberos_principal=variables.get("KRB5PRINCIPAL") or None,
                kerberos_keytab=variables.get("KRB5KEYTAB") or None,
            )
        )

    def _settings(self) -> dict[str, str]:
        """Return the settings of the site files, with only the active one of several NameNodes.

        The library would wait forever for one that hangs, and not try the next one.
        """
        configuration = self.cluster.configuration
        settings = {}
        for name in configuration.settings:
            if name.startswith(("dfs.", "fs.", "hadoop.")):
                with contextlib.suppress(HadoopConfigurationError):
                    settings[name] = configuration.get(name)
        authority = self._url.netloc
        setting = f"dfs.ha.namenodes.{authority}"
        nodes = configuration.get_list(setting)
        if len(nodes) > 1:
            with contextlib.closing(NameNode(configuration, authority)) as namenode:
                namenode.key_provider(self._deadline.step(PROBE_TIMEOUT))
                active = namenode_addresses(configuration, authority).index(namenode.answering)
            settings[setting] = nodes[active]
        return settings

    def status(self, paths: Sequence[str]) -> list[FileStatus]:
        """Return the status of files and directories; see :meth:`ClusterFiles.status`."""
        if any(urlsplit(path).scheme not in ("", "hdfs") for path in paths):
            return ClusterFiles(self.cluster, self._deadline).status(paths)
        return self._run(lambda: [status for path in paths for status in self._look(path)])

    def _look(self, path: str) -> list[FileStatus]:
        path = self._path(path)
        if _WILDCARDS.isdisjoint(path):
            try:
                found = [self._client.get_file_info(path)]
            except FileNotFoundError:
                found = []
        else:
            found = self._client.glob_status(path)
        return [
            FileStatus(
                name=posixpath.basename(one.path.rstrip("/")),
                size=one.length,
                modified=one.modification_time / 1000,
                is_directory=one.isdir,
                mode=one.permission,
                owner=one.owner,
            )
            for one in found
        ]

    def make_directory(self, path: str, umask: str) -> None:
        """Make a directory and its parents; see :meth:`ClusterFiles.make_directory`."""
        mode = 0o777 & ~int(umask, 8)
        self._run(lambda: self._client.mkdirs(self._path(path), mode, create_parent=True))

    def upload(self, source: Path, target: str, umask: str, advance: Callable[[int], None]) -> None:
        """Copy a file of this machine to the cluster; see :meth:`ClusterFiles.upload`."""
        options = self._library.WriteOptions(permission=0o666 & ~int(umask, 8))

        def copy() -> None:
            with (
                source.open("rb") as file,
                self._client.create(self._path(target), options) as writer,
            ):
                while block := file.read(CHUNK):
                    writer.write(block)
                    self._last_sign = time.monotonic()
                    advance(len(block))

        self._run(copy)

    def rename(self, source: str, target: str) -> None:
        """Rename a file; the new name must not exist."""
        self._run(lambda: self._client.rename(self._path(source), self._path(target)))

    def remove(self, paths: Sequence[str]) -> None:
        """Remove files; missing ones are no error."""

        def remove() -> None:
            for path in map(self._path, paths):
                found = [path] if _WILDCARDS.isdisjoint(path) else self._glob(path)
                for one in found:
                    self._client.delete(one)

        self._run(remove)

    def _glob(self, pattern: str) -> list[str]:
        return [status.path for status in self._client.glob_status(pattern)]

    def _path(self, path: str) -> str:
        """Return an absolute path on this file system."""
        plain = urlsplit(path).path if "://" in path else path
        if plain.startswith("/"):
            return posixpath.normpath(plain)
        configuration = self.cluster.configuration
        home = home_directory(configuration, name_in_cluster(configuration))
        return posixpath.normpath(posixpath.join(home, plain))

    def _run(self, call: Callable[[], T]) -> T:
        late = ClusterFileTimeoutError(
            f"{self.cluster.source}: its file system does not answer in time; "
            "next: try again with a longer --timeout"
        )
        if self._deadline.passed:
            raise late
        future = start_in_thread(call)
        self._last_sign = time.monotonic()
        while not wait([future], self._deadline.step(LOOK_INTERVAL)).done:
            if self._deadline.passed:
                raise late
            if time.monotonic() - self._last_sign > STALL:
                raise ClusterFileError(
                    f"{self.cluster.source}: its file system says: nothing for {STALL:.0f} s; "
                    "is it running?"
                )
        if (failure := future.exception()) is not None:
            reason = " ".join(str(failure).split()).partition(" at org.apache.")[0]
            if "GSS" in reason:
                # Its message is for programmers; checking the ticket here gives an error with
                # advice.
                own_principal(Tickets(self.cluster.variables), self._deadline)
            raise ClusterFileError(
                f"{self.cluster.source}: its file system says: {reason}"
            ) from failure
        return future.result()
