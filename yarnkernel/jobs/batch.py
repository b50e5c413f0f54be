"""Kernels as jobs of a host's batch system."""

from __future__ import annotations

import dataclasses
import functools
import platform
import shlex
import time
from typing import TYPE_CHECKING

from yarnkernel.announcement import LOG_FILE
from yarnkernel.errors import HostTimeoutError, SubmitTimeoutError
from yarnkernel.jobs.carrier import job_name
from yarnkernel.jobs.grid_engine import GridEngine
from yarnkernel.jobs.job_script import stripping
from yarnkernel.jobs.pbs import Pbs
from yarnkernel.jobs.queue_watch import QueueWatch
from yarnkernel.jobs.scheduler import JobPhase, JobStatus
from yarnkernel.jobs.shared_answer import SharedAnswer
from yarnkernel.jobs.slurm import Slurm
from yarnkernel.kernels.interfaces import PBS, SGE, SLURM

if TYPE_CHECKING:
    from yarnkernel.completed import Completed
    from yarnkernel.hosts.host import Host
    from yarnkernel.jobs.record import Record
    from yarnkernel.jobs.scheduler import JobRequest, Scheduler

#: Seconds for a command of a batch system, which may be slow when busy.
COMMAND_TIMEOUT = 60.0
#: Bytes at a log's end in which a batch system may have said why it ended a job.
TAIL = 4000
_SCHEDULERS: dict[str, type[Scheduler]] = {SLURM: Slurm, SGE: GridEngine, PBS: Pbs}


class BatchCarrier:
    """See :class:`yarnkernel.jobs.carrier.Carrier`; one serves all kernels of a process.

    Parameters
    ----------
    scheduler : Scheduler
        The batch system.
    """

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._watches: dict[str, QueueWatch] = {}
        self._logs: dict[str, str] = {}

    def start(self, record: Record, request: JobRequest, host: Host) -> Record:
        """See :class:`yarnkernel.jobs.carrier.Carrier`."""
        command, given = self._scheduler.submission(request)
        try:
            completed = self._run(host, shlex.join(command), given.encode())
        except HostTimeoutError as exc:
            self._cancel_by_name(record, host)
            raise SubmitTimeoutError(str(exc)) from exc
        return dataclasses.replace(record, job=self._scheduler.submitted_id(completed))

    def _run(self, host: Host, script: str, data: bytes = b"") -> Completed:
        lines = stripping(self._scheduler) + script
        return host.run(lines, data=data, timeout=COMMAND_TIMEOUT)

    def look(self, record: Record, host: Host) -> JobStatus:
        """See :class:`yarnkernel.jobs.carrier.Carrier`."""
        self._logs[record.job] = f"{record.directory}/{LOG_FILE}"
        # One query for all kernels there, however many wait.
        watch = self._watches.get(host.name)
        if watch is None:
            watch = self._watches[host.name] = QueueWatch(
                self._scheduler,
                functools.partial(self._run, host),
                shared=SharedAnswer(f"{self._scheduler.name}@{host.name or platform.node()}"),
                log_tail=functools.partial(self._log_tail, host),
            )
        found = watch.status(record.job, age=time.time() - record.submitted)
        return found or JobStatus(record.job, "", JobPhase.UNKNOWN, "nothing is known of it yet")

    def _log_tail(self, host: Host, job: str) -> str:
        content = host.read(self._logs[job], -TAIL) or b""
        return content.decode(errors="replace")

    def end(self, record: Record, host: Host, *, force: bool) -> bool:
        """See :class:`yarnkernel.jobs.carrier.Carrier`."""
        if not record.job:
            self._cancel_by_name(record, host)
            return False
        command = self._scheduler.cancellation(record.job, force=force)
        return self._run(host, shlex.join(command)).code == 0

    def _cancel_by_name(self, record: Record, host: Host) -> None:
        """End a job whose id is unknown: it may exist nevertheless."""
        self._run(host, shlex.join(self._scheduler.cancellation_by_name(job_name(record))))


def scheduler_of(interface: str) -> Scheduler:
    """Return an interface's batch system."""
    return _SCHEDULERS[interface]()


@functools.cache
def batch_carrier(interface: str) -> BatchCarrier:
    """Return the carrier of a batch system: one for this process."""
    return BatchCarrier(scheduler_of(interface))
