"""What YARN tells about an application, in types of our own."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from yarnkernel.errors import UsageError

if TYPE_CHECKING:
    from datetime import datetime

#: Every kernel that this package submits has this tag.
TAG = "yarnkernel"
#: ... and one of its own, which tells it from all others before its id is known.
UNIQUE_TAG_PREFIX = f"{TAG}-"
#: ... and one with the digest of its packed environment, if it has one.
ENVIRONMENT_TAG_PREFIX = "environment-"
#: ... one for an ApplicationMaster with a certificate of its own, signed by the user's pair,
CERTIFICATE_TAG = "certificate-of-its-own"
#: ... and one for keys that its container makes, so that none travels to it.
SEALED_TAG = "sealed"
#: An application in one of these states stays in it (YarnApplicationState of Hadoop).
FINAL_STATES = frozenset({"FINISHED", "FAILED", "KILLED"})
#: As YARN calls the nodes that have no label; a node label of its own here.
DEFAULT_PARTITION = "<DEFAULT_PARTITION>"
ACTIVE_STATES = ("NEW", "NEW_SAVING", "SUBMITTED", "ACCEPTED", "RUNNING")


#: The name in skein's certificates (skein 0.8.2, model.py, Security.new_credentials).
SKEIN_NAME = "skein-internal"
_FINGERPRINT = "sha256="


def certificate_name(app_id: str) -> str:
    """Return the name of an application in a certificate of its own."""
    return app_id.replace("_", "-")


def fingerprint_url(fingerprint: str) -> str:
    """Write a key's fingerprint as YARN can be told it: as the address of a web page."""
    return f"yarnkernel:{_FINGERPRINT}{fingerprint}"


def read_fingerprint(url: str) -> str:
    """Read it again; empty when there is none."""
    return url.partition(f"yarnkernel:{_FINGERPRINT}")[2]


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

    @property
    def ended(self) -> bool:
        """Whether its state is final."""
        return self.state in FINAL_STATES

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
