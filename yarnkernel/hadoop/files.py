"""The interface to a cluster's files, and its implementation for this machine's files."""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from yarnkernel.errors import UnreadableFileError

if TYPE_CHECKING:
    from yarnkernel.deadline import Deadline

#: Names of the checksum files next to the files (ChecksumFileSystem).
_CHECKSUMS = re.compile(r"\..+\.crc")


@dataclass(frozen=True)
class FileStatus:
    """A file of the cluster.

    Attributes
    ----------
    size : int
        Bytes.
    modified : int
        Milliseconds since 1970, as YARN compares them.
    """

    size: int
    modified: int


class FileSystem(Protocol):
    """The interface to files; paths are absolute."""

    def status(self, path: str, deadline: Deadline) -> FileStatus | None:
        """Return a file's status; None if it does not exist."""

    def list_directory(self, path: str, deadline: Deadline) -> dict[str, int] | None:
        """Return sizes in bytes by name; None if the directory does not exist."""

    def read(self, path: str, offset: int, length: int, deadline: Deadline) -> bytes:
        """Read ``length`` bytes, fewer at the end."""

    def delete(self, path: str, deadline: Deadline) -> None:
        """Delete a file, or a directory with all its content."""


class LocalFiles:
    """Files of this machine, and of machines that mount the same ones."""

    def status(self, path: str, deadline: Deadline) -> FileStatus | None:  # noqa: ARG002
        """See :class:`FileSystem`."""
        try:
            found = Path(path).stat()
        except FileNotFoundError:
            return None
        except OSError as exc:
            raise UnreadableFileError(f"cannot look at {path}: {exc.strerror}") from exc
        return FileStatus(found.st_size, found.st_mtime_ns // 1_000_000)

    def list_directory(self, path: str, deadline: Deadline) -> dict[str, int] | None:  # noqa: ARG002
        """See :class:`FileSystem`."""
        try:
            return {
                entry.name: entry.stat().st_size
                for entry in os.scandir(path)
                if not _CHECKSUMS.fullmatch(entry.name)
            }
        except FileNotFoundError:
            return None
        except OSError as exc:
            raise UnreadableFileError(f"cannot read {path}: {exc.strerror}") from exc

    def read(self, path: str, offset: int, length: int, deadline: Deadline) -> bytes:  # noqa: ARG002
        """See :class:`FileSystem`."""
        try:
            with Path(path).open("rb") as file:
                return os.pread(file.fileno(), length, offset)
        except OSError as exc:
            raise UnreadableFileError(f"cannot read {path}: {exc.strerror}") from exc

    def delete(self, path: str, deadline: Deadline) -> None:  # noqa: ARG002
        """See :class:`FileSystem`."""
        shutil.rmtree(path, ignore_errors=True)
