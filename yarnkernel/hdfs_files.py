"""HDFS by the library ``hdfs-native``: what ``hadoop fs`` does, without starting a JVM.

Optional (extra ``hdfs``). Its calls know no deadline: a thread makes them, and is left behind
when the time is over.
"""

from __future__ import annotations

import posixpath
import time
from concurrent.futures import wait
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from yarnkernel.cluster_files import ClusterFiles, FileStatus, default_file_system
from yarnkernel.errors import ClusterFileError, ClusterFileTimeoutError
from yarnkernel.hadoop.endless_calls import start_in_thread
from yarnkernel.hadoop.file_system import home_directory
from yarnkernel.hadoop.login import name_in_cluster

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from yarnkernel.cluster_env import ClusterEnvironment
    from yarnkernel.deadline import Deadline

T = TypeVar("T")
#: Bytes that are written at once.
CHUNK = 1 << 20
#: Seconds without an answer or a byte after which HDFS is given up; the library tries for ever.
STALL = 20.0
#: Seconds between two looks at a call.
LOOK_INTERVAL = 0.2
#: What a wildcard has in it (``Path.isWildcard`` of Hadoop: ``GlobPattern``).
_WILDCARDS = frozenset("*?[{")


def open_files(cluster: ClusterEnvironment, deadline: Deadline) -> ClusterFiles | HdfsFiles:
    """Choose how the cluster's file system is reached: without a JVM where that can be.

    Parameters
    ----------
    cluster : ClusterEnvironment
        The cluster.
    deadline : Deadline
        For all calls together.
    """
    if urlsplit(default_file_system(cluster)).scheme == "hdfs":
        try:
            import hdfs_native  # noqa: PLC0415  (optional)
        except ImportError:
            pass
        else:
            return HdfsFiles(cluster, deadline, hdfs_native)
    return ClusterFiles(cluster, deadline)


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
        self._client = self._run(
            lambda: library.Client(
                f"hdfs://{self._url.netloc}",
                config_dir=str(cluster.conf_dir),
                kerberos_principal=variables.get("KRB5PRINCIPAL"),
                kerberos_keytab=variables.get("KRB5KEYTAB"),
            )
        )

    def status(self, paths: Sequence[str]) -> list[FileStatus]:
        """Look at files and directories; see :meth:`ClusterFiles.status`."""
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
            )
            for one in found
        ]

    def make_directory(self, path: str, umask: str) -> None:
        """Make a directory and all above it; see :meth:`ClusterFiles.make_directory`."""
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
        """Give a file another name, which must not be taken."""
        self._run(lambda: self._client.rename(self._path(source), self._path(target)))

    def remove(self, paths: Sequence[str]) -> None:
        """Remove files; those that are not there are no error."""

        def remove() -> None:
            for path in map(self._path, paths):
                found = [path] if _WILDCARDS.isdisjoint(path) else self._glob(path)
                for one in found:
                    self._client.delete(one)

        self._run(remove)

    def _glob(self, pattern: str) -> list[str]:
        return [status.path for status in self._client.glob_status(pattern)]

    def _path(self, path: str) -> str:
        """Return a path on this file system, absolute."""
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
            raise ClusterFileError(
                f"{self.cluster.source}: its file system says: {reason}"
            ) from failure
        return future.result()
