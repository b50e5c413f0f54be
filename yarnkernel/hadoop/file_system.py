"""Files of the cluster that can be reached without Hadoop's own client.

Local directories, HDFS through WebHDFS, and what a ``viewfs`` mounts of these.
"""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from urllib.parse import unquote, urlsplit

from yarnkernel.errors import UnreadableFileError
from yarnkernel.hadoop.user import account

if TYPE_CHECKING:
    from yarnkernel.deadline import Deadline
    from yarnkernel.hadoop.configuration import Configuration

#: A link of a viewfs may lead into another one.
_MAX_LINKS = 10
#: Beside each file (ChecksumFileSystem).
_CHECKSUMS = re.compile(r"\..+\.crc")


@dataclass(frozen=True)
class FileStatus:
    """A file of the cluster.

    Attributes
    ----------
    size : int
        Bytes.
    modified : int
        Milliseconds since 1970, as YARN compares them.
    """

    size: int
    modified: int


class FileSystem(Protocol):
    """What can be done with files; paths are absolute."""

    def status(self, path: str, deadline: Deadline) -> FileStatus | None:
        """Look at a file; None when there is none."""

    def list_directory(self, path: str, deadline: Deadline) -> dict[str, int] | None:
        """Return sizes in bytes by name; None when there is no such directory."""

    def read(self, path: str, offset: int, length: int, deadline: Deadline) -> bytes:
        """Read ``length`` bytes, fewer at the end."""

    def delete(self, path: str, deadline: Deadline) -> None:
        """Delete a file or a directory with all that is in it."""


class LocalFiles:
    """Files of this machine, and of those that mount the same ones."""

    def status(self, path: str, deadline: Deadline) -> FileStatus | None:  # noqa: ARG002
        """See :class:`FileSystem`."""
        try:
            found = Path(path).stat()
        except FileNotFoundError:
            return None
        except OSError as exc:
            raise UnreadableFileError(f"cannot look at {path}: {exc.strerror}") from exc
        return FileStatus(found.st_size, found.st_mtime_ns // 1_000_000)

    def list_directory(self, path: str, deadline: Deadline) -> dict[str, int] | None:  # noqa: ARG002
        """See :class:`FileSystem`."""
        try:
            return {
                entry.name: entry.stat().st_size
                for entry in os.scandir(path)
                if not _CHECKSUMS.fullmatch(entry.name)
            }
        except FileNotFoundError:
            return None
        except OSError as exc:
            raise UnreadableFileError(f"cannot read {path}: {exc.strerror}") from exc

    def read(self, path: str, offset: int, length: int, deadline: Deadline) -> bytes:  # noqa: ARG002
        """See :class:`FileSystem`."""
        try:
            with Path(path).open("rb") as file:
                return os.pread(file.fileno(), length, offset)
        except OSError as exc:
            raise UnreadableFileError(f"cannot read {path}: {exc.strerror}") from exc

    def delete(self, path: str, deadline: Deadline) -> None:  # noqa: ARG002
        """See :class:`FileSystem`."""
        shutil.rmtree(path, ignore_errors=True)


def find_file_system(configuration: Configuration, url: str) -> tuple[FileSystem, str]:
    """Find out where a file of the cluster is.

    Parameters
    ----------
    configuration : Configuration
        Of the cluster.
    url : str
        A URL, or a path in the cluster's default file system.

    Returns
    -------
    FileSystem
        Where it is.
    str
        Its path there.

    Raises
    ------
    UnreadableFileError
        When only Hadoop's own client can get there.
    """
    for _ in range(_MAX_LINKS):
        parts = urlsplit(url)
        default = urlsplit(configuration.get("fs.defaultFS", "file:///"))
        if not parts.netloc and parts.scheme in ("", default.scheme):
            parts = default._replace(path=parts.path)
        if parts.scheme == "file":
            return LocalFiles(), unquote(parts.path)
        if parts.scheme == "hdfs" and configuration.wants_kerberos:
            from yarnkernel.hadoop.name_node import NameNodeFiles  # noqa: PLC0415  (it imports us)

            return NameNodeFiles(configuration, parts.netloc), parts.path
        if parts.scheme in ("hdfs", "webhdfs", "swebhdfs"):
            from yarnkernel.hadoop.webhdfs import WebHdfs  # noqa: PLC0415  (it imports us)

            return WebHdfs(configuration, parts.scheme, parts.netloc), parts.path
        if parts.scheme != "viewfs":
            raise UnreadableFileError(f"{parts.scheme}: is read by Hadoop's own client alone")
        url = _follow_link(configuration, parts.netloc or "default", parts.path)
    raise UnreadableFileError(f"more than {_MAX_LINKS} links of a viewfs lead to {url}")


def _follow_link(configuration: Configuration, table: str, path: str) -> str:
    """Replace the longest mounted part of a path (ConfigUtil and InodeTree of viewfs)."""
    prefix = f"fs.viewfs.mounttable.{table}.link."
    links = [n.removeprefix(prefix) for n in configuration.settings if n.startswith(prefix)]
    mounted = [link for link in links if path == link or path.startswith(f"{link}/")]
    if not mounted:
        raise UnreadableFileError(
            f"nothing that is known here is mounted at viewfs://{table}{path}"
        )
    link = max(mounted, key=len)
    return configuration.get(prefix + link).rstrip("/") + path.removeprefix(link)


def home_directory(configuration: Configuration, user: str) -> str:
    """A user's home in the cluster's default file system (``getHomeDirectory`` of each)."""
    parts = urlsplit(configuration.get("fs.defaultFS", "file:///"))
    if parts.scheme == "file":
        return account()[1]
    setting = "dfs.user.home.dir.prefix"
    if parts.scheme == "viewfs":
        setting = f"fs.viewfs.mounttable.{parts.netloc or 'default'}.homedir"
    return f"{configuration.get(setting, '/user')}/{user}"
