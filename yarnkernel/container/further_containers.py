"""The account of this application's further containers: requests to YARN and their outcome.

``AMRMClientImpl.java`` of Hadoop 3.5.0 shows which requests have to be repeated, and when.
"""

from __future__ import annotations

import itertools
import logging
import threading
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from yarnkernel.container_status import ENDED, RUNNING, STARTING, WAITING, ContainerStatus
from yarnkernel.errors import UsageError, YarnKernelError
from yarnkernel.hadoop.credentials import Token
from yarnkernel.hadoop.endless_calls import start_in_thread
from yarnkernel.hadoop.identifiers import format_container_id

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Hashable

    from yarnkernel.container.further_launch import FurtherLaunch
    from yarnkernel.hadoop.addresses import Address

    #: Number, launch and ContainerProto of a container that YARN has granted.
    Granted = tuple[int, FurtherLaunch, Any]

_log = logging.getLogger(__name__)

#: The ApplicationMaster's own container has 0.
_PRIORITY = {"priority": 1}
#: Any node.
_ANYWHERE = {"resource_name": "*", "relax_locality": True, "priority": _PRIORITY}
#: How many ended containers are remembered, and of how many the places of their logs.
MOST_ENDED, MOST_LOGS = 1000, 100


@dataclass
class _Container:
    """A further container, with its owner and what YARN has granted."""

    status: ContainerStatus
    owner: Hashable
    launch: FurtherLaunch
    granted: Any = None
    released: bool = False

    def become(self, state: str, **fields: Any) -> None:
        known = self.status.document() | {"reason": "", **fields, "state": state}
        self.status = ContainerStatus(**known)


class FurtherContainers:
    """Keeps account of further containers; may be used by several threads.

    Each container is a request of its own, and is recognised by its request id.

    Parameters
    ----------
    most : int
        The most containers at a time.
    start : callable
        Starts the granted containers of a node with that node's token, and returns reasons for
        those that were not started, by container id. Called in a thread of its own.
    hasten : callable
        Called when the next heartbeat should come soon.
    """

    def __init__(
        self,
        most: int,
        start: Callable[[Address, Token, list[Granted]], dict[str, str]],
        hasten: Callable[[], None],
    ) -> None:
        self.most = most
        self._start = start
        self._hasten = hasten
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._containers: dict[int, _Container] = {}
        self._tokens: dict[Address, Token] = {}
        #: Not sent yet: how many of each number, and the ids of released containers.
        self._asks: dict[int, int] = {}
        self._releases: dict[str, Any] = {}
        #: Released containers that YARN has not reported as ended, by id.
        self._given_back: dict[str, Any] = {}
        #: The request that has not been answered. It is repeated unchanged: a ResourceManager that
        #: has already received it only repeats its answer.
        self._told: dict[str, Any] | None = None
        #: Web addresses of the NodeManagers of ended containers, by container id.
        self._logs: dict[str, str] = {}
        self._largest: Any = None
        self.queue = ""

    def registered(self, answer: Any) -> None:
        """Take the ResourceManager's answer to the registration."""
        with self._lock:
            self._largest = answer.maximumCapability
            self.queue = answer.queue or self.queue

    def ask(self, owner: Hashable, launch: FurtherLaunch, count: int) -> list[int]:
        """Request containers.

        Parameters
        ----------
        owner : hashable
            The containers end with it.
        launch : FurtherLaunch
            What runs in them.
        count : int
            How many; 0 only checks whether such containers are possible.

        Returns
        -------
        list of int
            Their numbers.

        Raises
        ------
        UsageError
            When they are impossible or too many.
        """
        with self._lock:
            if self._largest is not None:
                launch.check(self._largest, self.queue)
            there = sum(one.status.state != ENDED for one in self._containers.values())
            if count < 0 or there + count > self.most:
                raise UsageError(
                    f"{count} more containers are not possible: this kernel has {there} "
                    f"and may have {self.most} at a time (--max-containers)"
                )
            numbers = [next(self._numbers) for _ in range(count)]
            for number in numbers:
                status = ContainerStatus(number, WAITING, "YARN has not answered yet")
                self._containers[number] = _Container(status, owner, launch)
                self._asks[number] = 1
        if numbers:
            self._hasten()
        return numbers

    def logs(self) -> dict[str, str]:
        """Return where the logs of the containers are that ended last.

        The web addresses of their NodeManagers, by container id.
        """
        with self._lock:
            self._logs = dict(list(self._logs.items())[-MOST_LOGS:])
            return dict(self._logs)

    def statuses(self, owner: Hashable) -> list[ContainerStatus]:
        """Return the states of an owner's containers."""
        with self._lock:
            return [one.status for one in self._containers.values() if one.owner == owner]

    def release(self, owner: Hashable, numbers: Collection[int] | None = None) -> None:
        """Release some of an owner's containers, or release and forget all of them."""
        given_back = False
        with self._lock:
            for number, one in list(self._containers.items()):
                if one.owner == owner and (numbers is None or number in numbers):
                    self._give_back(number, one, "it was released")
                    given_back = True
                    if numbers is None:
                        one.owner = None
        if given_back:
            self._hasten()

    def _give_back(self, number: int, one: _Container, why: str) -> None:
        if one.status.state == ENDED or one.released:
            return
        one.released = True
        if one.granted is None:
            self._asks[number] = 0
            one.become(ENDED, diagnostics=why)
        else:
            self._return(one.granted.id)

    def _return(self, container: Any) -> None:
        container_id = format_container_id(container)
        self._releases[container_id] = self._given_back[container_id] = container

    def wishes(self, again: bool) -> dict[str, Any]:  # noqa: FBT001  (its caller has no names)
        """Return the requests to send, as fields of AllocateRequestProto.

        Parameters
        ----------
        again : bool
            Whether the ResourceManager has lost all earlier requests.
        """
        with self._lock:
            if again:
                waiting = (n for n, c in self._containers.items() if c.status.state == WAITING)
                self._asks = dict.fromkeys(waiting, 1)
                self._releases = dict(self._given_back)
            if again or self._told is None:
                self._told = {
                    "ask": [self._request(n, count) for n, count in self._asks.items()],
                    "release": list(self._releases.values()),
                }
                self._asks, self._releases = {}, {}
            return self._told

    def _request(self, number: int, count: int) -> dict[str, Any]:
        resource = self._containers[number].launch.resource
        own = {"allocation_request_id": number, "num_containers": count, "capability": resource}
        return _ANYWHERE | own

    def refused(self, reason: str) -> None:
        """Give up the last request, which the ResourceManager refuses."""
        with self._lock:
            told, self._told = self._told or {}, None
            self._releases = dict(self._given_back)
            for ask in told.get("ask", ()):
                one = self._containers[ask["allocation_request_id"]]
                if one.granted is None:
                    one.become(ENDED, diagnostics=f"YARN refuses it: {reason}")
            _log.error("YARN refuses what containers it is asked for: %s", reason)

    @property
    def has_told(self) -> bool:
        """Whether a request has not been answered."""
        with self._lock:
            return bool(self._told and (self._told["ask"] or self._told["release"]))

    def heard(self, answer: Any) -> None:
        """Take the ResourceManager's answer to a request."""
        with self._lock:
            self._told = None
            for one in answer.nm_tokens:  # sent again when NodeManagers change their keys
                token = one.token
                self._tokens[one.nodeId.host, one.nodeId.port] = Token(
                    token.identifier, token.password, token.kind, token.service
                )
            for status in answer.completed_container_statuses:
                self._ended(status)
            self._explain(answer.limit)
            granted = self._take(answer.allocated_containers)
            self._forget()
        for node, containers in granted.items():
            start_in_thread(partial(self._bring_up, node, containers))

    def _take(self, granted: Any) -> dict[Address, list[Granted]]:
        by_node: dict[Address, list[Granted]] = {}
        for container in granted:
            number = container.allocation_request_id
            one = self._containers.get(number)
            if one is None or one.status.state != WAITING:  # nobody wants it any more
                self._return(container.id)
                self._hasten()
                continue
            one.granted = container
            node = container.nodeId.host, container.nodeId.port
            one.become(STARTING, container_id=format_container_id(container.id), host=node[0])
            by_node.setdefault(node, []).append((number, one.launch, container))
        return by_node

    def _ended(self, completed: Any) -> None:
        container_id = format_container_id(completed.container_id)
        self._given_back.pop(container_id, None)
        for one in self._containers.values():
            if one.status.container_id != container_id:
                continue
            self._logs[container_id] = one.granted.node_http_address
            if one.status.state != ENDED:
                code, why = completed.exit_status, completed.diagnostics.strip()
                one.become(ENDED, exit_code=code, diagnostics=why)

    def _explain(self, left: Any) -> None:
        """Say why containers are still waiting."""
        for one in self._containers.values():
            if one.status.state == WAITING:
                wanted = one.launch
                room = left.memory >= wanted.memory and left.virtual_cores >= wanted.vcores
                one.become(
                    WAITING,
                    reason=f"{wanted.memory} MiB and {wanted.vcores} vcores are needed; the queue "
                    f"{self.queue} has {max(0, left.memory)} MiB and "
                    f"{max(0, left.virtual_cores)} vcores left for this application"
                    + ", but no node has had so much at once"
                    * room,
                )

    def _forget(self) -> None:
        ended = [n for n, one in self._containers.items() if one.status.state == ENDED]
        nobodys = [n for n in ended if self._containers[n].owner is None]
        for number in {*nobodys, *ended[:-MOST_ENDED]} - self._asks.keys():
            del self._containers[number]

    def _token_of(self, node: Address) -> Token:
        if node not in self._tokens:
            raise YarnKernelError(f"YARN has given no token for the node {node[0]}")
        return self._tokens[node]

    def _bring_up(self, node: Address, granted: list[Granted]) -> None:
        """Start granted containers; release those that cannot be started."""
        failures: dict[str, str] = {}
        try:
            failures = self._start(node, self._token_of(node), granted)
        except Exception as exc:  # noqa: BLE001  (whatever it is, they must not be kept)
            reason = str(exc) if isinstance(exc, YarnKernelError) else repr(exc)
            failures = {format_container_id(one.id): reason for _, _, one in granted}
        with self._lock:
            for number, _, container in granted:
                one = self._containers.get(number)
                if one is None or one.status.state != STARTING:
                    continue  # it has ended in the meantime
                reason = failures.get(format_container_id(container.id), "")
                if not reason:
                    one.become(RUNNING)
                    continue
                _log.error("%s cannot be started: %s", one.status.container_id, reason)
                self._return(container.id)
                one.become(ENDED, diagnostics=f"it cannot be started: {reason}")
        if failures:
            self._hasten()
