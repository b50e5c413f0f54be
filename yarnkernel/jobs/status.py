"""The status of a kernel outside YARN."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from yarnkernel.connection import RECIPE_DIAGNOSTICS

if TYPE_CHECKING:
    from yarnkernel.jobs.record import Record
    from yarnkernel.store.address import StoreAddress

#: States in addition to a scheduler's own words for pending jobs.
STARTING, RUNNING = ("STARTING", "RUNNING")
#: Final states.
FINAL = FINISHED, FAILED, KILLED = ("FINISHED", "FAILED", "KILLED")
#: The state if the host cannot be asked.
UNKNOWN = "UNKNOWN"


@dataclass(frozen=True)
class HostedStatus:
    """See :class:`yarnkernel.kernels.handle.Status`.

    Attributes
    ----------
    record : Record
        The record of its start.
    state : str
        ``"STARTING"``, ``"RUNNING"``, ``"FINISHED"``, ``"FAILED"``, ``"KILLED"``, ``"UNKNOWN"``,
        or a scheduler's word for a pending job.
    diagnostics : str
        Why it waits, or how it ended.
    host : str
        Where it runs.
    finished : float
        When it ended, in seconds since 1970; 0 if it has not ended or that is unknown.
    store : StoreAddress or None
        Its key-value store, while it runs.
    hopeless : bool
        Whether it waits for something that will never happen.
    """

    record: Record
    state: str
    diagnostics: str = ""
    host: str = ""
    finished: float = 0.0
    store: StoreAddress | None = None
    hopeless: bool = False

    @property
    def id(self) -> str:
        """See the protocol, as for all properties below."""
        return self.record.id

    @property
    def name(self) -> str:
        """Its name."""
        return self.record.name

    @property
    def user(self) -> str:
        """The user who runs it there."""
        return self.record.user

    @property
    def interface(self) -> str:
        """The interface by which it was started."""
        return self.record.interface

    @property
    def on(self) -> str:
        """The host of its place."""
        return self.record.host

    @property
    def job(self) -> str:
        """The id of its job or process."""
        return self.record.job

    @property
    def queue(self) -> str:
        """Queue or partition."""
        return self.record.queue

    @property
    def final_status(self) -> str:
        """How it ended."""
        return _FINAL_STATUS.get(self.state, "UNDEFINED")

    @property
    def outcome(self) -> str:
        """State, and how it ended."""
        return f"{FINISHED} SUCCEEDED" if self.state == FINISHED else self.state

    @property
    def memory(self) -> int:
        """The requested MiB."""
        return self.record.memory

    @property
    def vcores(self) -> int:
        """The requested processors."""
        return self.record.cpus

    @property
    def start_time(self) -> datetime | None:
        """When it was submitted."""
        return _moment(self.record.submitted)

    @property
    def launch_time(self) -> datetime | None:
        """None: it is not known."""
        return None

    @property
    def finish_time(self) -> datetime | None:
        """When it ended."""
        return _moment(self.finished)

    @property
    def tags(self) -> frozenset[str]:
        """Its tags: there are none."""
        return frozenset()

    @property
    def ended(self) -> bool:
        """Whether it has ended."""
        return self.state in FINAL

    @property
    def succeeded(self) -> bool:
        """Whether it has ended normally."""
        return self.state == FINISHED

    @property
    def lost(self) -> bool:
        """Whether its place took it away: it ended without a report of its supervisor."""
        return self.state == FAILED and not self.diagnostics.startswith(RECIPE_DIAGNOSTICS)

    @property
    def has_logs(self) -> bool:
        """Whether there are logs: always."""
        return True

    @property
    def details(self) -> dict[str, str | None]:
        """Its directory there, and the synchronised directories."""
        record = self.record
        return {
            "directory": record.directory,
            "sync": record.sync or None,
            "sync_there": record.sync_there or None,
        }


_FINAL_STATUS = {FINISHED: "SUCCEEDED", FAILED: "FAILED", KILLED: "KILLED"}


def _moment(seconds: float) -> datetime | None:
    return datetime.fromtimestamp(seconds, timezone.utc) if seconds else None
