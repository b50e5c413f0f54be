"""Find the file system of a cluster's file, if it can be accessed without Hadoop's own client.

Supported are local directories, HDFS through WebHDFS, and these mounted in a ``viewfs``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from yarnkernel.errors import UnreadableFileError
from yarnkernel.hadoop.files import LocalFiles
from yarnkernel.hadoop.user import account

if TYPE_CHECKING:
    from yarnkernel.hadoop.configuration import Configuration
    from yarnkernel.hadoop.files import FileSystem

#: A viewfs link may lead to another viewfs.
_MAX_LINKS = 10


def find_file_system(configuration: Configuration, url: str) -> tuple[FileSystem, str]:
    """Find the file system that holds a file of the cluster.

    Parameters
    ----------
    configuration : Configuration
        Of the cluster.
    url : str
        A URL, or a path in the cluster's default file system.

    Returns
    -------
    FileSystem
        The file system.
    str
        The file's path in it.

    Raises
    ------
    UnreadableFileError
        When only Hadoop's own client can access it.
    """
    for _ in range(_MAX_LINKS):
        parts = urlsplit(url)
        default = urlsplit(configuration.get("fs.defaultFS", "file:///"))
        if not parts.netloc and parts.scheme in ("", default.scheme):
            parts = default._replace(path=parts.path)
        if parts.scheme == "file":
            edge = configuration.edge
            return edge.files if edge is not None else LocalFiles(), unquote(parts.path)
        if parts.scheme == "hdfs" and configuration.wants_kerberos:
            from yarnkernel.hadoop.name_node import NameNodeFiles  # noqa: PLC0415  (slow to import)

            return NameNodeFiles(configuration, parts.netloc), parts.path
        if parts.scheme in ("hdfs", "webhdfs", "swebhdfs"):
            from yarnkernel.hadoop.webhdfs import WebHdfs  # noqa: PLC0415  (slow to import)

            return WebHdfs(configuration, parts.scheme, parts.netloc), parts.path
        if parts.scheme != "viewfs":
            raise UnreadableFileError(f"{parts.scheme}: is read by Hadoop's own client alone")
        url = _follow_link(configuration, parts.netloc or "default", parts.path)
    raise UnreadableFileError(f"more than {_MAX_LINKS} links of a viewfs lead to {url}")


def _follow_link(configuration: Configuration, table: str, path: str) -> str:
    """Replace the longest mounted prefix of a path (ConfigUtil and InodeTree of viewfs)."""
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
    """Return a user's home in the cluster's default file system (``getHomeDirectory`` of each)."""
    parts = urlsplit(configuration.get("fs.defaultFS", "file:///"))
    if parts.scheme == "file":
        return account()[1]
    setting = "dfs.user.home.dir.prefix"
    if parts.scheme == "viewfs":
        setting = f"fs.viewfs.mounttable.{parts.netloc or 'default'}.homedir"
    return f"{configuration.get(setting, '/user')}/{user}"
