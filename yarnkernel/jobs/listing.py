"""Lists all kernels outside YARN that this machine knows, with their status."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from yarnkernel.errors import HostError, summary
from yarnkernel.hosts.named import host_of
from yarnkernel.jobs.kernel import HostedKernel
from yarnkernel.jobs.record import Record, all_records
from yarnkernel.jobs.status import UNKNOWN, HostedStatus

#: Hosts asked at the same time.
AT_ONCE = 16


def list_hosted(*, ended: bool = False, user: str = "") -> list[HostedStatus]:
    """List kernels, newest last; ask hosts concurrently, and one that is down only once.

    Parameters
    ----------
    ended : bool, default False
        Whether to include those that have ended.
    user : str, optional
        Only list this user's.
    """
    records = [record for record in all_records() if user in ("", record.user)]
    if not ended:
        records = [record for record in records if not record.final]
    groups: dict[tuple[str, ...], list[Record]] = {}
    for record in records:
        groups.setdefault((record.host, *record.jump), []).append(record)
    with ThreadPoolExecutor(AT_ONCE) as executor:
        found = {one.id: one for group in executor.map(_ask, groups.values()) for one in group}
    statuses = [found[record.id] for record in records]
    return [one for one in statuses if ended or not one.ended]


def _ask(records: list[Record]) -> list[HostedStatus]:
    """Return the status of the kernels on one host."""
    host = host_of(records[0].host, records[0].jump, records[0].python)
    statuses, trouble = [], ""
    for record in records:
        if trouble and not record.final:
            statuses.append(HostedStatus(record, UNKNOWN, trouble))
            continue
        try:
            statuses.append(HostedKernel(record, host).status())
        except HostError as exc:
            trouble = summary(exc)
            statuses.append(HostedStatus(record, UNKNOWN, trouble))
    return statuses
