"""Where a file of the cluster is, if it can be reached without Hadoop's own client.

Local directories, HDFS through WebHDFS, and what a ``viewfs`` mounts of these.
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

#: A link of a viewfs may lead into another one.
_MAX_LINKS = 10


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
