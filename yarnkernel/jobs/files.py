"""``--file``: sends local files and directories to a kernel's own directory on its host."""

from __future__ import annotations

from typing import TYPE_CHECKING

from yarnkernel.errors import UsageError
from yarnkernel.hosts import tree
from yarnkernel.hosts.transfer import send
from yarnkernel.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from yarnkernel.deadline import Deadline
    from yarnkernel.hosts.host import Host
    from yarnkernel.progress import Report


def send_files(
    files: Mapping[str, Path], host: Host, directory: str, deadline: Deadline, report: Report
) -> None:
    """Send files and directories.

    Parameters
    ----------
    files : mapping of str to pathlib.Path
        Their paths here, by the names that they get there.
    host : Host
        The host.
    directory : str
        The directory there; created if necessary.
    deadline : Deadline
        For the whole transfer.
    report : callable
        Called for what is sent, and for what is left out.

    Raises
    ------
    UsageError
        When one cannot be read.
    HostError
        When one cannot be written.
    """
    sources: dict[str, str] = {}
    for name, path in files.items():
        sources[name] = str(path)
        if not path.is_dir():
            report(Progress("sending", place=name, size=path.stat().st_size))
            continue
        entries = tree.scan(str(path), {}) or {}
        size = sum(entry[1] for entry in entries.values())
        report(Progress("sending", place=name, size=size))
        for below, entry in entries.items():
            if entry[0] == tree.LEFT_OUT:
                reason = f"{name}/{below} is left out: {entry[3]}"
                report(Progress("warning", reason=reason))
            else:
                sources[f"{name}/{below}"] = str(path / below)
    try:
        refused = send(host, sources, directory, deadline)["refused"]
    except OSError as exc:
        if exc.strerror is None:  # an error of the host's
            raise
        raise UsageError(f"--file: {exc.filename}: {exc.strerror}") from exc
    for path_there, why in refused.items():
        report(Progress("warning", reason=f"{path_there} is left out: {why}"))
