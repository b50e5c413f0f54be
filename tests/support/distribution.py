"""Which tests go to which worker of pytest-xdist, and which of them go first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xdist.scheduler import LoadScopeScheduling

if TYPE_CHECKING:
    from xdist.workermanage import WorkerController

#: Paths whose tests share an environment, a cluster, a server or kernels with each other, so that
#: one worker has them all: the one that takes longest first, or the end is one worker's alone.
SHARING = (
    "tests/environment/",
    "tests/container/test_direct_daemons.py",
    "tests/kerberos/",
    "tests/jupyter/test_provisioner.py",
    "tests/kernels/test_control.py",
    "tests/jupyter/front_ends/test_server.py",
    "tests/jupyter/test_provisioner_faults.py",
    "tests/jupyter/front_ends/",
)


class Distribution(LoadScopeScheduling):  # type: ignore[misc]
    """Which tests go to one worker together: those that need the same costly environment.

    All other tests go to whoever is free. Not xdist's own loadgroup: with pytest 9.2, xdist 3.8
    loses the groups, as it writes them into names that are not read.
    """

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.partition("::")[0]
        for shared in SHARING:
            if path.startswith(shared):
                # Each front end has a server of its own.
                return path if shared.endswith("front_ends/") else shared
        return nodeid

    def _assign_work_unit(self, node: WorkerController) -> None:
        self.workqueue.move_to_end(min(self.workqueue, key=_rank), last=False)
        super()._assign_work_unit(node)


def _rank(scope: str) -> int:
    """The place of a group of tests among the groups; single tests come after all of them."""
    return next((i for i, path in enumerate(SHARING) if scope.startswith(path)), len(SHARING))
