"""Read logs with Hadoop's own ``yarn logs``, a JVM that reads every format and file system."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from yarnkernel.errors import ClusterError
from yarnkernel.kernels.log_files import LogFile

if TYPE_CHECKING:
    from yarnkernel.cluster.find import ClusterEnvironment

_CONTAINER = re.compile(r"^Container: (?P<container>container_\S+) on (?P<node>\S+)")
_TYPE = re.compile(r"^LogType:(?P<name>.+)$")
_END = re.compile(r"^End of LogType:")


def parse_yarn_logs(output: str) -> list[LogFile]:
    """Parse the output of ``yarn logs`` (LogsCLI and LogToolUtils of Hadoop 3)."""
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


def logs_by_yarn(
    cluster: ClusterEnvironment, app_id: str, pattern: str, last_bytes: int | None, timeout: float
) -> list[LogFile]:
    """Read an application's logs with Hadoop's own command.

    Parameters
    ----------
    cluster : ClusterEnvironment
        The cluster.
    app_id : str
        The application's id.
    pattern : str
        Regular expression for the files' names.
    last_bytes : int, optional
        Read at most this many bytes from the end of each file.
    timeout : float
        Seconds.

    Raises
    ------
    ClusterError
        When it cannot be run, fails, or does not finish in time.
    """
    command = ["logs", "-applicationId", app_id, "-log_files_pattern", pattern]
    if last_bytes is not None:
        command += ["-size", str(-last_bytes)]
    answer = cluster.run_yarn(command, timeout)
    files = parse_yarn_logs(answer.stdout)
    if not files and answer.returncode:
        said = (answer.stderr.strip() or answer.stdout.strip()).splitlines() or ["nothing"]
        raise ClusterError(f"`yarn logs` says: {said[-1]}")
    return files
