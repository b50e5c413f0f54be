"""Certificates and keys for clients and ApplicationMasters to authenticate each other.

By default they are the user's own from skein, ``~/.skein``. An application may have its own pair,
which is kept in the user's state directory; skein's commands use it with ``SKEIN_CONFIG``.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
import warnings
from typing import TYPE_CHECKING

import platformdirs

from yarnkernel.errors import UsageError
from yarnkernel.store.rpc import credentials
from yarnkernel.store.skein_import import skein

if TYPE_CHECKING:
    from pathlib import Path

#: Days without use after which a pair is deleted.
DAYS_KEPT = 60


def _directory(app_id: str = "") -> Path:
    """Return the directory of a pair, or of all pairs."""
    return platformdirs.user_state_path("yarnkernel") / "credentials" / app_id


def new_pair() -> skein.Security:
    """Make a pair for one application.

    Raises
    ------
    UsageError
        When there is nowhere to keep it.
    """
    parent = _directory()
    try:
        parent.mkdir(parents=True, mode=0o700, exist_ok=True)
        with tempfile.TemporaryFile(dir=parent):
            pass
    except OSError as exc:
        raise UsageError(f"no credentials can be kept in {parent}: {exc.strerror}") from exc
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it uses functions that are deprecated in Python 3.12
        return skein.Security.new_credentials()


def keep_pair(app_id: str, security: skein.Security) -> None:
    """Keep an application's pair for later requests, readable only by the user."""
    directory = _directory(app_id)
    oldest = time.time() - DAYS_KEPT * 86400
    for other in directory.parent.iterdir():
        with contextlib.suppress(FileNotFoundError):  # another start may clean up, too
            if other.stat().st_mtime < oldest:
                shutil.rmtree(other, ignore_errors=True)
    directory.mkdir(mode=0o700)
    security.to_directory(str(directory))


def credentials_of(app_id: str) -> skein.Security:
    """Return the credentials of an application: its own pair, else the user's."""
    directory = _directory(app_id)
    if directory.is_dir():
        with contextlib.suppress(OSError):
            os.utime(directory)  # used pairs are kept
        return skein.Security.from_directory(str(directory))
    return credentials()
