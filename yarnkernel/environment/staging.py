"""Files of this machine that applications need on the cluster, uploaded once by what is in them."""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from yarnkernel.cluster.files import default_file_system
from yarnkernel.environment.archive import archive_digest
from yarnkernel.environment.store import EnvironmentStore
from yarnkernel.environment.transfer import TransferLine
from yarnkernel.errors import UnreadableFileError
from yarnkernel.hadoop.file_system import find_file_system, home_directory
from yarnkernel.hadoop.login import name_in_cluster

if TYPE_CHECKING:
    from pathlib import Path

    from yarnkernel.cluster.find import ClusterEnvironment
    from yarnkernel.deadline import Deadline
    from yarnkernel.progress import Report

#: Below the user's home on the cluster; nobody else reads it.
DIRECTORY = ".yarnkernel/files"


def stage(path: Path, cluster: ClusterEnvironment, deadline: Deadline, report: Report) -> str:
    """Upload a file unless it is there.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    cluster : ClusterEnvironment
        Where to.
    deadline : Deadline
        For all of it.
    report : callable
        Called with one line when it is uploaded.

    Returns
    -------
    str
        Its URL on the cluster.

    Raises
    ------
    ClusterFileError
        When it cannot be uploaded.
    """
    # YARN tells archives by the ends of their names; in others some characters are a pattern.
    plain = re.sub(r"[^A-Za-z0-9._+-]", "_", path.name)
    name = f"{archive_digest(path, deadline)[:32]}-{plain}"
    size = path.stat().st_size
    if url := _find(name, size, cluster, deadline):
        return url
    store = EnvironmentStore(cluster, deadline, default=DIRECTORY)
    return store.push(name, lambda: path, TransferLine(report, path.name), size)[0].url


def _find(name: str, size: int, cluster: ClusterEnvironment, deadline: Deadline) -> str:
    """Return the URL of a file that was uploaded; empty where only Hadoop's own client could tell.

    That one takes a second to start, at each start of a kernel.
    """
    configuration = cluster.configuration
    home = home_directory(configuration, name_in_cluster(configuration))
    url = f"{urlsplit(default_file_system(cluster)).scheme}://{home}/{DIRECTORY}/{name}"
    with contextlib.suppress(UnreadableFileError):
        files, path = find_file_system(configuration, url)
        status = files.status(path, deadline)
        return url if status is not None and status.size == size else ""
    return ""
