"""The logs of an application's containers, read with Hadoop's own ``yarn logs``.

Not with skein's reader: since Hadoop 3.3 (YARN-6929) aggregated logs are
kept where it does not look, and it never read those of running containers.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from yarnkernel.deadline import Deadline
from yarnkernel.errors import ClusterError

if TYPE_CHECKING:
    from yarnkernel.yarn_client import YarnClient

#: What a kernel writes (application.driver.log or <service>.log), not skein's ApplicationMaster.
KERNEL_LOG_PATTERN = r"^(?!application\.master).*\.log$"
ALL_LOGS_PATTERN = r"\.log$"
#: With what the NodeManager writes about the launch.
ALL_FILES_PATTERN = ".*"
#: Seconds between two tries while a finished container's logs are still being moved.
RETRY_INTERVAL = 0.5

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
    timeout: float = 30.0,
) -> list[LogFile]:
    """Read the logs of a running or finished application.

    Parameters
    ----------
    client : YarnClient
        The connection to its cluster.
    app_id : str
        Its id.
    pattern : str
        Java's regular expression for the names of the files.
    last_bytes : int, optional
        Read no more than the end of each file.
    timeout : float, default 30.0
        Seconds. Just after the end of an application its logs are being
        moved and cannot be read; it is tried again until then.

    Returns
    -------
    list of LogFile
        Empty when there are none before the time is over.

    Raises
    ------
    ClusterError
        When ``yarn logs`` cannot be run, or does not end in time.
    """
    command = ["logs", "-applicationId", app_id, "-log_files_pattern", pattern]
    if last_bytes is not None:
        command += ["-size", str(-last_bytes)]
    deadline = Deadline(timeout)
    files = parse_yarn_logs(client.cluster.run_yarn(command, timeout).stdout)
    while not files and deadline.remaining > RETRY_INTERVAL:
        time.sleep(RETRY_INTERVAL)
        try:
            files = parse_yarn_logs(client.cluster.run_yarn(command, deadline.remaining).stdout)
        except ClusterError:
            break  # no time was left; the tries before have told that there is nothing
    return files


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
        files = read_logs(client, app_id, pattern=pattern, last_bytes=200 * lines, timeout=timeout)
    except ClusterError:
        return ""
    text = "\n".join(file.text.strip() for file in files if file.text.strip())
    return "\n".join(text.splitlines()[-lines:])
