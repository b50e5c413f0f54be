"""The subject of the checks: a start with its options, or a kernel, and its place."""

from __future__ import annotations

import contextlib
from functools import cached_property
from typing import TYPE_CHECKING, Any

from yarnkernel.jobs.record import find_record
from yarnkernel.kernels.interfaces import YARN
from yarnkernel.kernels.options import LaunchOptions
from yarnkernel.yarn.application import check_app_id
from yarnkernel.yarn.client import YarnClient
from yarnkernel.yarn.edges import edge_note

if TYPE_CHECKING:
    from collections.abc import Iterator

    import skein

    from yarnkernel.cluster.find import ClusterEnvironment
    from yarnkernel.hadoop.configuration import Configuration


class Subject:
    """See the module; used by one thread at a time.

    Parameters
    ----------
    options : LaunchOptions, optional
        Options of the start; by default those of ``yarnkernel start``.
    kernel : str, optional
        The id of an existing kernel.
    """

    def __init__(self, options: LaunchOptions | None = None, kernel: str = "") -> None:
        self.options = options or LaunchOptions()
        self.kernel = kernel

    @property
    def is_on_yarn(self) -> bool:
        """Whether the place is a YARN cluster."""
        return (self.options.interface or YARN) == YARN

    @cached_property
    def cluster(self) -> ClusterEnvironment:
        """The cluster.

        Raises
        ------
        ClusterError
            When there is none.
        """
        if self.options.host:
            from yarnkernel.cluster.edge import find_edge  # noqa: PLC0415  (few have one)

            return find_edge(self.options.host, self.options.jump)
        from yarnkernel.cluster.find import find_cluster  # noqa: PLC0415

        return find_cluster()

    @property
    def configuration(self) -> Configuration:
        """The cluster's site files."""
        return self.cluster.configuration

    @contextlib.contextmanager
    def client(self) -> Iterator[YarnClient]:
        """Open a new connection to the ResourceManager, as an earlier check may hang on its own."""
        with YarnClient(self.cluster) as client:
            yield client

    @cached_property
    def specification(self) -> skein.ApplicationSpec:
        """What a start would submit.

        Raises
        ------
        UsageError
            When it is unreadable or does not fit the options.
        """
        from yarnkernel.yarn.launch_spec import load  # noqa: PLC0415  (slow to import)

        return load(self.options)


def started_with(kernel: str) -> dict[str, Any]:
    """Return the recorded options of a kernel's start, which name its place.

    Raises
    ------
    UsageError
        When it is not an id.
    """
    record = find_record(kernel)
    if record is not None:
        known = {"interface": record.interface, "host": record.host, "jump": record.jump}
        return {name: value for name, value in {**known, "python": record.python}.items() if value}
    note = edge_note(check_app_id(kernel))
    if note is None:
        return {}
    *jump, host = note.edge
    return {"host": host, "jump": jump}
