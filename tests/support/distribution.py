"""Which tests go to which worker of pytest-xdist, and which of them go first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xdist.scheduler import LoadScopeScheduling

if TYPE_CHECKING:
    from xdist.workermanage import WorkerController

#: Paths whose tests share an environment, a cluster, a server or kernels with each other, so that
#: one worker has them all, and tests that take long. What takes longest goes first, or the end is
#: one worker's alone.
GROUPS = (
    ("tests/docker/",),
    ("tests/jobs/test_ssh_",),
    ("tests/jobs/",),
    ("tests/environment/", "tests/cluster/test_hdfs.py"),
    ("tests/kerberos/",),
    ("tests/container/test_direct_daemons.py",),
    ("tests/jupyter/test_provisioner.py",),
    ("tests/docs/test_tutorial.py",),
    ("tests/jupyter/test_provisioner_faults.py",),
    ("tests/cluster/test_other_clusters.py",),
    ("tests/groups/test_group.py",),
    ("tests/magics/test_remote.py",),
    ("tests/doctor/test_strict.py",),
    ("tests/local/test_high_availability.py",),
    ("tests/yarn/test_nodes.py",),
    ("tests/yarn/test_scheduling.py",),
    ("tests/hadoop/test_versions.py",),
    ("tests/dask/",),
    ("tests/kernels/test_api.py",),
    ("tests/docs/test_project.py", "tests/docs/test_site.py"),
)
#: A directory with a server or a browser for each file.
FRONT_ENDS = "tests/jupyter/front_ends/"


class Distribution(LoadScopeScheduling):  # type: ignore[misc]
    """Which tests go to one worker together: those that need the same costly environment.

    All other tests go to whoever is free. Not xdist's own loadgroup: with pytest 9.2, xdist 3.8
    loses the groups, as it writes them into names that are not read.
    """

    def _split_scope(self, nodeid: str) -> str:
        for paths in GROUPS:
            if nodeid.startswith(paths):
                return paths[0]
        return nodeid.partition("::")[0] if nodeid.startswith(FRONT_ENDS) else nodeid

    def _assign_work_unit(self, node: WorkerController) -> None:
        self.workqueue.move_to_end(min(self.workqueue, key=_rank), last=False)
        super()._assign_work_unit(node)


def _rank(scope: str) -> int:
    """The place of a group among the groups; tests that share nothing come after all of them."""
    firsts = [paths[0] for paths in GROUPS]
    if scope in firsts:
        return firsts.index(scope)
    return len(GROUPS) + (not scope.startswith(FRONT_ENDS))
