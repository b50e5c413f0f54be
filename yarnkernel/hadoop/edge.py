"""What is asked of a machine through which a cluster is reached that this one does not reach."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from yarnkernel.deadline import Deadline
    from yarnkernel.hadoop.files import FileSystem
    from yarnkernel.hadoop.tickets import Tickets


class Edge(Protocol):
    """See the module."""

    @property
    def files(self) -> FileSystem:
        """The directories that it shares with the cluster's nodes, where site files name some."""

    @property
    def tickets(self) -> Tickets:
        """The user's tickets of Kerberos there."""

    def socks(self, deadline: Deadline) -> tuple[str, int]:
        """Return the address of a SOCKS server that connects from there.

        Raises
        ------
        UnreachableError
            When there is none.
        """
