"""Files of this machine that applications need on the cluster, uploaded once by what is in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from yarnkernel.environment.archive import archive_digest
from yarnkernel.environment.store import EnvironmentStore

if TYPE_CHECKING:
    from pathlib import Path

    from yarnkernel.cluster_env import ClusterEnvironment
    from yarnkernel.deadline import Deadline

#: Below the user's home on the cluster; nobody else reads it.
DIRECTORY = ".yarnkernel/files"


class _Silent:
    def start(self, total: int) -> None:
        pass

    def advance(self, size: int) -> None:
        pass


def stage(path: Path, cluster: ClusterEnvironment, deadline: Deadline) -> str:
    """Upload a file unless it is there.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    cluster : ClusterEnvironment
        Where to.
    deadline : Deadline
        For all of it.

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
    # YARN tells archives by the ends of their names.
    name = f"{archive_digest(path)[:32]}-{path.name}"
    return store.push(name, lambda: path, _Silent())[0].url
