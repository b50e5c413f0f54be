"""The NodeManager's REST interface for containers that run (NMWebServices, Hadoop 3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from yarnkernel.errors import HttpError
from yarnkernel.hadoop.container_logs import Choice, ContainerLog
from yarnkernel.hadoop.http import fetch, fetch_json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from yarnkernel.deadline import Deadline

#: Ends what stands before a log's content (LogToolUtils.outputContainerLog).
_CONTENT = b"LogContents:\n"
_LENGTH = b"LogLength:"
#: Bytes by which a log may have grown since its size was asked for, and how often more are tried.
_SLACK = 1 << 16
_TRIES = 5


def container_status(address: str, container: str, deadline: Deadline) -> tuple[str, int]:
    """Ask a NodeManager for the state of a container, and for the memory that it may use.

    Parameters
    ----------
    address : str
        The NodeManager's web address, with ``http`` or ``https``.
    container : str
        The container's id.
    deadline : Deadline
        For the answer.

    Returns
    -------
    str
        Its state, such as ``"RUNNING"`` (ContainerState of the NodeManager).
    int
        Its memory in MiB.

    Raises
    ------
    HttpError
        When it does not tell.
    """
    document = fetch_json(f"{address}/ws/v1/node/containers/{container}", deadline)
    try:
        status = document["container"]
        return str(status["state"]), int(status["totalMemoryNeededMB"])
    except (KeyError, TypeError, ValueError) as exc:
        raise HttpError(f"{address} does not tell the status of {container}") from exc


def running_logs(
    address: str, container: str, choose: Choice, deadline: Deadline
) -> Iterator[ContainerLog]:
    """Read logs of a container from its NodeManager.

    Parameters
    ----------
    address : str
        The NodeManager's web address, as container reports have it.
    container : str
        The container's id.
    choose : callable
        Which files, from where on.
    deadline : Deadline
        For everything.

    Raises
    ------
    HttpError
        When the NodeManager does not answer, or no longer has the container.
    """
    base = f"{address}/ws/v1/node/containers/{container}/logs"
    for node, name, size in _files(base, deadline):
        start = choose(container, name, size)
        if start is not None:
            content = _read(f"{base}/{quote(name)}", start, size, deadline)
            yield ContainerLog(container, node, name, start, content)


def _files(url: str, deadline: Deadline) -> list[tuple[str, str, int]]:
    """Ask for a container's files: node, name and size in bytes of each."""
    document = fetch_json(url, deadline)
    try:
        return [
            (str(where.get("nodeId", "")), str(file["fileName"]), int(file["fileSize"]))
            for where in _as_list(document["containerLogsInfo"])
            for file in _as_list(where.get("containerLogInfo"))
        ]
    except (KeyError, TypeError, ValueError, AttributeError) as exc:
        raise HttpError(f"{url} is not a list of logs as Hadoop 3 sends it") from exc


def _as_list(value: Any) -> list[Any]:
    """A list of one element is not always written as one in Jersey's JSON."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _read(url: str, start: int, size: int, deadline: Deadline) -> bytes:
    """Read a file from ``start`` on; only its last bytes can be asked for, and it may grow."""
    slack = _SLACK
    for _ in range(_TRIES):
        if size <= start:
            return b""
        wanted = size - start + slack
        head, found, rest = fetch(f"{url}?size=-{wanted}", deadline).partition(_CONTENT)
        lengths = [
            line.removeprefix(_LENGTH) for line in head.splitlines() if line.startswith(_LENGTH)
        ]
        if not found or not lengths or not lengths[-1].isdigit():
            raise HttpError(f"{url} is not a log as Hadoop 3 sends it")
        size = int(lengths[-1])
        begin = max(0, size - wanted)
        if begin <= start:
            return rest[start - begin : size - begin]
        slack *= 8
    raise HttpError(f"{url} grows faster than it can be read")
