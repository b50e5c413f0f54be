"""The cluster's own file system, through Hadoop's own ``hadoop fs``.

Hadoop's client supports any file system and authentication of the cluster. Each call starts a JVM,
which takes about a second, so files are queried in a single call if possible.
"""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING
from urllib.parse import urlparse

from yarnkernel.child_process import run_to_end
from yarnkernel.errors import ClusterFileError, ClusterFileTimeoutError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from yarnkernel.cluster.find import ClusterEnvironment
    from yarnkernel.deadline import Deadline

#: Type, milliseconds since 1970, bytes, octal permissions (Hadoop 3), owner and name.
STATUS_FORMAT = "%F\t%Y\t%b\t%a\t%u\t%n"
_MISSING = re.compile(r"^stat: `.*': No such file or directory$")
#: Start of a line of Hadoop's log; a command's answer is on separate lines.
_LOG_LINE = re.compile(r"^(\d{2,4}[-/]\d\d[-/]\d\d |log4j:|SLF4J:|WARNING:|(NOTE: )?Picked up )")


@dataclass(frozen=True)
class FileStatus:
    """A file or directory of the cluster.

    Attributes
    ----------
    name : str
        Last part of its path; empty for the root.
    size : int
        Bytes; 0 for a directory.
    modified : float
        Seconds since 1970.
    is_directory : bool
        Whether it is a directory.
    mode : int
        Permission bits; 0 if Hadoop does not report them (Hadoop 2).
    owner : str
        The owner's name on the cluster.
    """

    name: str
    size: int
    modified: float
    is_directory: bool
    mode: int
    owner: str

    @property
    def open_to_all(self) -> bool:
        """Whether other users may read it, or traverse it if it is a directory."""
        return bool(self.mode & (0o001 if self.is_directory else 0o004))


def _parse_status(line: str) -> FileStatus:
    kind, modified, size, mode, owner, name = line.split("\t", 5)
    return FileStatus(
        name=name,
        size=int(size),
        modified=int(modified) / 1000,
        is_directory=kind == "directory",
        mode=int(mode, 8) if mode.isdecimal() else 0,
        owner=owner,
    )


def default_file_system(cluster: ClusterEnvironment) -> str:
    """Return the URL of the cluster's file system, ``fs.defaultFS`` of its ``core-site.xml``.

    Raises
    ------
    ClusterFileError
        When it is not set, or is a file system of this machine only.
    """
    url = cluster.configuration.get("fs.defaultFS")
    if urlparse(url).scheme not in ("", "file"):
        return url
    raise ClusterFileError(
        f"{cluster.source}: its core-site.xml names no file system that all nodes share "
        "(fs.defaultFS)"
    )


class ClusterFiles:
    """The file system of one cluster.

    Paths are URLs, absolute, or relative to the user's home on the cluster.

    Parameters
    ----------
    cluster : ClusterEnvironment
        The cluster.
    deadline : Deadline
        For all calls together.
    """

    def __init__(self, cluster: ClusterEnvironment, deadline: Deadline) -> None:
        self.cluster = cluster
        self._deadline = deadline
        cluster.hadoop([])  # checks that the command exists

    def status(self, paths: Sequence[str]) -> list[FileStatus]:
        """Return the status of files and directories.

        Parameters
        ----------
        paths : sequence of str
            May have wildcards, which the cluster expands.

        Returns
        -------
        list of FileStatus
            Status of those that exist, in the order of the paths.

        Raises
        ------
        ClusterFileError, ClusterFileTimeoutError
            When the file system does not answer or refuses.
        """
        ended = self._run(["-stat", STATUS_FORMAT, *paths])
        said = [line for line in _answer(ended.stderr) if not _MISSING.match(line)]
        if ended.returncode and said:
            raise self._error(said)
        return [_parse_status(line) for line in ended.stdout.splitlines() if "\t" in line]

    def make_directory(self, path: str, umask: str) -> None:
        """Make a directory and its parents, with the permissions that ``umask`` leaves."""
        self._do(["-mkdir", "-p", path], umask)

    def upload(self, source: Path, target: str, umask: str, advance: Callable[[int], None]) -> None:
        """Copy a file of this machine to the cluster, where it must not exist.

        Parameters
        ----------
        source : pathlib.Path
            The file.
        target : str
            Its path on the cluster.
        umask : str
            Octal; the permissions to withhold from the file.
        advance : callable
            Called with the number of bytes that have been read since the last call.
        """
        with source.open("rb") as file:
            done = 0

            def look() -> None:
                # The client reads from this open file, and moves its position.
                nonlocal done
                position = os.lseek(file.fileno(), 0, os.SEEK_CUR)
                advance(position - done)
                done = position

            self._do(["-put", "-", target], umask, stdin=file, look=look)

    def rename(self, source: str, target: str) -> None:
        """Rename a file; the new name must not exist."""
        self._do(["-mv", source, target])

    def remove(self, paths: Sequence[str]) -> None:
        """Remove files; missing ones are no error."""
        self._do(["-rm", "-f", "-skipTrash", *paths])

    def _do(
        self,
        arguments: Sequence[str],
        umask: str = "077",
        *,
        stdin: IO[bytes] | int = subprocess.DEVNULL,
        look: Callable[[], None] | None = None,
    ) -> None:
        settings = ["-D", f"fs.permissions.umask-mode={umask}"]
        ended = self._run([*settings, *arguments], stdin=stdin, look=look)
        if ended.returncode:
            raise self._error(_answer(ended.stderr))

    def _run(
        self,
        arguments: Sequence[str],
        *,
        stdin: IO[bytes] | int = subprocess.DEVNULL,
        look: Callable[[], None] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        try:
            return run_to_end(
                self.cluster.hadoop(["fs", *arguments]),
                deadline=self._deadline,
                environment=self.cluster.variables,
                stdin=stdin,
                look=look,
            )
        except TimeoutError as exc:
            raise ClusterFileTimeoutError(
                f"{self.cluster.source}: its file system does not answer in time: {exc}; "
                "next: try again with a longer --timeout"
            ) from exc
        except OSError as exc:
            raise ClusterFileError(f"`hadoop` cannot be run: {exc.strerror}") from exc

    def _error(self, said: Sequence[str]) -> ClusterFileError:
        # "put: Permission denied: ...", and a link to a wiki after the cause of a lost connection.
        reason = re.sub(r"^-?\w+: ", "", said[0] if said else "it does not say why")
        reason = reason.partition("; For more details")[0]
        return ClusterFileError(f"{self.cluster.source}: its file system says: {reason}")


def _answer(stderr: str) -> list[str]:
    """Return the lines of a command's error output that are not its log."""
    lines = [line for line in stderr.splitlines() if line.strip() and not _LOG_LINE.match(line)]
    return [line for line in lines if re.match(r"^-?\w+: ", line)] or lines
