"""Packs and uploads environments of this machine, unless the cluster has them already."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import IO, TYPE_CHECKING

from yarnkernel.environment.archive import SUFFIXES, archive_digest, check_archive, pack
from yarnkernel.environment.cache import cache_directory
from yarnkernel.environment.prefix import (
    REQUIRED,
    check_packages,
    fingerprint,
    open_prefix,
    plain_name,
)
from yarnkernel.environment.stored import stored_name
from yarnkernel.errors import PackError, UsageError
from yarnkernel.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from yarnkernel.deadline import Deadline
    from yarnkernel.environment.prefix import Prefix
    from yarnkernel.environment.store import EnvironmentStore
    from yarnkernel.environment.stored import StoredArchive
    from yarnkernel.environment.transfer import TransferProgress
    from yarnkernel.progress import Report


class Pusher:
    """Packs and uploads within one deadline.

    Parameters
    ----------
    deadline : Deadline
        For all steps together.
    report : callable
        Called at each step.
    transfer : TransferProgress
        Shows the progress of the upload.
    terminal : file, optional
        Where the packer shows its progress. By default it does not.
    required : collection of str, optional
        Packages that an environment must contain.
    """

    def __init__(
        self,
        deadline: Deadline,
        report: Report,
        transfer: TransferProgress,
        terminal: IO[str] | None = None,
        required: Collection[str] = REQUIRED,
    ) -> None:
        self.deadline = deadline
        self._report = report
        self._transfer = transfer
        self._terminal = terminal
        self._required = required

    def pack(self, path: Path, target: Path | None = None) -> Path:
        """Check and pack an environment.

        Parameters
        ----------
        path : pathlib.Path
            Its prefix.
        target : pathlib.Path, optional
            The archive. By default ``NAME.tar.gz`` in the current directory.

        Returns
        -------
        pathlib.Path
            The archive.

        Raises
        ------
        UsageError
            When it is not what a container needs.
        PackError, PackTimeoutError
            When it cannot be packed.
        """
        prefix = open_prefix(path)
        check_packages(prefix, to_pack=True, required=self._required)
        target = target or Path(f"{prefix.name}.tar.gz")
        self._report(Progress("packing", place=str(prefix.path), reason=prefix.kind))
        pack(prefix, target, deadline=self.deadline, progress=self._terminal)
        self._report(Progress("packed", place=str(target), size=target.stat().st_size))
        self._check(target)
        return target

    def push(self, path: Path, store: EnvironmentStore) -> tuple[StoredArchive, bool]:
        """Push an archive, or a prefix, which is packed first.

        Parameters
        ----------
        path : pathlib.Path
            A directory or a file.
        store : EnvironmentStore
            The store.

        Returns
        -------
        StoredArchive
            The stored archive.
        bool
            Whether it had to be uploaded.

        Raises
        ------
        UsageError
            When it is not what a container needs.
        PackError, ClusterFileError
            When it cannot be packed or uploaded, or not in time.
        """
        name, make = self.packed(path)
        size = None if path.is_dir() else path.stat().st_size
        stored, uploaded = store.push(name, make, self._transfer, size)
        step = "uploaded" if uploaded else "there"
        self._report(Progress(step, place=str(path), size=stored.size))
        return stored, uploaded

    def packed(self, path: Path) -> tuple[str, Callable[[], Path]]:
        """Return the name of a packed environment in a store, and a way to make it.

        Parameters
        ----------
        path : pathlib.Path
            A prefix or an archive.

        Returns
        -------
        str
            The name, with a digest of the content.
        callable
            Packs a prefix or checks an archive, and returns the file.

        Raises
        ------
        UsageError, PackTimeoutError
            As :meth:`push` does; the callable raises the rest.
        """
        if path.is_dir():
            prefix = open_prefix(path)
            check_packages(prefix, to_pack=True, required=self._required)
            name = stored_name(prefix.name, fingerprint(prefix, self.deadline))
            return name, lambda: self._cached(prefix, name)
        suffix = next((suffix for suffix in SUFFIXES if path.name.endswith(suffix)), None)
        if suffix is None:
            raise UsageError(f"{path} is neither an environment nor a {' or '.join(SUFFIXES)}")
        label = plain_name(path.name.removesuffix(suffix))
        name = stored_name(label, archive_digest(path, self.deadline))
        return name, lambda: self._check(path)

    def _cached(self, prefix: Prefix, name: str) -> Path:
        """Pack an environment into the cache, unless it is there from another push."""
        cached = cache_directory() / name
        if cached.exists():
            return cached
        try:
            cached.parent.mkdir(parents=True, exist_ok=True)
        except OSError as exc:
            raise PackError(f"cannot make {cached.parent}: {exc.strerror}") from exc
        # It gets its name only after it has been checked.
        with tempfile.TemporaryDirectory(dir=cached.parent) as directory:
            part = Path(directory, name)
            self.pack(prefix.path, part)
            if stored_name(prefix.name, fingerprint(prefix, self.deadline)) != name:
                raise PackError(
                    f"{prefix.path} has changed while it was packed; next: push it again"
                )
            return part.replace(cached)

    def _check(self, archive: Path) -> Path:
        for warning in check_archive(archive, self.deadline, self._required):
            self._report(Progress("warning", reason=warning))
        return archive
