"""Calls of a daemon of which there may be several, one of them active."""

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

#: Seconds between two tries while no daemon is active.
RETRY_INTERVAL = 0.2


class HighlyAvailable:
    """A client of one daemon, or of the active one of several.

    Each call has a timeout in seconds. A daemon that has answered before and does not any more is
    tried until then: it may be restarting, or another one taking its place.

    Parameters
    ----------
    connections : sequence of RpcConnection
        To each of them.
    is_there : bool, default False
        Whether one is known to have answered before.
    """

    def __init__(self, connections: Sequence[RpcConnection], *, is_there: bool = False) -> None:
        self._connections = list(connections)
        self._is_there = is_there

    @property
    def answering(self) -> Address:
        """Where the daemon is that has answered last."""
        return self._connections[0].address

    @property
    def protection(self) -> str:
        """How what passes to it is protected; see :class:`yarnkernel.hadoop.rpc.RpcConnection`."""
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
            What its messages are called, such as ``"GetClusterMetrics"``.
        timeout : float
            Seconds.
        method : str, optional
            Its own name in Java, where it differs.
        package : str, default "yarn"
            Of its messages, without ``hadoop.``.
        **fields
            Of the request.

        Raises
        ------
        UnreachableError
            When no daemon answers; RpcTimeoutError when none does in time.
        RpcError
            When what answers is none.
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
            # One that hangs must leave time for the others.
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
        """Whether somebody is there who does not answer yet.

        A ResourceManager listens for clients and ApplicationMasters only while it is active
        (ResourceManager.RMActiveServices): a pair that changes places looks as if nobody was there.
        """
        refused = isinstance(failure.__cause__, ConnectionRefusedError)
        return isinstance(failure, RpcTimeoutError) or (refused and len(self._connections) > 1)

    def _try_another(self, failures: dict[str, str], deadline: Deadline) -> None:
        """Turn to the next daemon, unless it is of no use."""
        self._connections.append(self._connections.pop(0))
        said = "; ".join(failures.values())
        if deadline.remaining < RETRY_INTERVAL:
            raise RpcTimeoutError(f"{said} (tried for {deadline.seconds:.0f} s)")
        if len(failures) == len(self._connections):
            if not self._is_there:
                raise UnreachableError(said)
            time.sleep(RETRY_INTERVAL)
