"""Packed environments on the cluster: each state of each is uploaded only once.

YARN unpacks an archive once for each user and node (private), or once for each
node (public), as long as its path and time stay the same. So a name contains a digest of the
content, and an uploaded file is never changed.
"""

from __future__ import annotations

import contextlib
import re
import time
import uuid
from typing import TYPE_CHECKING
from urllib.parse import urlparse

from yarnkernel.cluster.files import FileStatus, default_file_system
from yarnkernel.cluster.hdfs import open_files
from yarnkernel.deadline import Deadline
from yarnkernel.environment.archive import SUFFIXES
from yarnkernel.environment.stored import StoredArchive
from yarnkernel.errors import ClusterFileError, UsageError
from yarnkernel.hadoop.file_system import home_directory
from yarnkernel.hadoop.login import name_in_cluster
from yarnkernel.hadoop.user import account
from yarnkernel.interrupts import uninterrupted

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from pathlib import Path

    from yarnkernel.cluster.find import ClusterEnvironment
    from yarnkernel.environment.transfer import TransferProgress

#: Directories below the user's home on the cluster. Nobody else can read the first one.
PRIVATE_DIRECTORY = ".yarnkernel/environments"
PUBLIC_DIRECTORY = ".yarnkernel-public/environments"
#: Umasks for files in these.
PRIVATE_UMASK = "077"
PUBLIC_UMASK = "022"
#: Seconds to remove a failed upload.
CLEANUP_TIMEOUT = 30.0


class EnvironmentStore:
    """A directory for packed environments on the cluster.

    Parameters
    ----------
    cluster : ClusterEnvironment
        The cluster.
    deadline : Deadline
        For all requests to the cluster.
    public : bool, default False
        Whether it is for everybody: then YARN requires that others can read the file and pass
        through all directories above it (``FSDownload.isPublic`` of Hadoop).
    directory : str, optional
        URL or absolute path of the directory. By default
        ``.yarnkernel/environments`` or ``.yarnkernel-public/environments`` below
        the user's home.
    default : str, optional
        Another default, relative to the user's home.
    """

    def __init__(
        self,
        cluster: ClusterEnvironment,
        deadline: Deadline,
        *,
        public: bool = False,
        directory: str | None = None,
        default: str = "",
    ) -> None:
        self.files = open_files(cluster, deadline)
        self.public = public
        self._file_system = urlparse(default_file_system(cluster))
        self._default = default or (PUBLIC_DIRECTORY if public else PRIVATE_DIRECTORY)
        self._url = None if directory is None else self.absolute_url(directory).rstrip("/")

    @property
    def _homes(self) -> str:
        """The URL of the directory with the users' homes."""
        path = home_directory(self.files.cluster.configuration, "").rstrip("/")
        return f"{self._file_system.scheme}://{path}"

    @property
    def _umask(self) -> str:
        return PUBLIC_UMASK if self.public else PRIVATE_UMASK

    @property
    def _visibility(self) -> str:
        return "public" if self.public else "private"

    def absolute_url(self, text: str) -> str:
        """Return the URL of a file or directory, without the authority if it is the cluster's own.

        skein converts authorities to lower case (``File.to_protobuf``), and without one Hadoop uses
        that of ``fs.defaultFS``.

        Raises
        ------
        UsageError
            When it is not a URL or an absolute path.
        """
        try:
            url = urlparse(text)
        except ValueError as exc:
            raise UsageError(f"{text!r} is no URL: {exc}") from exc
        if not url.path.startswith("/") or re.search(r"[?#*{}\[\]\\]|\s", text):
            raise UsageError(f"{text!r} is no URL of a file on the cluster, as hdfs:///a/b")
        if not url.scheme or self._is_ours(text):
            return f"{self._file_system.scheme}://{url.path}"
        return text

    def _is_ours(self, text: str) -> bool:
        url = urlparse(text)
        authorities = ("", self._file_system.netloc)
        return url.scheme == self._file_system.scheme and url.netloc in authorities

    def _look(self, name: str) -> tuple[StoredArchive | None, list[FileStatus]]:
        """Look up a file of the store, and the existing directories above it."""
        if self._url is None:
            # One call for all.
            first = self._default.partition("/")[0]
            above = [*_directories_above(f"{self._homes}/home"), ".", first, self._default]
            found = self.files.status([*above, f"{self._default}/{name}"])
            self._set_home(found[above.index(".") :])
        else:
            above = _directories_above(f"{self._url}/{name}")
            found = self.files.status([*above, f"{self._url}/{name}"])
        directories = found[: len(above)]
        if len(found) <= len(above):
            return None, directories
        self._check_owner(found[-1])
        return self._stored(f"{self._url}/{name}", found), directories

    def _check_owner(self, status: FileStatus) -> None:
        """Check that a file is the user's own: others can compute its name, too, and be first."""
        own = {name_in_cluster(self.files.cluster.configuration), account()[0]}
        if status.owner not in own:
            raise ClusterFileError(
                f"{self._url}/{status.name} is there already, but it is {status.owner}'s, and "
                "what is in it would run as you; next: another --directory URL, or its URL as "
                "--environment if it is to be trusted"
            )

    def _set_home(self, found: Sequence[FileStatus]) -> None:
        """Use the first of these as the user's home, whose name the cluster knows."""
        if not found:
            raise ClusterFileError(
                "you have no home directory on the cluster's file system; "
                "next: use the option --directory URL"
            )
        self._url = f"{self._homes}/{found[0].name}/{self._default}"

    def _stored(self, url: str, found: list[FileStatus]) -> StoredArchive:
        if not self._is_ours(url):
            visibility = "application"  # skein copies it to the application's directory
        elif all(status.open_to_all for status in found):
            visibility = "public"
        else:
            visibility = "private"
        return StoredArchive(url, found[-1].size, found[-1].modified, visibility)

    def open_url(self, text: str) -> StoredArchive:
        """Look up an archive that somebody has put on the cluster.

        Raises
        ------
        UsageError
            When it does not exist, or YARN cannot unpack it.
        """
        url = self.absolute_url(text)
        if not url.endswith((*SUFFIXES, ".zip")):
            raise UsageError(f"{text}: YARN unpacks .tar.gz, .tgz and .zip")
        above = _directories_above(url)
        found = self.files.status([*above, url])
        if len(found) <= len(above):
            raise UsageError(f"there is no {text} on the cluster; next: yarnkernel env list")
        if found[-1].is_directory:
            raise UsageError(f"{text} is a directory, not a packed environment")
        return self._stored(url, found)

    def push(
        self,
        name: str,
        make_archive: Callable[[], Path],
        progress: TransferProgress,
        size: int | None = None,
    ) -> tuple[StoredArchive, bool]:
        """Upload a packed environment unless it is already there.

        It gets its name once it is complete. Of several uploads at the same time one wins; all have
        the same content.

        Parameters
        ----------
        name : str
            Its name on the cluster, from :func:`stored_name`.
        make_archive : callable
            Called if it is not there; returns the file on this machine.
        progress : TransferProgress
            Shows the progress of the upload.
        size : int, optional
            The bytes that it must have, if known before.

        Returns
        -------
        StoredArchive
            The stored archive.
        bool
            Whether it had to be uploaded.

        Raises
        ------
        ClusterFileError, ClusterFileTimeoutError
            When it cannot be uploaded; nothing is left on the cluster then.
        """
        there, directories = self._look(name)
        if there is not None:
            if size not in (None, there.size):
                raise ClusterFileError(
                    f"{there.url} has {there.size} bytes, and not {size} as here; next: remove it"
                )
            return there, False
        if self.public:
            self._check_open_to_all(directories)
        # First, so that nothing is packed for users without permission to write there.
        self.files.make_directory(str(self._url), self._umask)
        archive = make_archive()
        url = f"{self._url}/{name}"
        part = f"{url}.{uuid.uuid4().hex}.part"
        uploaded = archive.stat().st_size
        progress.start(uploaded)
        try:
            self.files.upload(archive, part, self._umask, progress.advance)
            try:
                self.files.rename(part, url)
            except ClusterFileError:
                if self._look(name)[0] is None:
                    raise
                self.files.remove([part])
        except BaseException:
            self._clean_up(part)
            raise
        return StoredArchive(url, uploaded, time.time(), self._visibility), True

    def _clean_up(self, part: str) -> None:
        """Remove an upload, and the file that Hadoop's client writes under a longer name."""
        files = open_files(self.files.cluster, Deadline(CLEANUP_TIMEOUT))
        with uninterrupted(), contextlib.suppress(ClusterFileError):
            files.remove([f"{part}*"])

    def _check_open_to_all(self, directories: list[FileStatus]) -> None:
        closed = next((status for status in directories if not status.open_to_all), None)
        if closed is not None:
            raise ClusterFileError(
                f"others may not pass {closed.name or '/'} (mode {closed.mode:o}), a directory "
                f"above {self._url}, as YARN asks of public files; "
                "next: push without --public, or name another --directory URL"
            )

    def list(self) -> list[StoredArchive]:
        """Return all archives, sorted by name, including incomplete uploads."""
        pattern = f"{self._url or self._default}/*.tar.gz*"
        found = self.files.status([pattern] if self._url else [".", pattern])
        if self._url is None:
            self._set_home(found[:1])
        return [
            StoredArchive(
                f"{self._url}/{status.name}",
                status.size,
                status.modified,
                self._visibility if status.name.endswith(".tar.gz") else "unfinished",
            )
            for status in found
            if not status.is_directory
        ]

    def remove(self, archives: Collection[StoredArchive]) -> None:
        """Remove packed environments."""
        if archives:
            self.files.remove([archive.url for archive in archives])


def _directories_above(url: str) -> list[str]:
    """Return the URLs of all directories above a file, root first."""
    parsed = urlparse(url)
    root = f"{parsed.scheme}://{parsed.netloc}"
    parts = parsed.path.strip("/").split("/")[:-1]
    return [f"{root}/" + "/".join(parts[:count]) for count in range(len(parts) + 1)]
