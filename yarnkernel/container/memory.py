"""The memory that this container uses, counted as its NodeManager counts it."""

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
#: Seconds between two checks; NodeManagers check every 3 s
#: (``yarn.nodemanager.container-monitor.interval-ms``).
INTERVAL = 0.25
#: The same once half of the limit is used.
INTERVAL_LATER = 0.05
#: Seconds between two searches for new processes, which cost more.
TREE_INTERVAL = 0.5


def requested_memory(environ: Mapping[str, str]) -> int:
    """Return this container's MiB as told by skein or the direct way; 0 if unknown."""
    mebibytes = environ.get(MEMORY_VARIABLE) or environ.get("SKEIN_RESOURCE_MEMORY", "")
    return int(mebibytes) if mebibytes.isdecimal() else 0


def offer_to_oom_killer(proc: Path) -> None:
    """Make Linux choose this process first when memory runs out.

    Where NodeManagers limit memory with control groups, Linux kills one process of the container
    when the limit is reached.

    Parameters
    ----------
    proc : pathlib.Path
        The process' directory in ``/proc``; see proc_pid_oom_score_adj(5).
    """
    with contextlib.suppress(OSError):
        (proc / "oom_score_adj").write_text("1000")


class ContainerMemory:
    """The resident memory of all processes of this container.

    The sum over the process tree of the container's shell, as Hadoop's ProcfsBasedProcessTree
    computes it: shared memory counts for each process.

    Parameters
    ----------
    limit : int
        Bytes that the container may use; 0 if unknown.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._root = _session_leader()
        self._processes = [self._root]
        self._looked = -TREE_INTERVAL
        #: Bytes used at the last check.
        self.last_used = 0

    def look_anew(self) -> None:
        """Search for processes again at the next check."""
        self._looked = -TREE_INTERVAL

    def used(self) -> int:
        """Return the bytes in use now."""
        if time.monotonic() - self._looked >= TREE_INTERVAL:
            self._looked = time.monotonic()
            self._processes = [self._root, *descendants(self._root)]
        self.last_used = sum(map(_resident, self._processes))
        return self.last_used

    async def wait_exceeded(self, share: float) -> int:
        """Wait until more than this share of the limit is used; return the bytes in use.

        Waits for ever if the share is 0 or there is no limit.
        """
        allowed = share * self.limit or math.inf
        while True:
            if (used := self.used()) > allowed:
                return used
            await asyncio.sleep(INTERVAL if used < allowed / 2 else INTERVAL_LATER)

    def describe(self, used: int) -> str:
        """Describe the usage in words."""
        of = f" of {self.limit // MEBIBYTE}" if self.limit else ""
        return f"{used // MEBIBYTE}{of} MiB"


def _resident(pid: int) -> int:
    """Return a process' resident bytes: proc_pid_statm(5)."""
    with contextlib.suppress(OSError, IndexError):
        return int(Path("/proc", str(pid), "statm").read_bytes().split()[1]) * _PAGE
    return 0


def _session_leader() -> int:
    """Return the container's first process, as NodeManagers start each container in a session."""
    process = psutil.Process()
    session = os.getsid(0)
    with contextlib.suppress(psutil.Error, OSError):  # where processes of other users are hidden
        while (parent := process.parent()) is not None and os.getsid(parent.pid) == session:
            process = parent
    return int(process.pid)
