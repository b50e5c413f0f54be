"""The logs of an application's containers.

While it runs they come from its NodeManagers, later from the files that those have collected. What
cannot be read in these ways (other formats and file systems, Kerberos) is left to Hadoop's own
``yarn logs``, a JVM. It is not left to skein's reader: since Hadoop 3.3 (YARN-6929) that searches
the wrong directory, and it never read running containers.
"""

from __future__ import annotations

import codecs
import json
import re
import time
from http import HTTPStatus
from typing import TYPE_CHECKING

from yarnkernel.deadline import Deadline
from yarnkernel.errors import ClusterError, HttpError, UnreadableFileError, YarnKernelError
from yarnkernel.hadoop.aggregated_logs import aggregated_logs
from yarnkernel.hadoop.node_manager import running_logs, web_scheme
from yarnkernel.kernel_status import LOGS_KEY
from yarnkernel.kernels.log_files import LogFile, join_pieces
from yarnkernel.kinds import fits
from yarnkernel.yarn.application import APPLICATION_TYPE, CERTIFICATE_TAG
from yarnkernel.yarn.client import ANSWER_TIMEOUT
from yarnkernel.yarn.yarn_logs import logs_by_yarn

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from yarnkernel.hadoop.container_logs import ContainerLog
    from yarnkernel.yarn.application import ApplicationStatus
    from yarnkernel.yarn.client import YarnClient

#: Logs of a kernel (application.driver.log or <service>.log), not of skein's ApplicationMaster or
#: of a further container (FURTHER_LOG of store/packed_files.py).
KERNEL_LOG_PATTERN = r"^(?!application\.master|container\.stderr).*\.log$"
ALL_LOGS_PATTERN = r"\.log$"
#: Including the NodeManager's files about the launch.
ALL_FILES_PATTERN = ".*"
#: Seconds between two attempts while logs are being collected.
RETRY_INTERVAL = 0.1
#: Seconds between two polls of a followed log.
FOLLOW_INTERVAL = 0.5
#: Seconds to wait, once there are some logs, for those of other nodes and the end of collection.
COMPLETION_TIMEOUT = 3.0
#: Seconds for the logs of an ended application to be collected.
COLLECTION_TIMEOUT = 30.0

#: Seconds for the kernel's store to name further containers that have ended.
STORE_TIMEOUT = 5.0

#: States of an unfinished collection (LogAggregationStatus of YARN).
_COLLECTING = ("NOT_START", "RUNNING", "RUNNING_WITH_FAILURE")


def stream_logs(
    client: YarnClient,
    app_id: str,
    *,
    pattern: str = KERNEL_LOG_PATTERN,
    last_bytes: int | None = None,
    timeout: float = COLLECTION_TIMEOUT,
    complete: bool = True,
) -> Iterator[LogFile]:
    """Read the logs of a running or finished application, however large they are.

    Parameters
    ----------
    client : YarnClient
        The connection to its cluster.
    app_id : str
        Its id.
    pattern : str
        Regular expression for the names of the files, as Python and Java both
        understand it.
    last_bytes : int, optional
        Read at most this many bytes from the end of each file.
    timeout : float, default 30.0
        Seconds. Just after the end of an application its logs are being moved and cannot be read;
        reading is retried for this long.
    complete : bool, default True
        Whether to wait a moment for all nodes rather than only for the first one.

    Yields
    ------
    LogFile
        Pieces of the files, in order for each file; none if there are no logs in time.

    Raises
    ------
    ClusterError
        When they cannot be read.
    """
    deadline = Deadline(timeout)
    completion: Deadline | None = None
    reader = _Reader(pattern, last_bytes)
    while True:
        status = client.last_status(app_id, deadline.step(ANSWER_TIMEOUT), any_type=True)
        reader.look_at(status)
        problem: ClusterError | None = None
        try:
            ended = {} if reader.of_kernel_alone else _ended_containers(status, deadline)
            yield from reader.read(_logs(client, status, reader, deadline, ended))
        except (HttpError, UnreadableFileError) as exc:
            if not status.ended and client.last_status(app_id, any_type=True).ended:
                continue  # they have been moved in the meantime
            files, problem = _instead(client, status, reader, exc, deadline)
            if files:
                yield from files
                return
        if reader.seen and problem is None:
            completion = completion or Deadline(COMPLETION_TIMEOUT if complete else 0)
            if not _being_collected(status) or completion.passed:
                return
        nothing_will_come = status.ended and not _being_collected(status)
        if nothing_will_come or deadline.remaining < 2 * RETRY_INTERVAL:
            if problem:
                raise problem
            return
        time.sleep(RETRY_INTERVAL)


def _instead(
    client: YarnClient,
    status: ApplicationStatus,
    reader: _Reader,
    failure: Exception,
    deadline: Deadline,
) -> tuple[list[LogFile], ClusterError | None]:
    """Read logs with Hadoop's own command instead; if it fails too, return why."""
    problem = f"the logs of {status.app_id} cannot be read: {failure}"
    if reader.seen:  # it would repeat what has been read
        return [], ClusterError(problem)
    try:
        timeout = deadline.step(deadline.seconds)
        pattern, last_bytes = reader.pattern, reader.last_bytes
        app_id = status.app_id
        return logs_by_yarn(client.cluster, app_id, pattern, last_bytes, timeout), None
    except ClusterError as exc:
        broken = getattr(failure, "status", 0) == HTTPStatus.INTERNAL_SERVER_ERROR
        if broken and not status.ended:  # permanent (SecureIOUtils of Hadoop 3.5.0)
            raise ClusterError(
                f"{problem}; {exc}; with Kerberos, a NodeManager without Hadoop's native library "
                "gives them once the application has ended"
            ) from exc
        return [], ClusterError(f"{problem}; {exc}")


def _being_collected(status: ApplicationStatus) -> bool:
    """Return whether NodeManagers may still be writing the files."""
    return status.ended and status.log_aggregation in _COLLECTING


class _Reader:
    """Keeps the position in each file, so that reading again gives only what is new.

    Parameters
    ----------
    pattern : str
        Regular expression for the files' names.
    last_bytes : int, optional
        Begin at most this many bytes before the current end of each file.
    """

    def __init__(self, pattern: str, last_bytes: int | None) -> None:
        self.pattern = pattern
        self.last_bytes = last_bytes
        self.seen: dict[tuple[str, str], int] = {}
        self._decoders: dict[tuple[str, str], codecs.IncrementalDecoder] = {}

    @property
    def of_kernel_alone(self) -> bool:
        """Whether only the kernel's log is read, none of further containers."""
        return self.pattern == KERNEL_LOG_PATTERN

    def look_at(self, status: ApplicationStatus) -> None:
        """Read all files of an application that has no kernel's log, such as one of Spark's."""
        if status.type != APPLICATION_TYPE and self.of_kernel_alone:
            self.pattern = ALL_FILES_PATTERN

    def choose(self, container: str, name: str, size: int) -> int | None:
        """See :data:`~yarnkernel.hadoop.container_logs.Choice`."""
        key = container, name
        if key in self.seen:
            return self.seen[key] if self.seen[key] < size else None
        if not re.search(self.pattern, name):
            return None
        start = 0 if self.last_bytes is None else max(0, size - self.last_bytes)
        self.seen[key] = start
        return start

    def read(self, logs: Iterable[ContainerLog]) -> Iterator[LogFile]:
        """Yield the new text of some logs."""
        for log in logs:
            key = log.container, log.name
            self.seen[key] = log.start + len(log.content)
            if key not in self._decoders:
                self._decoders[key] = codecs.getincrementaldecoder("utf-8")("replace")
            text = self._decoders[key].decode(log.content)
            yield LogFile(log.container, log.node, log.name, text)


def _ended_containers(status: ApplicationStatus, deadline: Deadline) -> dict[str, str]:
    """Return further containers that ended while the kernel runs, and the URLs of their logs."""
    if status.store is None:
        return {}
    from yarnkernel.store.client import read_key  # noqa: PLC0415  (gRPC)
    from yarnkernel.store.remote_error import RemoteError  # noqa: PLC0415

    try:
        value = read_key(status.store, LOGS_KEY, deadline.step(STORE_TIMEOUT))
        found = json.loads(value or b"{}")
    except (RemoteError, YarnKernelError, ValueError, RecursionError):
        return {}  # go on with the other logs
    return found if fits(found, dict[str, str]) else {}


def _logs(
    client: YarnClient,
    status: ApplicationStatus,
    reader: _Reader,
    deadline: Deadline,
    ended: Mapping[str, str],
) -> Iterator[ContainerLog]:
    configuration, choose = client.cluster.configuration, reader.choose
    if status.ended:
        yield from aggregated_logs(configuration, status.app_id, status.user, choose, deadline)
        return
    running = dict(client.containers(status.app_id, deadline.step(ANSWER_TIMEOUT)))
    if CERTIFICATE_TAG in status.tags and reader.of_kernel_alone and running:
        running = dict([min(running.items())])  # the recipe is the ApplicationMaster
    trouble: HttpError | None = None
    has_read = False
    for container, address in {**running, **ended}.items():
        url = address if "://" in address else f"{web_scheme(configuration)}://{address}"
        try:
            for log in running_logs(url, container, choose, deadline, configuration):
                has_read = True
                yield log
        except HttpError as exc:  # further containers come and go, and so do their nodes
            trouble = trouble or (exc if container in running else None)
    if trouble is not None and not has_read:
        raise trouble


def follow_logs(
    client: YarnClient,
    app_id: str,
    *,
    pattern: str = KERNEL_LOG_PATTERN,
    last_bytes: int | None = None,
) -> Iterator[LogFile]:
    """Read the logs of an application as they are written, until it has ended.

    Parameters
    ----------
    client : YarnClient
        The connection to its cluster.
    app_id : str
        Its id.
    pattern : str
        See :func:`stream_logs`.
    last_bytes : int, optional
        Begin at most this many bytes before the current end of each file.

    Yields
    ------
    LogFile
        New text of one of the files.

    Raises
    ------
    ClusterError
        When they cannot be read.
    """
    reader = _Reader(pattern, last_bytes)
    collection: Deadline | None = None
    trouble: Deadline | None = None
    while collection is None or not collection.passed:
        status = client.last_status(app_id, any_type=True)
        reader.look_at(status)
        if status.ended and collection is None:
            # If YARN has forgotten it, nothing reports that all logs are there.
            forgotten = status.start_time is None
            collection = Deadline(2 * COMPLETION_TIMEOUT if forgotten else COLLECTION_TIMEOUT)
        step = Deadline(ANSWER_TIMEOUT)
        try:
            yield from reader.read(_logs(client, status, reader, step, {}))
            trouble = None
        except (HttpError, UnreadableFileError) as exc:
            # A NodeManager may be restarting, or the application may have just ended.
            trouble = trouble or Deadline(ANSWER_TIMEOUT)
            if status.ended or trouble.passed:
                raise ClusterError(
                    f"the logs of {app_id} cannot be followed: {exc}; "
                    f"next: yarnkernel logs {app_id}"
                ) from exc
        if status.ended and not _being_collected(status):
            return
        time.sleep(RETRY_INTERVAL if status.ended else FOLLOW_INTERVAL)


def log_tail(
    client: YarnClient,
    app_id: str,
    pattern: str = KERNEL_LOG_PATTERN,
    *,
    lines: int = 20,
    timeout: float = 10.0,
) -> str:
    """Read the end of an application's logs for an error message.

    Returns
    -------
    str
        Its last lines; empty if they cannot be read in time, as the error message must not be
        delayed or replaced.
    """
    try:
        files = join_pieces(
            stream_logs(
                client,
                app_id,
                pattern=pattern,
                last_bytes=200 * lines,
                timeout=timeout,
                complete=False,
            )
        )
    except YarnKernelError:
        return ""
    text = "\n".join(file.text.strip() for file in files if file.text.strip())
    return "\n".join(text.splitlines()[-lines:])
