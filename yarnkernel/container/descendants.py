"""The descendants of a process, found without reading all processes of the host."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import threading
import time
from pathlib import Path

import psutil

_PROC = Path("/proc")
#: Whether Linux lists the children of each thread (CONFIG_PROC_CHILDREN).
_IS_TOLD = Path("/proc/self/task", str(threading.get_native_id()), "children").exists()
#: Seconds between two checks for processes that have ended, and for orphans.
END_INTERVAL, BURIAL_INTERVAL = 0.02, 2.0
#: Seconds for a kernel's leftovers to end after SIGTERM, and after SIGKILL.
GRACE, KILL_TIMEOUT = 1.0, 10.0
#: Seconds for the children of a kernel, such as Spark's JVM, to end in good order, and between two
#: checks; ipykernel sends them SIGKILL after that time.
CHILDREN_GRACE, CHILDREN_INTERVAL = 15.0, 0.2


def descendants(pid: int) -> list[int]:
    """Return the ids of a process' descendants, parents first; some may have ended by then."""
    if not _IS_TOLD:
        with contextlib.suppress(psutil.Error, OSError):
            return [one.pid for one in psutil.Process(pid).children(recursive=True)]
    found = [pid]
    for parent in found:  # which grows meanwhile
        found += _children(parent)
    return found[1:]


def _children(pid: int) -> list[int]:
    found: list[int] = []
    tasks = _PROC / str(pid) / "task"
    with contextlib.suppress(OSError):
        for task in os.listdir(tasks):  # noqa: PTH208  (twice as fast)
            with contextlib.suppress(OSError):
                found += map(int, (tasks / task / "children").read_text().split())
    return found


def is_zombie(pid: int) -> bool:
    """Return whether a process has ended and waits for its parent to notice."""
    with contextlib.suppress(OSError):
        return (_PROC / str(pid) / "stat").read_bytes().rpartition(b") ")[2][:1] == b"Z"
    return False


def has_children(pid: int) -> bool:
    """Return whether a process has living children."""
    found = _children(pid) if _IS_TOLD else descendants(pid)
    return any(not is_zombie(one) for one in found)


async def wait_with_children(
    ended: asyncio.Task[int], pid: int, timeout: float, heeded: asyncio.Event
) -> None:
    """Wait for a process that was asked to end, and for longer while its children live.

    Parameters
    ----------
    ended : asyncio.Task
        Done when it has ended.
    pid : int
        Its id.
    timeout : float
        Seconds to wait if it has no children or does not react.
    heeded : asyncio.Event
        Set when it has announced its end.
    """
    loop = asyncio.get_running_loop()
    end = loop.time() + CHILDREN_GRACE
    await asyncio.wait([ended], timeout=timeout)
    while heeded.is_set() and not ended.done() and loop.time() < end and has_children(pid):
        await asyncio.wait([ended], timeout=CHILDREN_INTERVAL)


async def end_descendants() -> None:
    """End all descendants of this process: SIGTERM, then SIGKILL a second later."""
    begin = time.monotonic()
    sent: set[int] = set()
    while left := [pid for pid in descendants(os.getpid()) if not is_zombie(pid)]:
        late = time.monotonic() - begin
        if late > GRACE + KILL_TIMEOUT:
            return
        for pid in left:
            if late > GRACE or pid not in sent:
                sent.add(pid)
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGKILL if late > GRACE else signal.SIGTERM)
        await asyncio.sleep(END_INTERVAL)


async def bury_orphans() -> None:
    """Reap the processes that this one has adopted, for ever.

    Our own children are reaped at once by whoever started them, so a zombie that was already there
    at the last check is an orphan.
    """
    known: set[int] = set()
    while True:
        ended = {pid for pid in _children(os.getpid()) if is_zombie(pid)}
        for pid in ended & known:
            with contextlib.suppress(OSError):
                os.waitpid(pid, os.WNOHANG)  # noqa: ASYNC222  (it does not wait)
        known = ended
        await asyncio.sleep(BURIAL_INTERVAL)
