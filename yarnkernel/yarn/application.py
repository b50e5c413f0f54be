"""What YARN tells about an application, in types of our own."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from yarnkernel.connection import RECIPE_DIAGNOSTICS
from yarnkernel.errors import UsageError
from yarnkernel.kernels.interfaces import YARN
from yarnkernel.kernels.options import DEFAULT_PARTITION
from yarnkernel.store.address import StoreAddress

if TYPE_CHECKING:
    from datetime import datetime

#: The type of the applications that skein's ApplicationMaster runs (Driver.java of skein 0.8.2).
APPLICATION_TYPE = "skein"
#: Every kernel that this package submits has this tag.
TAG = "yarnkernel"
#: ... and one of its own, which tells it from all others before its id is known.
UNIQUE_TAG_PREFIX = f"{TAG}-"
#: ... one for an ApplicationMaster with a certificate of its own, signed by the user's pair,
CERTIFICATE_TAG = "certificate-of-its-own"
#: ... and one for keys that its container makes, so that none travels to it.
SEALED_TAG = "sealed"
#: An application in one of these states stays in it (YarnApplicationState of Hadoop).
FINAL_STATES = frozenset({"FINISHED", "FAILED", "KILLED"})
ACTIVE_STATES = ("NEW", "NEW_SAVING", "SUBMITTED", "ACCEPTED", "RUNNING")
#: What YARN says of an application whose nodes have nothing at all.
EMPTY_PARTITION = re.compile(r"AM Partition = (\S+) ;.* Partition Resource = <memory:0, vCores:0\b")


#: Tells by an application's id where here a port of a host is reached.
Reach = Callable[[str, str, int], tuple[str, int]]


@dataclass(frozen=True)
class ApplicationStatus:
    """A report of YARN on one application.

    Attributes
    ----------
    app_id, name, user, queue : str
        As YARN tells them.
    state : str
        ``"ACCEPTED"``, ``"RUNNING"``, ``"FINISHED"``...
    final_status : str
        ``"UNDEFINED"`` until the end, then ``"SUCCEEDED"``, ``"FAILED"`` or ``"KILLED"``.
    host : str
        Host of the ApplicationMaster; empty before it is registered.
    port : int
        Port of its gRPC server; 0 before it is registered.
    diagnostics : str
        Why it waits or how it ended.
    tracking_url : str
        Its web page.
    start_time, launch_time, finish_time : datetime or None
        Submitted, ApplicationMaster launched, ended; aware of their time zone.
    memory : int
        MiB that it uses now.
    vcores : int
        Virtual cores that it uses now.
    tags : frozenset of str
        Its tags.
    fingerprint : str
        SHA-256 of the key that the user's own ApplicationMaster has made for itself; else empty.
    log_aggregation : str
        How far the collection of its logs is: ``"NOT_START"``, ``"RUNNING"``,
        ``"SUCCEEDED"``, ``"DISABLED"``...; empty when YARN does not tell.
    type : str, optional
        YARN's type of it: ``"skein"`` for a kernel's.
    on : str, optional
        The edge node that its cluster is reached through.
    reach : callable, optional
        Tells by the id where here a port of a host is reached; by default it is where it is.
    """

    app_id: str
    name: str
    user: str
    queue: str
    state: str
    final_status: str
    host: str
    port: int
    diagnostics: str
    tracking_url: str
    start_time: datetime | None
    launch_time: datetime | None
    finish_time: datetime | None
    memory: int
    vcores: int
    tags: frozenset[str]
    fingerprint: str
    log_aggregation: str
    type: str = APPLICATION_TYPE
    on: str = ""
    reach: Reach | None = field(default=None, compare=False, repr=False)

    @property
    def id(self) -> str:
        """The kernel's id: its application's."""
        return self.app_id

    @property
    def store(self) -> StoreAddress | None:
        """Its kernel's key-value store; None before there is one, and at the end.

        Raises
        ------
        ClusterError
            When it is reached from another machine alone, and that not.
        """
        if self.state != "RUNNING" or not self.port or self.type != APPLICATION_TYPE:
            return None
        host, port = self.host, self.port
        if self.reach is not None:
            host, port = self.reach(self.app_id, host, port)
        return StoreAddress(
            kernel=self.app_id,
            host=host,
            port=port,
            user=self.user,
            state=self.state,
            has_own_certificate=CERTIFICATE_TAG in self.tags,
            makes_own_keys=SEALED_TAG in self.tags,
            fingerprint=self.fingerprint,
        )

    @property
    def ended(self) -> bool:
        """Whether its state is final."""
        return self.state in FINAL_STATES

    @property
    def succeeded(self) -> bool:
        """Whether it has ended in good order."""
        return self.final_status == "SUCCEEDED"

    @property
    def lost(self) -> bool:
        """Whether YARN took it away: not its kernel has ended, but its container."""
        failed = self.state == "FAILED" or self.final_status == "FAILED"
        return failed and not self.diagnostics.startswith(RECIPE_DIAGNOSTICS)

    @property
    def has_logs(self) -> bool:
        """Whether this cluster collects logs."""
        return self.log_aggregation != "DISABLED"

    @property
    def interface(self) -> str:
        """See :class:`yarnkernel.kernels.handle.Status`, as for all that follows."""
        return YARN

    @property
    def job(self) -> str:
        """None: its id says it."""
        return ""

    @property
    def details(self) -> dict[str, str | None]:
        """Where its ApplicationMaster is, its page, and how far the collection of its logs is."""
        return {
            "application_master": f"{self.host}:{self.port}" if self.port else None,
            "web_page": self.tracking_url or None,
            "log_aggregation": self.log_aggregation or None,
            "type": self.type,
        }

    @property
    def outcome(self) -> str:
        """State and final status in words, such as ``"FINISHED SUCCEEDED"``."""
        if self.final_status in ("UNDEFINED", self.state):
            return self.state
        return f"{self.state} {self.final_status}"


def forgotten_status(app_id: str, user: str) -> ApplicationStatus:
    """Return what is known of an application that the ResourceManager had and has no more.

    It has ended, nobody knows how, and its logs may still be on their way.
    """
    return ApplicationStatus(
        app_id=app_id,
        name="",
        user=user,
        queue="",
        state="FINISHED",
        final_status="UNDEFINED",
        host="",
        port=0,
        diagnostics="It has ended, and the ResourceManager has forgotten how.",
        tracking_url="",
        start_time=None,
        launch_time=None,
        finish_time=None,
        memory=0,
        vcores=0,
        tags=frozenset(),
        fingerprint="",
        log_aggregation="RUNNING",
    )


def check_app_id(text: str) -> str:
    """Return an application id that has the form of one.

    Raises
    ------
    UsageError
        When it is not ``application_<cluster timestamp>_<number>``.
    """
    if re.fullmatch(r"application_\d{1,18}_\d{4,9}", text):
        return text
    raise UsageError(
        f"{text!r} is not an application id: they look like application_1700000000000_0001; "
        "next: yarnkernel list"
    )


def reason_for_waiting(diagnostics: str) -> str:
    """Say why an application waits, as YARN's diagnostics have it; empty when they do not."""
    empty = EMPTY_PARTITION.search(diagnostics)
    if empty:
        nodes = "a node" if empty[1] == DEFAULT_PARTITION else f"a node with the label {empty[1]}"
        return f"it waits for {nodes}, of which there is none"
    # "[date] Application is added to the scheduler and is not yet activated. Queue's AM
    # resource limit exceeded.  Details : AM Partition = ..."
    reason = diagnostics.partition("]")[2].partition(" Details :")[0].strip()
    return reason if "not yet activated" in reason else ""
