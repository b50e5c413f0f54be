"""Logs of containers, wherever they are read from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

#: Bytes of a piece.
PIECE = 1 << 18
#: Asked with a container's id, a file's name and its size in bytes: from which byte on it is
#: read; None when it is not.
Choice = Callable[[str, str, int], "int | None"]


@dataclass(frozen=True)
class ContainerLog:
    """A piece of a log of a container.

    Pieces of one file come one after the other; there is one without bytes for an empty file.

    Attributes
    ----------
    container : str
        The container's id.
    node : str
        ``host:port`` of its NodeManager.
    name : str
        The file's name.
    start : int
        Where in the file it begins.
    content : bytes
        What is there.
    """

    container: str
    node: str
    name: str
    start: int
    content: bytes
