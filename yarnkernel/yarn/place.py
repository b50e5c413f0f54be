"""YARN as a place for kernels: the cluster that the user's environment names."""

from __future__ import annotations

import contextlib
import tempfile
import threading
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from yarnkernel.connection import AUTO, KERNEL_INFO_KEY, is_encrypted
from yarnkernel.errors import YarnKernelError
from yarnkernel.hadoop.login import name_in_cluster
from yarnkernel.kernels.notebook_directory import with_directory
from yarnkernel.kernels.place import Description
from yarnkernel.progress import Progress, ignore
from yarnkernel.yarn.application import TAG, check_app_id, reason_for_waiting
from yarnkernel.yarn.client import ANSWER_TIMEOUT, YarnClient
from yarnkernel.yarn.edges import edge_note, edges_in_use, note
from yarnkernel.yarn.submission import Scheduling, asking

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import skein

    from yarnkernel.cluster.find import ClusterEnvironment
    from yarnkernel.connection import ConnectionInfo
    from yarnkernel.deadline import Deadline
    from yarnkernel.environment.push import Pusher
    from yarnkernel.kernels.handle import Status
    from yarnkernel.kernels.options import LaunchOptions
    from yarnkernel.kernels.place import Place, Transfer
    from yarnkernel.progress import Report
    from yarnkernel.yarn.application import ApplicationStatus
    from yarnkernel.yarn.kernel import YarnKernel
    from yarnkernel.yarn.skein_driver import SharedDriver
    from yarnkernel.yarn.way import Way

#: Seconds to wait for users of skein's driver before it is left to end with this process.
DRIVER_PATIENCE = 60.0


class YarnPlace:
    """See :class:`yarnkernel.kernels.place.Place`.

    Parameters
    ----------
    cluster : ClusterEnvironment, optional
        The cluster. By default it is found when it is first needed.
    edge : sequence of str, optional
        The edge node through which it is reached, preceded by the hosts to jump through.
    """

    def __init__(self, cluster: ClusterEnvironment | None = None, edge: Sequence[str] = ()) -> None:
        if cluster is not None:
            self.cluster = cluster
        self._edge = edge
        self._driver: SharedDriver | None = None
        self._making_driver = threading.Lock()

    @cached_property
    def cluster(self) -> ClusterEnvironment:
        """The cluster.

        Raises
        ------
        ClusterError
            When no cluster is configured.
        """
        if self._edge:
            from yarnkernel.cluster.edge import find_edge  # noqa: PLC0415

            *jump, host = self._edge
            return find_edge(host, jump)
        from yarnkernel.cluster.find import find_cluster  # noqa: PLC0415

        return find_cluster()

    def __eq__(self, other: object) -> bool:
        """Return whether the other place is the same cluster with the same environment."""
        return isinstance(other, YarnPlace) and self.cluster == other.cluster

    __hash__ = None  # type: ignore[assignment]  # the environment has none

    @property
    def source(self) -> str:
        """See :class:`yarnkernel.kernels.place.Place`."""
        return self.cluster.source

    @property
    def introduction(self) -> Progress:
        """See :class:`yarnkernel.kernels.place.Place`."""
        return Progress("place", place=self.source)

    @property
    def user(self) -> str:
        """See :class:`yarnkernel.kernels.place.Place`."""
        return name_in_cluster(self.cluster.configuration)

    def describe(self, options: LaunchOptions) -> Description:
        """See :meth:`yarnkernel.kernels.place.Place.describe`."""
        from yarnkernel.yarn.launch_spec import load, spec_path  # noqa: PLC0415  (slow to import)

        spec = load(options)
        parts = [spec.master, *spec.services.values()]
        return Description(
            path=spec_path(options),
            specification=spec.to_dict(),
            text=spec.to_yaml(skip_nulls=True),
            has_files=any(
                file.source.startswith("file:") for part in parts for file in part.files.values()
            ),
        )

    @contextlib.contextmanager
    def _ready(
        self,
        options: LaunchOptions,
        deadline: Deadline,
        report: Report,
        transfer: Transfer | None,
        *,
        keys: Mapping[str, str] | None = None,
        recipe_options: Sequence[str] = (),
    ) -> Iterator[tuple[Way, skein.ApplicationSpec]]:
        """Prepare the specification and the way to submit it."""
        from yarnkernel.yarn.launch_spec import complete, load  # noqa: PLC0415
        from yarnkernel.yarn.skein_driver import SharedDriver  # noqa: PLC0415  (gRPC)
        from yarnkernel.yarn.way import choose_way  # noqa: PLC0415

        options, recipe_options = with_directory(options, recipe_options)
        spec = load(options)  # invalid options are reported before any request
        report(self.introduction)
        with contextlib.ExitStack() as stack:
            client = stack.enter_context(YarnClient(self.cluster))
            with self._making_driver:  # simultaneous starts share one driver
                self._driver = self._driver or SharedDriver(self.cluster)
            way = stack.enter_context(
                choose_way(
                    client,
                    options.via,
                    scheduling=Scheduling(options.priority, options.lifetime),
                    driver=self._driver,
                    explain=report,
                    sealed=options.sealed,
                )
            )
            with asking(client, deadline):
                client.check(deadline.step(ANSWER_TIMEOUT))
            report(Progress("connected", place=self.source))
            scratch = stack.enter_context(tempfile.TemporaryDirectory(prefix="yarnkernel-"))
            complete(
                spec,
                options,
                lambda: self.cluster,
                _pusher(deadline, report, transfer),
                scratch=Path(scratch),
                report=report,
                recipe_options=recipe_options,
                keys=keys,
            )
            yield way, spec

    @contextlib.contextmanager
    def start(
        self,
        options: LaunchOptions,
        deadline: Deadline,
        *,
        key: str = KERNEL_INFO_KEY,
        keys: Mapping[str, str] | None = None,
        recipe_options: Sequence[str] = (),
        report: Report = ignore,
        transfer: Transfer | None = None,
    ) -> Iterator[tuple[YarnKernel, ConnectionInfo]]:
        """See :meth:`yarnkernel.kernels.place.Place.start`."""
        from yarnkernel.kernels.control import ENCRYPT_TIMEOUT  # noqa: PLC0415  (gRPC)
        from yarnkernel.yarn.launch import started  # noqa: PLC0415

        with (
            self._ready(
                options, deadline, report, transfer, keys=keys, recipe_options=recipe_options
            ) as (way, spec),
            started(way, spec, deadline, key=key, report=report) as (kernel, published),
        ):
            info = published
            if options.encrypt == AUTO and not is_encrypted(info):
                with contextlib.suppress(YarnKernelError):
                    step = deadline.step(ENCRYPT_TIMEOUT)
                    info = kernel.other_info(step, encrypted=True) or info
            yield kernel, info

    @contextlib.contextmanager
    def submit(
        self,
        options: LaunchOptions,
        deadline: Deadline,
        *,
        report: Report = ignore,
        transfer: Transfer | None = None,
    ) -> Iterator[YarnKernel]:
        """See :meth:`yarnkernel.kernels.place.Place.submit`."""
        from yarnkernel.yarn.launch import submitted  # noqa: PLC0415  (gRPC)

        with (
            self._ready(options, deadline, report, transfer) as (way, spec),
            submitted(way, spec, deadline, report) as kernel,
        ):
            yield kernel

    def check_id(self, kernel: str) -> str:
        """See :meth:`yarnkernel.kernels.place.Place.check_id`."""
        return check_app_id(kernel)

    def find(self, kernel: str) -> YarnKernel:
        """See :meth:`yarnkernel.kernels.place.Place.find`."""
        from yarnkernel.yarn.kernel import YarnKernel  # noqa: PLC0415  (gRPC)

        return YarnKernel(check_app_id(kernel), YarnClient(self.cluster))

    def list(self, *, ended: bool = False, user: str = "") -> Sequence[ApplicationStatus]:
        """See :meth:`yarnkernel.kernels.place.Place.list`."""
        with YarnClient(self.cluster) as client:
            found = client.applications(ended=ended, user=user, tags=[TAG])
        for status in found if self._edge else ():
            if status.user == self.user and not status.ended:  # so that their ids suffice later
                note(status.app_id, self.cluster.edge)
        return found

    def queues(self) -> Sequence[str]:
        """See :meth:`yarnkernel.kernels.place.Place.queues`."""
        with YarnClient(self.cluster) as client:
            return client.queues()

    def explain(self, status: Status) -> str:
        """See :meth:`yarnkernel.kernels.place.Place.explain`."""
        if status.state != "ACCEPTED":
            return ""
        return reason_for_waiting(status.diagnostics) or "its queue has not come to it yet"

    def close(self, patience: float = DRIVER_PATIENCE, *, unused: float = 0.0) -> None:
        """End skein's driver; see :meth:`yarnkernel.kernels.place.Place.close`."""
        if self._driver is not None:
            self._driver.close(patience, unused=unused)


def _pusher(deadline: Deadline, report: Report, transfer: Transfer | None) -> Pusher:
    from yarnkernel.environment.push import Pusher  # noqa: PLC0415  (slow to import)
    from yarnkernel.environment.transfer import TransferLine  # noqa: PLC0415

    if transfer is None:
        return Pusher(deadline, report, TransferLine(report, "the environment"))
    return Pusher(deadline, report, transfer.bar, transfer.terminal)


def open_place(cluster: ClusterEnvironment | None, edge: Sequence[str] = ()) -> Place:
    """See :func:`yarnkernel.kernels.places.open_cluster`."""
    return YarnPlace(cluster, edge)


def place_of(kernel: str) -> Place:
    """Return an application's place; the environment's cluster unless one is recorded here."""
    known = edge_note(kernel)
    return YarnPlace(edge=known.edge if known is not None else ())


def is_noted(kernel: str) -> bool:
    """Return whether an application is recorded here as reached through an edge node."""
    return edge_note(kernel) is not None


def places_in_use() -> list[Place]:
    """Return the clusters behind edge nodes where recorded kernels may still be running."""
    return [YarnPlace(edge=edge) for edge in edges_in_use()]
