"""What carries a kernel outside YARN: a host by itself, or its batch system.

Each carrier starts the same script, reports the status of what it started, and ends it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from yarnkernel.hosts.host import Host
    from yarnkernel.jobs.record import Record
    from yarnkernel.jobs.scheduler import JobRequest, JobStatus


class Carrier(Protocol):
    """Starts, checks and ends the kernel that a record describes."""

    def start(self, record: Record, request: JobRequest, host: Host) -> Record:
        """Start it, and return the record with what identifies it.

        Raises
        ------
        SubmitError, HostError
            When it cannot be started.
        """

    def look(self, record: Record, host: Host) -> JobStatus:
        """Return its status; its own files say more."""

    def end(self, record: Record, host: Host, *, force: bool) -> bool:
        """End it; ``force`` is for one that ignored a first request.

        Returns
        -------
        bool
            Whether it is certain to end, so that no check is needed.
        """


def job_name(record: Record) -> str:
    """Return the name of a kernel's job, whose first 15 characters are unique."""
    return f"yk{record.id.rpartition('-')[2]}-{record.name}"
