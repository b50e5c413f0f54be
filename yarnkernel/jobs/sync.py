"""``--sync``: synchronises a directory of this machine with one on a kernel's host."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import platformdirs

from yarnkernel.announcement import write_private
from yarnkernel.errors import HostError, UsageError
from yarnkernel.file_lock import LockTimeoutError, locked
from yarnkernel.hosts import tree
from yarnkernel.hosts.here import Here
from yarnkernel.hosts.named import host_of
from yarnkernel.hosts.transfer import fetch, send
from yarnkernel.jobs.record import find_record
from yarnkernel.jobs.sync_plan import SyncPlan, make_plan
from yarnkernel.kernels.travelling import SyncResult

if TYPE_CHECKING:
    from collections.abc import Sequence

    from yarnkernel.deadline import Deadline
    from yarnkernel.hosts.host import Host

#: The most files and directories, so that their entries fit into one message to a host.
MOST_ENTRIES = 100_000
#: Hexadecimal digits that distinguish directories.
_DIGITS = 16


def directory_there(directory: str, host: Host) -> str:
    """Return the directory on a host that corresponds to one on this machine.

    If the host is this machine, they are the same.
    """
    if not host.name:
        return directory
    own = Here().info
    digest = hashlib.sha256(f"{own.node}\0{own.uid}\0{directory}".encode()).hexdigest()
    plain = "".join(c if c.isascii() and c.isalnum() else "-" for c in Path(directory).name)
    return f"{host.info.state}/yarnkernel/sync/{plain.strip('-')}-{digest[:_DIGITS]}"


class Synchronised:
    """A pair of directories.

    Parameters
    ----------
    directory : str
        The directory on this machine.
    there : str
        The directory on the host.
    host : Host
        The host.
    """

    def __init__(self, directory: str, there: str, host: Host) -> None:
        self._here = directory
        self._there = there
        self._host = host
        digest = hashlib.sha256(f"{host.name}\0{there}\0{directory}".encode()).hexdigest()
        try:
            known = platformdirs.user_state_path("yarnkernel") / "sync"
            known.mkdir(0o700, parents=True, exist_ok=True)
        except (OSError, RuntimeError) as exc:
            raise UsageError(f"--sync: what was the same cannot be noted: {exc}") from exc
        self._known = known / f"{digest[:_DIGITS]}.json"

    def bring(
        self,
        deadline: Deadline,
        *,
        only_send: bool = False,
        delete: bool = False,
        dry_run: bool = False,
    ) -> SyncResult:
        """Transfer changes in both directions.

        Parameters
        ----------
        deadline : Deadline
            For the whole transfer.
        only_send : bool, default False
            Only transfer changes from here to there.
        delete : bool, default False
            Remove on one side what is gone on the other and has not changed since.
        dry_run : bool, default False
            Only report what would be done.

        Raises
        ------
        HostError
            When it fails on the host.
        UsageError
            When it fails on this machine.
        """
        check = Path(self._here)
        if not check.is_dir():
            raise UsageError(f"there is no directory {self._here} any more")
        try:
            with locked(self._known.with_suffix(".lock"), deadline.remaining):
                return self._bring(deadline, only_send=only_send, delete=delete, dry_run=dry_run)
        except LockTimeoutError as exc:
            raise UsageError(f"{self._here} is synchronised by somebody else") from exc
        except HostError:
            raise
        except OSError as exc:
            raise UsageError(f"{exc.filename or self._here}: {exc.strerror or exc}") from exc

    def _bring(
        self, deadline: Deadline, *, only_send: bool, delete: bool, dry_run: bool
    ) -> SyncResult:
        known: dict[str, Any] = {}
        with contextlib.suppress(OSError, ValueError):
            known = json.loads(self._known.read_text())
        here = tree.scan(self._here, known.get("here", {})) or {}
        if len(here) > MOST_ENTRIES:
            raise UsageError(
                f"{self._here} has more than {MOST_ENTRIES} files; next: a directory with fewer"
            )
        there = self._host.scan(self._there, known.get("there", {}), deadline.remaining)
        # Otherwise everything would count as deleted if the directory is missing.
        base = {} if there is None else known.get("base", {})
        there = self._inside(there or {})
        plan = make_plan(here, there, base)
        if only_send:
            plan.fetch, plan.gone_here, plan.gone_there = [], [], []
        result = SyncResult(conflicts=dict(plan.conflicts), left_out=dict(plan.left_out))
        if not delete:
            result.kept = plan.gone_here + plan.gone_there
            plan.gone_here, plan.gone_there = [], []
        result.removed_there, result.removed_here = plan.gone_here, plan.gone_there
        result.sent, result.fetched = plan.send, plan.fetch
        if not dry_run:
            self._carry_out(plan, result, here, there, deadline)
            self._note(here, there, base)
        return result

    @staticmethod
    def _inside(entries: dict[str, list[Any]]) -> dict[str, list[Any]]:
        """Remove invalid paths: the host is not trusted."""
        found = {}
        for path, entry in entries.items():
            with contextlib.suppress(ValueError):
                tree.check_path(path)
                found[path] = entry
        return found

    def _carry_out(
        self,
        plan: SyncPlan,
        result: SyncResult,
        here: dict[str, list[Any]],
        there: dict[str, list[Any]],
        deadline: Deadline,
    ) -> None:
        if plan.send:
            sources = self._sources(self._here, plan.send)
            expected = {path: there.get(path) for path in plan.send}
            done = send(self._host, sources, self._there, deadline, expected)
            result.sent = self._took(done, plan.send, result, here, there)
        elif not there:
            send(self._host, {}, self._there, deadline)  # creates it
        if plan.fetch:
            sources = self._sources(self._there, plan.fetch)
            expected = {path: here.get(path) for path in plan.fetch}
            done = fetch(self._host, sources, Path(self._here), deadline, expected)
            result.fetched = self._took(done, plan.fetch, result, there, here)
        if result.removed_there:
            self._host.discard(self._there, sorted(result.removed_there, reverse=True))
        if result.removed_here:
            tree.discard(self._here, sorted(result.removed_here, reverse=True))
        for path in result.removed_there:
            there.pop(path)
        for path in result.removed_here:
            here.pop(path)

    @staticmethod
    def _sources(directory: str, paths: Sequence[str]) -> dict[str, str]:
        return {path: os.path.join(directory, path) for path in paths}  # noqa: PTH118  (of the host)

    @staticmethod
    def _took(
        done: dict[str, Any],
        paths: Sequence[str],
        result: SyncResult,
        source: dict[str, list[Any]],
        target: dict[str, list[Any]],
    ) -> list[str]:
        """Record what has arrived on one side; return its paths."""
        result.conflicts.update(done["refused"])
        for path, entry in done["entries"].items():
            target[path] = entry
            if not tree.same(entry, source.get(path)):  # it changed during the transfer
                source[path] = [*entry[:2], 0, *entry[3:]]
        return [path for path in paths if path in done["entries"]]

    def _note(
        self,
        here: dict[str, list[Any]],
        there: dict[str, list[Any]],
        base: dict[str, list[Any]],
    ) -> None:
        """Save what both sides now have in common; for the rest keep the previous record."""
        common: dict[str, Any] = {}
        for path in here.keys() | there.keys():
            if tree.same(here.get(path), there.get(path)):
                common[path] = tree.identity(here[path])
            elif path in base:
                common[path] = base[path]
        document = {"directory": self._here, "base": common, "here": here, "there": there}
        write_private(self._known, document)


def synchronise(kernel: str, deadline: Deadline, *, delete: bool, dry_run: bool) -> SyncResult:
    """See :func:`yarnkernel.kernels.places.synchronise`."""
    record = find_record(kernel)
    if record is None:
        raise UsageError(f"{kernel!r} is no kernel that is known here; next: yarnkernel list")
    if not record.sync:
        raise UsageError(f"{kernel} was started without a directory; next: start --sync DIRECTORY")
    if not record.host:
        return SyncResult()
    host = host_of(record.host, record.jump, record.python)
    pair = Synchronised(record.sync, record.sync_there, host)
    return pair.bring(deadline, delete=delete, dry_run=dry_run)
