"""The NodeManager's REST interface for running containers (NMWebServices, Hadoop 3)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from yarnkernel.deadline import Deadline
from yarnkernel.errors import HttpError
from yarnkernel.hadoop.container_logs import Choice, ContainerLog
from yarnkernel.hadoop.http import Page, fetch_json, opened

if TYPE_CHECKING:
    from collections.abc import Iterator

    from yarnkernel.hadoop.configuration import Configuration

#: End of the header before a log's content (LogToolUtils.outputContainerLog).
_CONTENT = b"LogContents:\n"
_LENGTH = b"LogLength:"
#: Bytes by which a log may have grown since its size was requested; more with each retry.
_SLACK = 1 << 16
#: Bytes of the header before a log's content, at most.
_LONGEST_HEAD = 1 << 20
_TRIES = 5


def web_scheme(configuration: Configuration) -> str:
    """Return the URL scheme of YARN's web pages (``yarn.http.policy``)."""
    is_secret = configuration.get("yarn.http.policy").upper() == "HTTPS_ONLY"
    return "https" if is_secret else "http"


def container_status(
    address: str, container: str, deadline: Deadline, configuration: Configuration
) -> tuple[str, int]:
    """Request a container's state and memory from this host's NodeManager.

    Parameters
    ----------
    address : str
        The NodeManager's web address, with ``http`` or ``https``.
    container : str
        The container's id.
    deadline : Deadline
        For the answer.
    configuration : Configuration
        Of the cluster.

    Returns
    -------
    str
        Its state, such as ``"RUNNING"`` (ContainerState of the NodeManager).
    int
        Its memory in MiB.

    Raises
    ------
    HttpError
        When it does not report them.
    """
    url = f"{address}/ws/v1/node/containers/{container}"
    # It is on this host, and containers cannot check its certificate.
    document = fetch_json(url, deadline, configuration, verify=False)
    try:
        status = document["container"]
        return str(status["state"]), int(status["totalMemoryNeededMB"])
    except (KeyError, TypeError, ValueError) as exc:
        raise HttpError(f"{address} does not tell the status of {container}") from exc


def running_logs(
    address: str,
    container: str,
    choose: Choice,
    deadline: Deadline,
    configuration: Configuration,
) -> Iterator[ContainerLog]:
    """Read logs of a container from its NodeManager.

    Parameters
    ----------
    address : str
        The NodeManager's web address, as in container reports.
    container : str
        The container's id.
    choose : callable
        Chooses the files and where to begin in each.
    deadline : Deadline
        For each file's first bytes, and renewed after each piece: logs may be large.
    configuration : Configuration
        Of the cluster.

    Raises
    ------
    HttpError
        When the NodeManager does not answer, or no longer has the container.
    """
    base = f"{address}/ws/v1/node/containers/{container}/logs"
    patience = Deadline(deadline.step(deadline.seconds))
    for node, name, size in _files(base, patience, configuration):
        start = choose(container, name, size)
        if start is not None:
            for content in _read(f"{base}/{quote(name)}", start, size, patience, configuration):
                yield ContainerLog(container, node, name, start, content)
                start += len(content)
                patience.renew()


def _files(
    url: str, deadline: Deadline, configuration: Configuration
) -> list[tuple[str, str, int]]:
    """Request a container's log files: node, name and size in bytes of each."""
    document = fetch_json(url, deadline, configuration)
    try:
        return [
            (str(where.get("nodeId", "")), str(file["fileName"]), int(file["fileSize"]))
            for where in _as_list(document["containerLogsInfo"])
            for file in _as_list(where.get("containerLogInfo"))
        ]
    except (KeyError, TypeError, ValueError, AttributeError) as exc:
        raise HttpError(f"{url} is not a list of logs as Hadoop 3 sends it") from exc


def _as_list(value: Any) -> list[Any]:
    """Return a list, even of one element that Jersey's JSON has without a list."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _read(
    url: str, start: int, size: int, deadline: Deadline, configuration: Configuration
) -> Iterator[bytes]:
    """Read a file from ``start``; only its last bytes can be requested, and it may grow."""
    if size <= start:
        yield b""
        return
    slack = _SLACK
    for _ in range(_TRIES):
        wanted = size - start + slack
        with opened(f"{url}?size=-{wanted}", deadline, configuration) as page:
            head = b""
            while _CONTENT not in head and (part := page.read()) and len(head) < _LONGEST_HEAD:
                head += part
            head, found, rest = head.partition(_CONTENT)
            lengths = [
                line.removeprefix(_LENGTH) for line in head.splitlines() if line.startswith(_LENGTH)
            ]
            if not found or not lengths or not re.fullmatch(rb"\d{1,40}", lengths[-1]):
                raise HttpError(f"{url} is not a log as Hadoop 3 sends it")
            size = int(lengths[-1])
            before = start - max(0, size - wanted)
            if before >= 0:
                yield from _cut(rest, page, before, size - start, deadline)
                return
        slack *= 8
    raise HttpError(f"{url} grows faster than it can be read")


def _cut(part: bytes, page: Page, before: int, size: int, deadline: Deadline) -> Iterator[bytes]:
    """Skip ``before`` bytes, and yield the next ``size`` bytes as they arrive."""
    while part and size > 0:
        content = part[before : before + size]
        before = max(0, before - len(part))
        size -= len(content)
        if content:
            yield content
        deadline.renew()
        part = page.read() if size > 0 else b""
