"""Kernels as plain processes of a host."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from yarnkernel.announcement import LOG_FILE, PID_FILE
from yarnkernel.jobs.scheduler import JobPhase, JobStatus

if TYPE_CHECKING:
    from yarnkernel.hosts.host import Host
    from yarnkernel.jobs.record import Record
    from yarnkernel.jobs.scheduler import JobRequest

#: Becomes the script, in a login shell of bash if possible, which has modules.
_LOGIN = 'command -v bash >/dev/null 2>&1 && exec bash -l "$0"; exec sh "$0"'
#: Seconds for a new process to write its id to a file.
PID_TIMEOUT = 2.0
#: The script's name in the kernel's directory.
SCRIPT_FILE = "start.sh"


class ProcessCarrier:
    """See :class:`yarnkernel.jobs.carrier.Carrier`."""

    def start(self, record: Record, request: JobRequest, host: Host) -> Record:
        """See :class:`yarnkernel.jobs.carrier.Carrier`."""
        path = f"{record.directory}/{SCRIPT_FILE}"
        host.write({path: request.body.encode()})
        command = ["/bin/sh", path] if not host.name else ["/bin/sh", "-c", _LOGIN, path]
        pid, began = host.spawn(command, f"{record.directory}/{LOG_FILE}", record.directory)
        return dataclasses.replace(record, job=str(pid), began=began)

    def look(self, record: Record, host: Host) -> JobStatus:
        """See :class:`yarnkernel.jobs.carrier.Carrier`."""
        info = host.info
        if record.boot and info.boot and info.node == record.node and info.boot != record.boot:
            return JobStatus(
                record.job, "", JobPhase.ENDED, f"{info.node} was started anew meanwhile"
            )
        if info.node != record.node:
            reason = f"{host} leads to {info.node} now, and it was started on {record.node}"
            return JobStatus(record.job, "", JobPhase.UNKNOWN, reason)
        if record.began and host.created(int(record.job)) == record.began:
            return JobStatus(record.job, "", JobPhase.RUNNING, host=info.node)
        return JobStatus(record.job, "", JobPhase.ENDED, "its process is gone, without a word")

    def end(self, record: Record, host: Host, *, force: bool) -> bool:
        """See :class:`yarnkernel.jobs.carrier.Carrier`."""
        pid, began = record.job, record.began
        if not pid:  # no answer to its start, but it has a file with its id
            path = f"{record.directory}/{PID_FILE}"
            pid = host.await_file([path], PID_TIMEOUT).get(path, b"").decode().strip()
            began = host.created(int(pid)) if pid else ""
        if pid:
            host.kill(int(pid), began, force=force)
        return False
