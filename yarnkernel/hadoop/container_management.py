"""The NodeManager's call that starts containers (ContainerManagementProtocol of YARN).

``ContainerManagerImpl.java`` and ``NMClientImpl.java`` of Hadoop 3.5.0 show the answers.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from yarnkernel.errors import HadoopError, RpcTimeoutError, UnreachableError
from yarnkernel.hadoop.identifiers import format_container_id
from yarnkernel.hadoop.messages import message_class
from yarnkernel.hadoop.protection import wanted_protections
from yarnkernel.hadoop.rpc import RpcConnection
from yarnkernel.hadoop.sasl import TokenLogin

if TYPE_CHECKING:
    from collections.abc import Sequence

    from yarnkernel.deadline import Deadline
    from yarnkernel.hadoop.addresses import Address
    from yarnkernel.hadoop.configuration import Configuration
    from yarnkernel.hadoop.credentials import Token

PROTOCOL = "org.apache.hadoop.yarn.api.ContainerManagementProtocolPB"
#: Exception of a NodeManager that was restarted and has not registered yet.
_NOT_READY = "NMNotYetReadyException"
#: Seconds between two attempts while it restarts.
RETRY_INTERVAL = 1.0


def start_containers(
    node: Address,
    token: Token,
    containers: Sequence[tuple[Any, Any]],
    configuration: Configuration,
    deadline: Deadline,
) -> dict[str, str]:
    """Start containers on one node.

    Parameters
    ----------
    node : tuple of str and int
        Its NodeManager's address.
    token : Token
        The ResourceManager's token for that node, of kind ``NMToken``.
    containers : sequence of tuple of ContainerProto and ContainerLaunchContextProto
        Containers that have been granted, and what to run in each.
    configuration : Configuration
        Of the cluster.
    deadline : Deadline
        For the whole call. A NodeManager that cannot be reached is retried until then: it may be
        restarting.

    Returns
    -------
    dict of str to str
        Why some containers were not started, by their ids.

    Raises
    ------
    RpcError, HadoopError
        When it is unknown whether they were started. See
        :meth:`yarnkernel.hadoop.rpc.RpcConnection.call`.
    """
    request = message_class("hadoop.yarn.StartContainersRequestProto")()
    for container, context in containers:
        entry = request.start_container_request.add()
        entry.container_token.CopyFrom(container.container_token)
        entry.container_launch_context.CopyFrom(context)
    login = TokenLogin(token, wanted_protections(configuration))
    connection = RpcConnection(node, PROTOCOL, configuration, login)
    try:
        answer = _call(connection, request, deadline)
    finally:
        connection.close()
    return {
        format_container_id(failed.container_id): failed.exception.message or "it gives no reason"
        for failed in answer.failed_requests
    }


def _call(connection: RpcConnection, request: Any, deadline: Deadline) -> Any:
    while True:
        try:
            answer = "hadoop.yarn.StartContainersResponseProto"
            return connection.call("startContainers", request, answer, deadline)
        except UnreachableError as exc:
            # Only a NodeManager that refuses connections has certainly started nothing.
            refused = isinstance(exc.__cause__, ConnectionRefusedError)
            if isinstance(exc, RpcTimeoutError) or not refused or deadline.passed:
                raise
        except HadoopError as exc:
            if not exc.class_name.endswith(_NOT_READY) or deadline.passed:
                raise
        time.sleep(deadline.step(RETRY_INTERVAL))
