"""The cache of packed environments on this machine: packed once for all clusters."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs

from yarnkernel.environment.stored import StoredArchive

if TYPE_CHECKING:
    from collections.abc import Collection


def cache_directory() -> Path:
    """Return the directory for archives packed by a push, in the user's cache directory."""
    return platformdirs.user_cache_path("yarnkernel") / "environments"


def cached_archives() -> list[StoredArchive]:
    """Return the archives in the cache of this machine, sorted by name."""
    found = []
    with contextlib.suppress(OSError):
        for path in sorted(cache_directory().glob("*.tar.gz")):
            status = path.stat()
            found.append(StoredArchive(str(path), status.st_size, status.st_mtime, "cache"))
    return found


def remove_cached(archives: Collection[StoredArchive]) -> None:
    """Remove archives from the cache of this machine."""
    for archive in archives:
        Path(archive.url).unlink(missing_ok=True)
