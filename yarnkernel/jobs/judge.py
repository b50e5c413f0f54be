"""How a kernel outside YARN is: what its files and its carrier say together."""

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

#: Seconds that what has lost its process may take to say how it ended.
LAST_WORD = 1.0


def judge(record: Record, host: Host, carrier: Carrier, found: dict[str, bytes]) -> HostedStatus:
    """Put together what a kernel's files say and what its carrier says.

    Parameters
    ----------
    record : Record
        What is known of its start.
    host : Host
        Where it is asked for.
    carrier : Carrier
        Who carries it.
    found : dict of str to bytes
        Its files that are there, by their paths.

    Returns
    -------
    HostedStatus
        With a record that has its end, when that is final and known.
    """
    end_path = f"{record.directory}/{END_FILE}"
    end = read_document(found.get(end_path))
    if end and end["diagnostics"] != ENDED_BY_SIGNAL:  # else who has sent it says more
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
    """Look for an end once more: the files may have been read before it was written."""
    return read_document(host.await_file([end_path], LAST_WORD).get(end_path))


def _running(record: Record, host: Host, address: dict[str, Any], end_path: str) -> HostedStatus:
    store, trouble = None, ""
    try:
        store = Reach(record, host).store(address)
    except HostRefusedError as exc:
        if end := _last_word(end_path, host):  # who has ended listens no more
            return _ended(record, end)
        trouble = str(exc)  # it can be ended all the same
    return HostedStatus(record, RUNNING, trouble, str(address["node"]), store=store)


def _remembered(status: HostedStatus) -> HostedStatus:
    """Write an end down here: its host need not be asked again."""
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
    """Return the end that was written down."""
    return HostedStatus(record, record.final, record.diagnostics, finished=record.finished)


def read_document(content: bytes | None) -> dict[str, Any]:
    """Read one of the supervisor's files; it appears as a whole."""
    if content is None:
        return {}
    found = json.loads(content)
    return found if isinstance(found, dict) else {}
