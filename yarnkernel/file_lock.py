"""One process at a time, where the file system has locks.

Homes that several machines share may have none (Lustre without ``flock``, NFS without its lock
daemon): filelock waits there for ever, or leaves behind a file that locks out everybody.
"""

from __future__ import annotations

import contextlib
import fcntl
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: Seconds between two looks at a lock.
_INTERVAL = 0.02


class LockTimeoutError(TimeoutError):
    """Somebody else has held a lock for too long."""


@contextlib.contextmanager
def locked(path: Path, timeout: float, *, needed: bool = False) -> Iterator[None]:
    """Hold a lock for the body.

    Parameters
    ----------
    path : pathlib.Path
        A file that is there for nothing else; it is made, and stays.
    timeout : float
        Seconds to wait for others.
    needed : bool, default False
        Fail where the file system has no locks; by default the body does without.

    Raises
    ------
    LockTimeoutError
        When somebody else has held it for so long.
    OSError
        When the file cannot be made, or not locked although that is needed.
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
