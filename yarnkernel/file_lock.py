"""File locks, on file systems that have them.

Shared homes may have none (Lustre without ``flock``, NFS without its lock daemon). There filelock
waits for ever, or leaves a file behind that locks everybody out.
"""

from __future__ import annotations

import contextlib
import fcntl
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: Seconds between two attempts to get a lock.
_INTERVAL = 0.02


class LockTimeoutError(TimeoutError):
    """Another process has held a lock for too long."""


@contextlib.contextmanager
def locked(path: Path, timeout: float, *, needed: bool = False) -> Iterator[None]:
    """Hold a lock for the body.

    Parameters
    ----------
    path : pathlib.Path
        A file for this lock alone; it is created and stays.
    timeout : float
        Seconds to wait for others.
    needed : bool, default False
        Fail if the file system has no locks; by default the body runs without one.

    Raises
    ------
    LockTimeoutError
        When another process has held it for so long.
    OSError
        When the file cannot be created, or cannot be locked although that is needed.
    """
    end = time.monotonic() + timeout
    with path.open("a") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > end:
                    raise LockTimeoutError(str(path)) from None
                time.sleep(_INTERVAL)
                continue
            except OSError:
                if needed:
                    raise
            break
        yield
