"""Call a daemon that may have several instances, one of them active."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from yarnkernel.deadline import Deadline
from yarnkernel.errors import HadoopError, RpcTimeoutError, StandbyError, UnreachableError
from yarnkernel.hadoop.messages import message_class

if TYPE_CHECKING:
    from collections.abc import Sequence

    from yarnkernel.hadoop.addresses import Address
    from yarnkernel.hadoop.rpc import RpcConnection

#: Seconds between two attempts while no daemon is active.
RETRY_INTERVAL = 0.2


class HighlyAvailable:
    """A client of one daemon, or of the active one of several.

    Each call has a timeout in seconds. If a daemon has answered before and no longer does, calls
    are retried until then: it may be restarting, or another one may be taking its place.

    Parameters
    ----------
    connections : sequence of RpcConnection
        One to each daemon.
    is_there : bool, default False
        Whether a daemon is known to exist.
    """

    def __init__(self, connections: Sequence[RpcConnection], *, is_there: bool = False) -> None:
        self._connections = list(connections)
        self._is_there = is_there

    @property
    def answering(self) -> Address:
        """The address of the daemon that answered last."""
        return self._connections[0].address

    @property
    def protection(self) -> str:
        """The protection of its connection; see :class:`yarnkernel.hadoop.rpc.RpcConnection`."""
        return self._connections[0].protection

    def close(self) -> None:
        """Close the connections; later calls open new ones."""
        for connection in self._connections:
            connection.close()

    def call(
        self, name: str, timeout: float, *, method: str = "", package: str = "yarn", **fields: Any
    ) -> Any:
        """Call a method of the protocol.

        Parameters
        ----------
        name : str
            Name of its messages, such as ``"GetClusterMetrics"``.
        timeout : float
            Seconds.
        method : str, optional
            The method's name in Java, if it differs.
        package : str, default "yarn"
            Package of its messages, without ``hadoop.``.
        **fields
            Fields of the request.

        Raises
        ------
        UnreachableError
            When no daemon answers; RpcTimeoutError when none does in time.
        RpcError
            When the answer is invalid.
        HadoopError
            When it answers with an exception.
        """
        method = method or name[0].lower() + name[1:]
        request = message_class(f"hadoop.{package}.{name}RequestProto")(**fields)
        response = f"hadoop.{package}.{name}ResponseProto"
        deadline = Deadline(timeout)
        failures: dict[str, str] = {}
        while True:
            connection = self._connections[0]
            # A daemon that hangs must leave time for the others.
            share = Deadline(deadline.remaining / min(len(self._connections), 2))
            try:
                answer = connection.call(method, request, response, share)
            except (UnreachableError, StandbyError) as exc:
                standby = isinstance(exc, StandbyError)
                failures[str(connection)] = f"{connection} is in standby" if standby else str(exc)
                self._is_there |= standby or self._may_become_active(exc)
                self._try_another(failures, deadline)
            except HadoopError:
                self._is_there = True
                raise
            else:
                self._is_there = True
                return answer

    def _may_become_active(self, failure: HadoopError | UnreachableError) -> bool:
        """Return whether a daemon may exist that does not answer yet.

        A ResourceManager listens for clients and ApplicationMasters only while it is active
        (ResourceManager.RMActiveServices): during a failover, a pair seems not to exist.
        """
        refused = isinstance(failure.__cause__, ConnectionRefusedError)
        return isinstance(failure, RpcTimeoutError) or (refused and len(self._connections) > 1)

    def _try_another(self, failures: dict[str, str], deadline: Deadline) -> None:
        """Switch to the next daemon; wait or raise an error if all have failed."""
        self._connections.append(self._connections.pop(0))
        said = "; ".join(failures.values())
        if deadline.remaining < RETRY_INTERVAL:
            raise RpcTimeoutError(f"{said} (tried for {deadline.seconds:.0f} s)")
        if len(failures) == len(self._connections):
            if not self._is_there:
                raise UnreachableError(said)
            time.sleep(RETRY_INTERVAL)
