"""Which tests go to which worker of pytest-xdist."""

from __future__ import annotations

from xdist.scheduler import LoadScopeScheduling

#: Files whose tests share an environment that takes long to make and to pack.
ENVIRONMENTS = ("test_environments.py", "test_pack.py")
#: Files whose tests share servers, kernelspecs, kernels or a cluster with each other.
SHARING = (
    "tests/jupyter/front_ends/", "tests/test_direct_daemons", "tests/test_hdfs", "tests/test_k",
    "tests/test_launcher", "tests/test_provisioner",
)  # fmt: skip
#: A directory whose tests share a cluster.
KERBEROS = "tests/kerberos/"


class Distribution(LoadScopeScheduling):  # type: ignore[misc]
    """Which tests go to one worker together: those that need the same costly environment.

    The largest group goes first, all other tests to whoever is free. Not xdist's own loadgroup:
    with pytest 9.2, xdist 3.8 loses the groups, as it writes them into names that are not read.
    """

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.partition("::")[0]
        if path.endswith(ENVIRONMENTS):
            return "environments"
        if path.startswith(KERBEROS):
            return KERBEROS
        # Tests of one front end share its server; all others go where there is room.
        return path if path.startswith(SHARING) else nodeid
