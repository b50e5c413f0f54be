"""Files for an application's container, when skein's ApplicationMaster does not provide them.

Small files of this machine are sent in the container's credentials: nothing is uploaded, and nobody
else can read them. YARN localizes the others from the cluster's file systems.
"""

from __future__ import annotations

import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from yarnkernel.environment.staging import stage
from yarnkernel.errors import UnreadableFileError, UsageError
from yarnkernel.hadoop.file_system import find_file_system
from yarnkernel.hadoop.messages import message_class

if TYPE_CHECKING:
    from collections.abc import Mapping

    import skein

    from yarnkernel.cluster.find import ClusterEnvironment
    from yarnkernel.deadline import Deadline
    from yarnkernel.progress import Report

#: Most bytes to send: ResourceManagers keep credentials in their state store, whose entries are
#: limited (``yarn.resourcemanager.zk-max-znode-size.bytes``, 1 MiB).
MOST_THAT_TRAVELS = 128 << 10
#: Name of the specification's script in the container.
SCRIPT = ".yarnkernel.sh"


def sort_files(
    files: Mapping[str, skein.File], travelling: Mapping[str, bytes]
) -> tuple[dict[str, bytes], set[str], dict[str, skein.File]]:
    """Separate the files that can be sent in the container's credentials from the others.

    Parameters
    ----------
    files : mapping of str to skein.File
        By their names in the container.
    travelling : mapping of str to bytes
        Content that has to be sent, whatever its size.

    Returns
    -------
    dict of str to bytes
        Content to send, as :func:`yarnkernel.store.packed_files.pack_files` takes it.
    set of str
        Names of the executable files among it.
    dict of str to skein.File
        Files that YARN has to localize.

    Raises
    ------
    UsageError
        When a file of this machine cannot be read, is not a regular file (a pipe may have no end),
        or has the name of content to send.
    """
    if taken := sorted(travelling.keys() & files.keys()):
        raise UsageError(f"files.{taken[0]}: the container has a file of its own of this name")
    travelling, others, executable = dict(travelling), dict(files), set()
    left = MOST_THAT_TRAVELS - sum(map(len, travelling.values()))
    for name, file in files.items():
        path = _local_path(file)
        if path is None:
            continue
        try:
            status = path.stat()
            if not stat.S_ISREG(status.st_mode):
                raise UsageError(f"files.{name}: {path} is not a regular file")
            if str(file.type) == "FILE" and status.st_size <= left:
                travelling[name] = path.read_bytes()
                left -= len(travelling[name])
                if status.st_mode & stat.S_IXUSR:
                    executable.add(name)
                del others[name]
        except OSError as exc:
            raise UsageError(f"files.{name}: cannot read {path}: {exc.strerror}") from exc
    return travelling, executable, others


def _local_path(file: skein.File) -> Path | None:
    """Return a file's path on this machine; None if it is on the cluster."""
    url = urlsplit(file.source)
    if url.scheme != "file":
        return None
    plain = Path(url.path)
    return plain if plain.exists() else Path(unquote(url.path))


def local_resource(
    file: skein.File,
    cluster: ClusterEnvironment,
    deadline: Deadline,
    report: Report,
) -> Any:
    """Describe a file to YARN, which checks its size and time before it uses it.

    Parameters
    ----------
    file : skein.File
        From a specification; a file of this machine is uploaded unless it already has been.
    cluster : ClusterEnvironment
        The cluster.
    deadline : Deadline
        For the upload and the request for its status.
    report : callable
        Called with one line if it is uploaded.

    Returns
    -------
    LocalResourceProto
        The description.

    Raises
    ------
    UnreadableFileError
        When it does not exist, or only Hadoop's own client can access its file system.
    ClusterFileError
        When it cannot be uploaded.
    """
    here = _local_path(file)
    source = file.source if here is None else stage(here, cluster, deadline, report)
    files, path = find_file_system(cluster.configuration, source)
    status = files.status(path, deadline)
    if status is None:
        raise UnreadableFileError(f"there is no {source}")
    url = urlsplit(source)
    # Neither lowercased nor decoded: Hadoop takes paths and HDFS's names literally.
    host = url.netloc.rpartition("@")[2]
    return message_class("hadoop.yarn.LocalResourceProto")(
        resource={
            "scheme": url.scheme,
            "host": host.rpartition(":")[0] if url.port else host,
            "port": url.port or -1,
            "file": unquote(url.path) if url.scheme == "file" else url.path,
        },
        size=status.size,
        timestamp=status.modified,
        type=str(file.type),
        visibility=str(file.visibility),
    )
