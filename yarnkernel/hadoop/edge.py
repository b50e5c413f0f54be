"""What is asked of a machine through which a cluster is reached that this one does not reach."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from yarnkernel.deadline import Deadline
    from yarnkernel.hadoop.files import FileSystem


class Edge(Protocol):
    """See the module."""

    @property
    def files(self) -> FileSystem:
        """The directories that it shares with the cluster's nodes, where site files name some."""

    def socks(self, deadline: Deadline) -> tuple[str, int]:
        """Return the address of a SOCKS server that connects from there.

        Raises
        ------
        UnreachableError
            When there is none.
        """
