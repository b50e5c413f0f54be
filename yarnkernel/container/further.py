"""Further containers: the ApplicationMaster's side towards the kernel, YARN and the nodes."""

from __future__ import annotations

import contextlib
import json
import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yarnkernel.container.further_containers import FurtherContainers
from yarnkernel.container.further_door import FurtherDoor
from yarnkernel.container.further_launch import FurtherContexts
from yarnkernel.container_status import CONTAINERS_VARIABLE
from yarnkernel.deadline import Deadline
from yarnkernel.errors import (
    HadoopError,
    InvalidTokenError,
    NotFoundError,
    NotRegisteredError,
    StandbyError,
)
from yarnkernel.hadoop.container_management import start_containers
from yarnkernel.hadoop.credentials import TOKEN_FILE_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from yarnkernel.container.further_containers import Granted
    from yarnkernel.container.further_options import FurtherOptions
    from yarnkernel.hadoop.addresses import Address
    from yarnkernel.hadoop.configuration import Configuration
    from yarnkernel.hadoop.credentials import Token
    from yarnkernel.store.master_launch import MasterLaunch

_log = logging.getLogger(__name__)

#: Seconds for a NodeManager to accept containers; it may be restarting.
NODE_TIMEOUT = 60.0
#: Errors with which a ResourceManager refuses a request for good.
_REFUSALS = ("InvalidResourceRequestException", "InvalidContainerReleaseException")
#: How many other errors in a row count as a refusal, too.
_MOST_FAILURES = 5
#: Errors that say nothing about the request.
_NO_REFUSALS = (InvalidTokenError, NotFoundError, NotRegisteredError, StandbyError)


class Further:
    """The further containers of one ApplicationMaster.

    Parameters
    ----------
    options : FurtherOptions
        What the kernel may ask for.
    launch : MasterLaunch
        What the submitter has sent.
    configuration : Configuration
        Of the cluster.
    hasten : callable
        Called when the next heartbeat should come soon.
    publish : callable
        Called with the new value of LOGS_KEY in the store when it changes.
    """

    def __init__(
        self,
        options: FurtherOptions,
        launch: MasterLaunch,
        configuration: Configuration,
        hasten: Callable[[], None],
        publish: Callable[[bytes], None],
    ) -> None:
        self._publish = publish
        self._published: dict[str, str] = {}
        self._failures = 0
        location = os.environ.get(TOKEN_FILE_VARIABLE)
        tokens = Path(location) if location else None
        self._contexts = FurtherContexts(launch, tokens, options.withheld)
        self._configuration = configuration
        self._containers = FurtherContainers(options.most, self._start, hasten)
        self._door: FurtherDoor | None = None
        self._warning = ""
        if not launch.key and configuration.get("hadoop.rpc.protection") != "privacy":
            self._warning = (
                "what travels to further containers can be read on its way, keys too, although "
                "this kernel was started with --encrypt: hadoop.rpc.protection is not privacy"
            )

    async def open(self, registration: Any, address: str) -> None:
        """Start to answer the kernel.

        Parameters
        ----------
        registration : RegisterApplicationMasterResponseProto
            The ResourceManager's answer.
        address : str
            At which other containers reach this one.
        """
        self._containers.registered(registration)
        about = {"address": address, "warning": self._warning}
        name = os.environ.get(CONTAINERS_VARIABLE, "")
        try:
            self._door = await FurtherDoor.open(name, self._containers, about)
        except OSError as exc:  # a kernel can do without
            _log.error("the kernel cannot ask for further containers: %s", exc.strerror)

    def close(self) -> None:
        """Stop answering; the containers end with the application."""
        if self._door is not None:
            self._door.close()

    @contextlib.contextmanager
    def telling(self) -> Iterator[tuple[Callable[[bool], dict[str, Any]], Callable[[Any], None]]]:
        """Provide the requests of a heartbeat, and take its answer.

        A refused request is not repeated: without heartbeats the kernel would be lost.
        """
        try:
            yield self._containers.wishes, self._containers.heard
        except HadoopError as exc:
            if isinstance(exc, _NO_REFUSALS) or not self._containers.has_told:
                raise
            self._failures += 1
            if not exc.class_name.endswith(_REFUSALS) and self._failures < _MOST_FAILURES:
                raise
            self._containers.refused(str(exc))
        self._failures = 0
        if (logs := self._containers.logs()) != self._published:
            self._published = logs
            self._publish(json.dumps(logs).encode())

    def _start(self, node: Address, token: Token, granted: list[Granted]) -> dict[str, str]:
        contexts = [(message, self._contexts.of(number, one)) for number, one, message in granted]
        deadline = Deadline(NODE_TIMEOUT)
        return start_containers(node, token, contexts, self._configuration, deadline)
