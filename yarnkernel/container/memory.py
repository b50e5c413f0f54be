"""The memory of this container, counted as its NodeManager does."""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from yarnkernel.announcement import MEMORY_VARIABLE
from yarnkernel.container.descendants import descendants

if TYPE_CHECKING:
    from collections.abc import Mapping

_PAGE = os.sysconf("SC_PAGE_SIZE")
MEBIBYTE = 1 << 20
#: Seconds between two looks; NodeManagers look every 3 s
#: (``yarn.nodemanager.container-monitor.interval-ms``).
INTERVAL = 0.25
#: The same when half of what is allowed is used.
INTERVAL_LATER = 0.05
#: Seconds after which new processes are looked for, which is dearer.
TREE_INTERVAL = 0.5


def requested_memory(environ: Mapping[str, str]) -> int:
    """MiB of this container, as skein and the direct way tell them; 0 when nobody does."""
    mebibytes = environ.get(MEMORY_VARIABLE) or environ.get("SKEIN_RESOURCE_MEMORY", "")
    return int(mebibytes) if mebibytes.isdecimal() else 0


def offer_to_oom_killer(proc: Path) -> None:
    """Let Linux end this process before all others of its container.

    Where NodeManagers limit memory by control groups, it is Linux that ends
    one process when there is no more.

    Parameters
    ----------
    proc : pathlib.Path
        The process' directory in ``/proc``; see proc_pid_oom_score_adj(5).
    """
    with contextlib.suppress(OSError):
        (proc / "oom_score_adj").write_text("1000")


class ContainerMemory:
    """The resident memory of all processes of this container.

    The sum over the process tree of the container's shell, as
    ProcfsBasedProcessTree of Hadoop counts it: what processes share counts
    for each.

    Parameters
    ----------
    limit : int
        Bytes that the container may use, as far as is known; 0 when that is not.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._root = _session_leader()
        self._processes = [self._root]
        self._looked = -TREE_INTERVAL
        #: Bytes that were used at the last look.
        self.last_used = 0

    def look_anew(self) -> None:
        """Forget which processes there were."""
        self._looked = -TREE_INTERVAL

    def used(self) -> int:
        """Return the bytes that are used now."""
        if time.monotonic() - self._looked >= TREE_INTERVAL:
            self._looked = time.monotonic()
            self._processes = [self._root, *descendants(self._root)]
        self.last_used = sum(map(_resident, self._processes))
        return self.last_used

    async def wait_exceeded(self, share: float) -> int:
        """Wait until more than this share of the limit is used, and return the bytes that are.

        For ever when the share is 0 or there is no limit.
        """
        allowed = share * self.limit or math.inf
        while True:
            if (used := self.used()) > allowed:
                return used
            await asyncio.sleep(INTERVAL if used < allowed / 2 else INTERVAL_LATER)

    def describe(self, used: int) -> str:
        """Say how much is used, in words."""
        of = f" of {self.limit // MEBIBYTE}" if self.limit else ""
        return f"{used // MEBIBYTE}{of} MiB"


def _resident(pid: int) -> int:
    """Bytes of a process that are in memory: proc_pid_statm(5)."""
    with contextlib.suppress(OSError, IndexError):
        return int(Path("/proc", str(pid), "statm").read_bytes().split()[1]) * _PAGE
    return 0


def _session_leader() -> int:
    """The container's first process: NodeManagers start containers in a session of their own."""
    process = psutil.Process()
    session = os.getsid(0)
    with contextlib.suppress(psutil.Error, OSError):  # where others' processes are hidden
        while (parent := process.parent()) is not None and os.getsid(parent.pid) == session:
            process = parent
    return int(process.pid)
