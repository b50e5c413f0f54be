"""Packed environments in a store: their names, and which may be removed."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

#: Hexadecimal digits of a digest in a name.
DIGEST_LENGTH = 16

_STORED_NAME = re.compile(rf"-(?P<digest>[0-9a-f]{{{DIGEST_LENGTH}}})\.tar\.gz$")

#: Prefix of the tag, with a digest, of an application that uses a stored environment.
TAG_PREFIX = "environment-"


@dataclass(frozen=True)
class StoredArchive:
    """A packed environment on the cluster or in the cache of this machine.

    Attributes
    ----------
    url : str
        Where it is, in the form that ``--environment`` accepts.
    size : int
        Its size in bytes.
    modified : float
        When it was stored, in seconds since 1970.
    visibility : str
        ``"public"`` or ``"private"`` (YARN's words), ``"application"`` for a file system that is
        not the cluster's, ``"unfinished"`` for an interrupted upload, or ``"cache"`` on this
        machine.
    """

    url: str
    size: int
    modified: float
    visibility: str

    @property
    def digest(self) -> str:
        """The digest in its name; empty for a file that yarnkernel has not stored."""
        found = _STORED_NAME.search(self.url)
        return found["digest"] if found else ""


def stored_name(name: str, digest: str) -> str:
    """Return the name of a packed environment."""
    return f"{name}-{digest[:DIGEST_LENGTH]}.tar.gz"


def select_old(
    archives: Collection[StoredArchive], *, age: float, in_use: Collection[str]
) -> list[StoredArchive]:
    """Return what may be removed: stored more than ``age`` seconds ago, and not in use.

    Parameters
    ----------
    archives : collection of StoredArchive
        The stored archives.
    age : float
        Seconds.
    in_use : collection of str
        Digests of the environments that running applications use.
    """
    oldest = time.time() - age
    return [a for a in archives if a.modified < oldest and a.digest not in in_use]
