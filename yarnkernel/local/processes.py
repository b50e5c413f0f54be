"""Find the processes of a local cluster by their mark, and end them."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

import psutil

from yarnkernel.errors import LocalClusterError
from yarnkernel.local.class_archive import MAKER, MAKER_OPTION
from yarnkernel.local.state import MARK, cluster_directory
from yarnkernel.local.work_dir import mark_of

if TYPE_CHECKING:
    from pathlib import Path

    from yarnkernel.local.state import ClusterState


def has_applications(state: ClusterState) -> bool:
    """Return whether processes of a cluster's applications run, with or without its daemons."""
    of_daemons = {daemon.pid for daemon in state.daemons.values()}
    marked = marked_processes(cluster_directory(state.name))
    return any(process.pid not in of_daemons and not _makes_archive(process) for process in marked)


def _makes_archive(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.Error):
        return not {MAKER, MAKER_OPTION}.isdisjoint(process.cmdline())
    return False


def marked_processes(directory: Path) -> list[psutil.Process]:
    """Return all processes of a cluster, daemons and containers, whatever their current parents."""
    found: dict[int, psutil.Process] = {}
    hidden = []
    mark = mark_of(directory)
    for process in psutil.process_iter():
        if process.pid == os.getpid():
            continue
        try:
            if process.environ().get(MARK) == mark:
                found[process.pid] = process
        except psutil.AccessDenied:
            hidden.append(process)
        except (psutil.Error, OSError):
            continue  # it has ended
    for process in hidden:  # another user's, or a recipe, whose environment is unreadable
        with contextlib.suppress(psutil.Error, OSError):
            if process.ppid() in found:
                found[process.pid] = process
    return list(found.values())


def end_processes(directory: Path, *, grace: float) -> int:
    """End all processes of a cluster.

    Parameters
    ----------
    directory : pathlib.Path
        The cluster's directory.
    grace : float
        Seconds for containers to end by themselves before they are killed.

    Returns
    -------
    int
        Number of processes that were ended.

    Raises
    ------
    LocalClusterError
        When a process cannot be ended.
    """
    ended: set[int] = set()
    for _ in range(5):  # a process may start another one while it is being ended
        processes = marked_processes(directory)
        if not processes:
            return len(ended)
        ended.update(process.pid for process in processes)
        for process in processes:
            # Daemons and ApplicationMasters would try to report their end to each other.
            _signal(process, kill=not grace or _is_java(process))
        _, alive = psutil.wait_procs(processes, timeout=grace or 2)
        for process in alive:
            _signal(process, kill=True)
        psutil.wait_procs(alive, timeout=2)
        grace = 0
    left = [process.pid for process in marked_processes(directory)]
    if left:
        raise LocalClusterError(f"these processes of {directory} cannot be ended: {left}")
    return len(ended)


def _is_java(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.Error):
        return str(process.name()) == "java"
    return False


def _signal(process: psutil.Process, *, kill: bool) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        if kill:
            process.kill()
        else:
            process.terminate()
