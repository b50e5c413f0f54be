"""The logs of an application's containers.

While it runs its NodeManagers are asked, later the files that they have collected
are read. What cannot be read in these ways (other formats and file systems, Kerberos)
is left to Hadoop's own ``yarn logs``, a JVM. Not to skein's reader: since Hadoop 3.3
(YARN-6929) it does not look where the files are, and it never read running containers.
"""

from __future__ import annotations

import codecs
import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from yarnkernel.deadline import Deadline
from yarnkernel.errors import ClusterError, HttpError, UnreadableFileError, YarnKernelError
from yarnkernel.hadoop.aggregated_logs import aggregated_logs
from yarnkernel.hadoop.node_manager import running_logs
from yarnkernel.yarn_client import ANSWER_TIMEOUT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from yarnkernel.application import ApplicationStatus
    from yarnkernel.hadoop.container_logs import Choice, ContainerLog
    from yarnkernel.yarn_client import YarnClient

#: What a kernel writes (application.driver.log or <service>.log), not skein's ApplicationMaster.
KERNEL_LOG_PATTERN = r"^(?!application\.master).*\.log$"
ALL_LOGS_PATTERN = r"\.log$"
#: With what the NodeManager writes about the launch.
ALL_FILES_PATTERN = ".*"
#: Seconds between two tries while logs are being collected.
RETRY_INTERVAL = 0.1
#: Seconds between two looks at a log that is followed.
FOLLOW_INTERVAL = 0.5
#: Seconds that some logs wait for those of other nodes, and for the word that all are there.
COMPLETION_TIMEOUT = 3.0
#: Seconds that the logs of an application that has ended may take to be collected.
COLLECTION_TIMEOUT = 30.0

#: States of the collection that are not its end (LogAggregationStatus of YARN).
_COLLECTING = ("NOT_START", "RUNNING", "RUNNING_WITH_FAILURE")
_CONTAINER = re.compile(r"^Container: (?P<container>container_\S+) on (?P<node>\S+)")
_TYPE = re.compile(r"^LogType:(?P<name>.+)$")
_END = re.compile(r"^End of LogType:")


@dataclass(frozen=True)
class LogFile:
    """One log of one container.

    Attributes
    ----------
    container : str
        The container's id.
    node : str
        ``host:port`` of its NodeManager.
    name : str
        The file's name.
    text : str
        What is in it.
    """

    container: str
    node: str
    name: str
    text: str


def parse_yarn_logs(output: str) -> list[LogFile]:
    """Take apart what ``yarn logs`` prints (LogsCLI and LogToolUtils of Hadoop 3)."""
    files = []
    container = node = ""
    lines = iter(output.splitlines())
    for line in lines:
        if found := _CONTAINER.match(line):
            # Aggregated logs are kept in files named <host>_<port>.
            container, node = found["container"], re.sub(r"_(\d+)$", r":\1", found["node"])
        elif found := _TYPE.match(line):
            for header in lines:
                if header.startswith("LogContents:"):
                    break
            text = []
            for content in lines:
                if _END.match(content):
                    break
                text.append(content)
            files.append(LogFile(container, node, found["name"].strip(), "\n".join(text)))
    return files


def read_logs(
    client: YarnClient,
    app_id: str,
    *,
    pattern: str = KERNEL_LOG_PATTERN,
    last_bytes: int | None = None,
    timeout: float = COLLECTION_TIMEOUT,
    complete: bool = True,
) -> list[LogFile]:
    """Read the logs of a running or finished application.

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
        Read no more than the end of each file.
    timeout : float, default 30.0
        Seconds. Just after the end of an application its logs are being
        moved and cannot be read; it is tried again until then.
    complete : bool, default True
        Wait a moment for all nodes, and not for the first one alone.

    Returns
    -------
    list of LogFile
        Empty when there are none before the time is over.

    Raises
    ------
    ClusterError
        When they cannot be read.
    """
    deadline = Deadline(timeout)
    completion: Deadline | None = None
    while True:
        status = client.last_status(app_id, deadline.step(ANSWER_TIMEOUT))
        problem: ClusterError | None = None
        files: list[LogFile] = []
        try:
            logs = _logs(client, status, _choose(pattern, last_bytes), deadline)
            files = [_to_file(log) for log in logs]
        except (HttpError, UnreadableFileError) as exc:
            if not status.ended and client.last_status(app_id).ended:
                continue  # they have been moved in between
            try:
                files = _by_yarn(client, app_id, pattern, last_bytes, deadline)
            except ClusterError as failure:
                problem = ClusterError(f"the logs of {app_id} cannot be read: {exc}; {failure}")
        if files:
            completion = completion or Deadline(COMPLETION_TIMEOUT if complete else 0)
            if not _being_collected(status) or completion.passed:
                return files
        nothing_will_come = status.ended and not _being_collected(status)
        if nothing_will_come or deadline.remaining < 2 * RETRY_INTERVAL:
            if problem:
                raise problem
            return files
        time.sleep(RETRY_INTERVAL)


def _being_collected(status: ApplicationStatus) -> bool:
    """Whether NodeManagers may still be writing the files."""
    return status.ended and status.log_aggregation in _COLLECTING


def _choose(pattern: str, last_bytes: int | None) -> Choice:
    def choose(_container: str, name: str, size: int) -> int | None:
        if not re.search(pattern, name):
            return None
        return 0 if last_bytes is None else max(0, size - last_bytes)

    return choose


def _logs(
    client: YarnClient, status: ApplicationStatus, choose: Choice, deadline: Deadline
) -> Iterator[ContainerLog]:
    if status.ended:
        configuration = client.cluster.configuration
        yield from aggregated_logs(configuration, status.app_id, status.user, choose, deadline)
        return
    for container, address in client.containers(status.app_id, deadline.step(ANSWER_TIMEOUT)):
        yield from running_logs(address, container, choose, deadline)


def _to_file(log: ContainerLog) -> LogFile:
    return LogFile(log.container, log.node, log.name, log.content.decode(errors="replace"))


def _by_yarn(
    client: YarnClient, app_id: str, pattern: str, last_bytes: int | None, deadline: Deadline
) -> list[LogFile]:
    """Read logs with Hadoop's own command."""
    command = ["logs", "-applicationId", app_id, "-log_files_pattern", pattern]
    if last_bytes is not None:
        command += ["-size", str(-last_bytes)]
    answer = client.cluster.run_yarn(command, deadline.step(deadline.seconds))
    files = parse_yarn_logs(answer.stdout)
    if not files and answer.returncode:
        said = (answer.stderr.strip() or answer.stdout.strip()).splitlines() or ["nothing"]
        raise ClusterError(f"`yarn logs` says: {said[-1]}")
    return files


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
        See :func:`read_logs`.
    last_bytes : int, optional
        Begin with no more than the end of what is there.

    Yields
    ------
    LogFile
        What is new in one of the files.

    Raises
    ------
    ClusterError
        When they cannot be read.
    """
    seen: dict[tuple[str, str], int] = {}
    decoders: dict[tuple[str, str], codecs.IncrementalDecoder] = {}
    first = _choose(pattern, last_bytes)

    def choose(container: str, name: str, size: int) -> int | None:
        start = first(container, name, size)
        if start is not None:
            start = seen.setdefault((container, name), start)
        return start if start is not None and start < size else None

    collection: Deadline | None = None
    trouble: Deadline | None = None
    while collection is None or not collection.passed:
        status = client.last_status(app_id)
        if status.ended and collection is None:
            # Of one that YARN has forgotten, nobody tells when all are there.
            forgotten = status.start_time is None
            collection = Deadline(2 * COMPLETION_TIMEOUT if forgotten else COLLECTION_TIMEOUT)
        step = Deadline(ANSWER_TIMEOUT)
        try:
            logs = list(_logs(client, status, choose, step))
            trouble = None
        except (HttpError, UnreadableFileError) as exc:
            # A NodeManager may restart, and an application have just ended.
            trouble = trouble or Deadline(ANSWER_TIMEOUT)
            if status.ended or trouble.passed:
                raise ClusterError(
                    f"the logs of {app_id} cannot be followed: {exc}; "
                    f"next: yarnkernel logs {app_id}"
                ) from exc
            logs = []
        for log in logs:
            key = log.container, log.name
            seen[key] = log.start + len(log.content)
            decoder = decoders.setdefault(key, codecs.getincrementaldecoder("utf-8")("replace"))
            yield LogFile(log.container, log.node, log.name, decoder.decode(log.content))
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
        Its last lines; empty when it cannot be had in time, as the error that
        it belongs to must not wait or be replaced.
    """
    try:
        files = read_logs(
            client,
            app_id,
            pattern=pattern,
            last_bytes=200 * lines,
            timeout=timeout,
            complete=False,
        )
    except YarnKernelError:
        return ""
    text = "\n".join(file.text.strip() for file in files if file.text.strip())
    return "\n".join(text.splitlines()[-lines:])
