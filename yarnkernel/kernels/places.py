"""Finds the place of a kernel or of a start."""

from __future__ import annotations

import getpass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from yarnkernel.errors import ClusterError, NoClusterError, PlaceError, UsageError
from yarnkernel.kernels.interfaces import YARN

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from yarnkernel.cluster.find import ClusterEnvironment
    from yarnkernel.deadline import Deadline
    from yarnkernel.kernels.handle import Kernel, Status
    from yarnkernel.kernels.options import LaunchOptions
    from yarnkernel.kernels.place import HostEnvironments, Place
    from yarnkernel.kernels.travelling import SyncResult

#: Modules of the places, by name only, as they stand above this one.
_ON_YARN, _HOSTED = "yarnkernel.yarn.place", "yarnkernel.jobs.place"
_LISTING = "yarnkernel.jobs.listing"
_SYNC, _ENVIRONMENTS = "yarnkernel.jobs.sync", "yarnkernel.jobs.environments"
#: Prefix of the ids of kernels on YARN.
_APPLICATION = "application_"


def _module(name: str) -> Any:
    return import_module(name)


def open_cluster(cluster: ClusterEnvironment | None = None, edge: Sequence[str] = ()) -> Place:
    """Return a YARN cluster as a place.

    Parameters
    ----------
    cluster : ClusterEnvironment, optional
        The cluster; by default that of the user's environment.
    edge : sequence of str, optional
        The edge node through which to reach a cluster instead, after the jump hosts on the way to
        it.
    """
    place: Place = _module(_ON_YARN).open_place(cluster, edge)
    return place


def open_place(options: LaunchOptions) -> Place:
    """Return the place that a start's options name."""
    if (options.interface or YARN) == YARN:
        return open_cluster(edge=[*options.jump, options.host] if options.host else ())
    place: Place = _module(_HOSTED).open_place(options)
    return place


def is_kernel(text: str) -> bool:
    """Return whether a text is an id rather than a file's name."""
    return is_application(text) or _module(_HOSTED).place_of(text) is not None


def place_of(kernel: str) -> Place:
    """Return the place of the kernel with an id.

    An unknown id is left to YARN, which reports it.
    """
    place: Place | None = None
    if not is_application(kernel):
        place = _module(_HOSTED).place_of(kernel)
    return place or _on_yarn(kernel)


def _on_yarn(kernel: str) -> Place:
    place: Place = _module(_ON_YARN).place_of(kernel)
    return place


def find_kernel(kernel: str) -> Kernel:
    """Return the handle of the kernel with an id.

    Raises
    ------
    UsageError
        When this is not an id.
    """
    return place_of(kernel).find(kernel)


def is_application(kernel: str) -> bool:
    """Return whether an id is that of a kernel on YARN."""
    return kernel.startswith(_APPLICATION)


def is_own(status: Status, name: str) -> bool:
    """Return whether a kernel belongs to us, by our user name on the environment's cluster."""
    if not is_application(status.id) or status.user == name:
        return True
    return bool(_module(_ON_YARN).is_noted(status.id))


def own_name() -> str:
    """Return our user name on the cluster, or on this machine if there is no cluster."""
    try:
        return open_cluster().user
    except ClusterError:
        return getpass.getuser()


def list_kernels(
    *,
    ended: bool = False,
    user: str | None = "",
    edge: Sequence[str] = (),
    trouble: Callable[[str], object] = lambda _: None,
) -> list[Status]:
    """List the kernels of all places, the newest of each place last.

    Parameters
    ----------
    ended : bool, default False
        Include kernels that have ended.
    user : str or None, optional
        Whose kernels; None for one's own. Outside YARN only one's own are known.
    edge : sequence of str, optional
        Only those of the cluster behind this edge node; see :func:`open_cluster`.
    trouble : callable, optional
        Called with the reason if a cluster's kernels are missing but others are listed.

    Raises
    ------
    ClusterError
        When no cluster answers and there are no other kernels.
    """
    if edge:
        return _of_cluster(open_cluster(edge=edge), ended=ended, user=user)
    hosted: list[Status] = _module(_LISTING).list_hosted(ended=True, user=user or "")
    others: list[Place] = _module(_ON_YARN).places_in_use()
    shown = [status for status in hosted if ended or not status.ended]
    found: list[Status] = []
    for place in others:
        try:
            found += _of_cluster(place, ended=ended, user=user)
        except PlaceError as exc:
            trouble(str(exc))
    found += shown
    cluster = open_cluster()
    try:
        _ = cluster.source
    except NoClusterError:
        if hosted or others:  # users of such kernels need not have a cluster
            return found
        raise
    except ClusterError as exc:
        if not (shown or others):
            raise
        trouble(str(exc))
        return found
    try:
        return [*_of_cluster(cluster, ended=ended, user=user), *found]
    except ClusterError as exc:
        if not (shown or others):
            raise
        trouble(str(exc))
    return found


def _of_cluster(cluster: Place, *, ended: bool, user: str | None) -> list[Status]:
    return [*cluster.list(ended=ended, user=cluster.user if user is None else user)]


def synchronise(
    kernel: str, deadline: Deadline, *, delete: bool = False, dry_run: bool = False
) -> SyncResult:
    """Synchronise the directory that a kernel was started with, in both directions.

    Parameters
    ----------
    kernel : str
        Its id.
    deadline : Deadline
        The deadline for everything.
    delete : bool, default False
        Delete files on one side that were deleted on the other.
    dry_run : bool, default False
        Only report what would be done.

    Raises
    ------
    UsageError
        When it was started without one.
    HostError
        When its host cannot do it.
    """
    if is_application(kernel):
        raise UsageError(f"{kernel} runs on YARN, where files go with the start; see start --file")
    result: SyncResult = _module(_SYNC).synchronise(
        kernel, deadline, delete=delete, dry_run=dry_run
    )
    return result


def host_environments(host: str, jump: Sequence[str] = ()) -> HostEnvironments:
    """Return the manager of the environments that were sent to a host."""
    found: HostEnvironments = _module(_ENVIRONMENTS).host_environments(host, jump)
    return found
