"""Interface of an edge node, through which a cluster is reached that is not reachable from here."""

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
        """The directories that it shares with the cluster's nodes, if site files name any."""

    @property
    def tickets(self) -> Tickets:
        """The user's Kerberos tickets there."""

    def socks(self, deadline: Deadline) -> tuple[str, int]:
        """Return the address of a SOCKS server that connects from there.

        Raises
        ------
        UnreachableError
            When there is none.
        """
