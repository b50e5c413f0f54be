"""Uploads files that applications need on the cluster, each content only once."""

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

#: A directory below the user's home on the cluster, which nobody else can read.
DIRECTORY = ".yarnkernel/files"


def stage(path: Path, cluster: ClusterEnvironment, deadline: Deadline, report: Report) -> str:
    """Upload a file unless it is already there.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    cluster : ClusterEnvironment
        The cluster.
    deadline : Deadline
        For all steps together.
    report : callable
        Called once if it is uploaded.

    Returns
    -------
    str
        Its URL on the cluster.

    Raises
    ------
    ClusterFileError
        When it cannot be uploaded.
    """
    # YARN recognizes archives by the end of their name; elsewhere some characters form patterns.
    plain = re.sub(r"[^A-Za-z0-9._+-]", "_", path.name)
    name = f"{archive_digest(path, deadline)[:32]}-{plain}"
    size = path.stat().st_size
    if url := _find(name, size, cluster, deadline):
        return url
    store = EnvironmentStore(cluster, deadline, default=DIRECTORY)
    return store.push(name, lambda: path, TransferLine(report, path.name), size)[0].url


def _find(name: str, size: int, cluster: ClusterEnvironment, deadline: Deadline) -> str:
    """Return the URL of an uploaded file; empty if only Hadoop's own client could find it.

    That client would take a second at each start of a kernel.
    """
    configuration = cluster.configuration
    home = home_directory(configuration, name_in_cluster(configuration))
    url = f"{urlsplit(default_file_system(cluster)).scheme}://{home}/{DIRECTORY}/{name}"
    with contextlib.suppress(UnreadableFileError):
        files, path = find_file_system(configuration, url)
        status = files.status(path, deadline)
        return url if status is not None and status.size == size else ""
    return ""
