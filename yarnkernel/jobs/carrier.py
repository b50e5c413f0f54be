"""Who carries a kernel outside YARN: a host by itself, or its batch system.

Each of them starts the same script, tells how what it started is, and ends it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from yarnkernel.hosts.host import Host
    from yarnkernel.jobs.record import Record
    from yarnkernel.jobs.scheduler import JobRequest, JobStatus


class Carrier(Protocol):
    """Starts, looks after and ends what a record describes."""

    def start(self, record: Record, request: JobRequest, host: Host) -> Record:
        """Start it, and return the record with what tells it from others.

        Raises
        ------
        SubmitError, HostError
            When that cannot be done.
        """

    def look(self, record: Record, host: Host) -> JobStatus:
        """Tell how it is; its own files say more."""

    def end(self, record: Record, host: Host, *, force: bool) -> bool:
        """End it; force is for what does not heed a first word.

        Returns
        -------
        bool
            Whether it is certain to end, so that nobody has to look.
        """


def job_name(record: Record) -> str:
    """Return the name of a kernel's job, whose first 15 characters no other one has."""
    return f"yk{record.id.rpartition('-')[2]}-{record.name}"
