"""Files of this machine that applications need on the cluster, uploaded once by what is in them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from yarnkernel.environment.archive import archive_digest
from yarnkernel.environment.store import EnvironmentStore
from yarnkernel.environment.transfer import TransferLine

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
    store = EnvironmentStore(cluster, deadline, default=DIRECTORY)
    # YARN tells archives by the ends of their names; in others some characters are a pattern.
    plain = re.sub(r"[^A-Za-z0-9._+-]", "_", path.name)
    name = f"{archive_digest(path, deadline)[:32]}-{plain}"
    size = path.stat().st_size
    return store.push(name, lambda: path, TransferLine(report, path.name), size)[0].url
