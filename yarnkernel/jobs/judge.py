"""Determines the status of a kernel outside YARN from its files and its carrier."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from typing import TYPE_CHECKING, Any

from yarnkernel.announcement import ADDRESS_FILE, END_FILE, ENDED_BY_SIGNAL
from yarnkernel.errors import HostRefusedError, UsageError
from yarnkernel.jobs.reach import Reach
from yarnkernel.jobs.scheduler import JobPhase
from yarnkernel.jobs.status import (
    FAILED,
    FINISHED,
    KILLED,
    RUNNING,
    STARTING,
    UNKNOWN,
    HostedStatus,
)

if TYPE_CHECKING:
    from yarnkernel.hosts.host import Host
    from yarnkernel.jobs.carrier import Carrier
    from yarnkernel.jobs.record import Record

#: Seconds to wait for the report of its end after the process is gone.
LAST_WORD = 1.0


def judge(record: Record, host: Host, carrier: Carrier, found: dict[str, bytes]) -> HostedStatus:
    """Combine what a kernel's files and its carrier say.

    Parameters
    ----------
    record : Record
        The record of its start.
    host : Host
        The host to ask.
    carrier : Carrier
        Its carrier.
    found : dict of str to bytes
        The contents of those of its files that exist, by path.

    Returns
    -------
    HostedStatus
        The status; its record includes the end, if that is known and final.
    """
    end_path = f"{record.directory}/{END_FILE}"
    end = read_document(found.get(end_path))
    if end and end["diagnostics"] != ENDED_BY_SIGNAL:  # else whatever sent it says more
        return _remembered(_ended(record, end))
    job = carrier.look(record, host)
    if not end and job.phase is JobPhase.ENDED:
        end = _last_word(end_path, host)
        if not end:
            return HostedStatus(record, FAILED, job.reason, job.host)
    if end and job.phase is JobPhase.ENDED and job.reason:
        return _remembered(_ended(record, end, KILLED, job.reason))
    if end:
        return _ended(record, end)
    if address := read_document(found.get(f"{record.directory}/{ADDRESS_FILE}")):
        return _running(record, host, address, end_path)
    state = STARTING if job.phase is JobPhase.RUNNING else job.state or UNKNOWN
    return HostedStatus(record, state, job.reason, job.host, hopeless=job.hopeless)


def _last_word(end_path: str, host: Host) -> dict[str, Any]:
    """Look for an end again: the files may have been read before it was written."""
    return read_document(host.await_file([end_path], LAST_WORD).get(end_path))


def _running(record: Record, host: Host, address: dict[str, Any], end_path: str) -> HostedStatus:
    store, trouble = None, ""
    try:
        store = Reach(record, host).store(address)
    except HostRefusedError as exc:
        if end := _last_word(end_path, host):  # after its end it no longer listens
            return _ended(record, end)
        trouble = str(exc)  # it can be ended nevertheless
    return HostedStatus(record, RUNNING, trouble, str(address["node"]), store=store)


def _remembered(status: HostedStatus) -> HostedStatus:
    """Record an end here, so that its host need not be asked again."""
    record = dataclasses.replace(
        status.record,
        final=status.state,
        diagnostics=status.diagnostics,
        finished=status.finished,
    )
    with contextlib.suppress(UsageError):  # a full disk
        record.write()
    return dataclasses.replace(status, record=record)


def _ended(record: Record, end: dict[str, Any], state: str = "", reason: str = "") -> HostedStatus:
    final = {"SUCCEEDED": FINISHED, "KILLED": KILLED}.get(end["final_status"], FAILED)
    return HostedStatus(
        record,
        state or final,
        reason or str(end["diagnostics"]),
        finished=float(end["moment"]),
    )


def remembered_status(record: Record) -> HostedStatus:
    """Return the recorded end."""
    return HostedStatus(record, record.final, record.diagnostics, finished=record.finished)


def read_document(content: bytes | None) -> dict[str, Any]:
    """Read one of the supervisor's files, which it writes atomically."""
    if content is None:
        return {}
    found = json.loads(content)
    return found if isinstance(found, dict) else {}
