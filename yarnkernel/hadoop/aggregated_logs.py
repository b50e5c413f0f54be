"""Logs that NodeManagers have collected in the cluster's file system.

The paths follow LogAggregationUtils and LogAggregationFileController of Hadoop 3.5.0, the content
AggregatedLogFormat: the format ``TFile``, which is the default.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from yarnkernel.deadline import Deadline
from yarnkernel.errors import UnreadableFileError
from yarnkernel.hadoop.container_logs import PIECE, Choice, ContainerLog
from yarnkernel.hadoop.file_system import find_file_system
from yarnkernel.hadoop.tfile import TFile

if TYPE_CHECKING:
    from collections.abc import Iterator

    from yarnkernel.hadoop.configuration import Configuration
    from yarnkernel.hadoop.tfile import Input

#: Number of directories, by the last digits of an application's number (Hadoop 3.3, YARN-6929).
_BUCKETS = 10_000
#: Suffix of a file that a NodeManager is still writing.
_UNFINISHED = ".tmp"
_FORMAT = "TFile"


def _directories(configuration: Configuration, app_id: str, user: str) -> list[str]:
    """Return where an application's logs may be: since Hadoop 3.3, in 3.0 to 3.2, before that."""
    ours = f"yarn.log-aggregation.{_FORMAT}.remote-app-log-dir"
    nodemanagers = "yarn.nodemanager.remote-app-log-dir"
    root = configuration.get(ours) or configuration.get(nodemanagers, "/tmp/logs")  # noqa: S108
    old = configuration.get(f"{nodemanagers}-suffix", "logs")
    new = configuration.get(f"{ours}-suffix") or f"{old}-{_FORMAT.lower()}"
    bucket = f"{int(app_id.rpartition('_')[2]) % _BUCKETS:04}"
    return [
        f"{root.rstrip('/')}/{user}/{part}/{app_id}"
        for part in (f"bucket-{new}/{bucket}", new, old)
    ]


def aggregated_logs(
    configuration: Configuration, app_id: str, user: str, choose: Choice, deadline: Deadline
) -> Iterator[ContainerLog]:
    """Read the collected logs of an application.

    Parameters
    ----------
    configuration : Configuration
        Of the cluster.
    app_id : str
        The application's id.
    user : str
        The application's owner.
    choose : callable
        Chooses the files and where to begin in each.
    deadline : Deadline
        For the list of files, and for each piece of them: logs may be large.

    Raises
    ------
    UnreadableFileError
        When their file system, format or compression is not supported, or they are damaged.
    """
    formats = configuration.get_list("yarn.log-aggregation.file-formats")
    if _FORMAT not in (formats or [_FORMAT]):
        raise UnreadableFileError(f"logs in the format {formats[0]} are not read here")
    patience = Deadline(deadline.step(deadline.seconds))
    for directory in _directories(configuration, app_id, user):
        files, path = find_file_system(configuration, directory)
        for name, size in sorted((files.list_directory(path, deadline) or {}).items()):
            if name.endswith(_UNFINISHED):
                continue

            def read_at(offset: int, length: int, file: str = f"{path}/{name}") -> bytes:
                patience.renew()
                return files.read(file, offset, length, patience)  # noqa: B023  (read before the next)

            # The file is named after its NodeManager: host_port.
            node = ":".join(name.rsplit("_", 1))
            try:
                yield from read_containers(TFile(read_at, size), node, choose)
            except UnreadableFileError as exc:
                raise UnreadableFileError(f"{path}/{name}: {exc}") from exc


def read_containers(file: TFile, node: str, choose: Choice) -> Iterator[ContainerLog]:
    """Read the logs in one NodeManager's file; see :func:`aggregated_logs`."""
    for key, value in file.entries():
        container = key[2:].decode(errors="replace")  # DataOutput.writeUTF
        if not container.startswith("container_"):
            continue  # version, owner and access lists
        while not value.at_end():
            name, length = _utf(value), _utf(value)
            if not re.fullmatch("[0-9]{1,18}", length):
                raise UnreadableFileError(f"the length of {name} is {length[:40]!r}")
            size = int(length)
            start = choose(container, name, size)
            value.skip(size if start is None else min(start, size))
            if start is not None:
                while True:
                    content = value.read(max(0, min(PIECE, size - start)))
                    yield ContainerLog(container, node, name, start, content)
                    start += len(content)
                    if start >= size:
                        break


def _utf(value: Input) -> str:
    """Read a string written by DataOutput.writeUTF: file names and numbers."""
    return value.read(value.unsigned(2)).decode(errors="replace")
