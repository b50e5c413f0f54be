"""YARN's report on an application, as types of this package."""

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
#: ... and a unique one, which identifies it before its id is known.
UNIQUE_TAG_PREFIX = f"{TAG}-"
#: ... one if its ApplicationMaster has its own certificate, signed by the user's pair,
CERTIFICATE_TAG = "certificate-of-its-own"
#: ... and one if its container makes its own keys, so that none is sent to it.
SEALED_TAG = "sealed"
#: An application in one of these states stays in it (YarnApplicationState of Hadoop).
FINAL_STATES = frozenset({"FINISHED", "FAILED", "KILLED"})
ACTIVE_STATES = ("NEW", "NEW_SAVING", "SUBMITTED", "ACCEPTED", "RUNNING")
#: YARN's diagnostics for an application whose partition has no resources at all.
EMPTY_PARTITION = re.compile(r"AM Partition = (\S+) ;.* Partition Resource = <memory:0, vCores:0\b")


#: Takes an application's id, a host and a port; returns the address to connect to from here.
Reach = Callable[[str, str, int], tuple[str, int]]


@dataclass(frozen=True)
class ApplicationStatus:
    """YARN's report on one application.

    Attributes
    ----------
    app_id, name, user, queue : str
        As YARN reports them.
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
        When it was submitted, its ApplicationMaster launched, and it ended; with a time zone.
    memory : int
        MiB currently in use.
    vcores : int
        Virtual cores currently in use.
    tags : frozenset of str
        Its tags.
    fingerprint : str
        SHA-256 of the key that the ApplicationMaster has made for itself, if the application is the
        user's own; else empty.
    log_aggregation : str
        Progress of the collection of its logs: ``"NOT_START"``, ``"RUNNING"``, ``"SUCCEEDED"``,
        ``"DISABLED"``...; empty if YARN does not report it.
    type : str, optional
        Its type in YARN: ``"skein"`` for a kernel's application.
    on : str, optional
        The edge node through which its cluster is reached.
    reach : callable, optional
        Returns the address at which a host's port is reached from here; by default the same one.
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
        """The kernel's id, which is that of its application."""
        return self.app_id

    @property
    def store(self) -> StoreAddress | None:
        """Its kernel's key-value store; None before there is one and after its end.

        Raises
        ------
        ClusterError
            When it can only be reached through another machine, and that one is unreachable.
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
        """Whether it ended successfully."""
        return self.final_status == "SUCCEEDED"

    @property
    def lost(self) -> bool:
        """Whether YARN took it away: its container ended, rather than its kernel."""
        failed = self.state == "FAILED" or self.final_status == "FAILED"
        return failed and not self.diagnostics.startswith(RECIPE_DIAGNOSTICS)

    @property
    def has_logs(self) -> bool:
        """Whether this cluster collects logs."""
        return self.log_aggregation != "DISABLED"

    @property
    def interface(self) -> str:
        """See :class:`yarnkernel.kernels.handle.Status`, also for the properties below."""
        return YARN

    @property
    def job(self) -> str:
        """Empty: its id is enough."""
        return ""

    @property
    def details(self) -> dict[str, str | None]:
        """Its ApplicationMaster's address, its web page, and the progress of log collection."""
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
    """Return the status of an application that the ResourceManager has forgotten.

    It has ended in an unknown way, and its logs may still be being collected.
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
    """Check the form of an application id, and return it.

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
    """Return why an application waits, from YARN's diagnostics; empty if they do not say."""
    empty = EMPTY_PARTITION.search(diagnostics)
    if empty:
        nodes = "a node" if empty[1] == DEFAULT_PARTITION else f"a node with the label {empty[1]}"
        return f"it waits for {nodes}, of which there is none"
    # "[date] Application is added to the scheduler and is not yet activated. Queue's AM
    # resource limit exceeded.  Details : AM Partition = ..."
    reason = diagnostics.partition("]")[2].partition(" Details :")[0].strip()
    return reason if "not yet activated" in reason else ""
