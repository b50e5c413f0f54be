"""Logs of containers, whatever their source."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

#: Bytes of a piece.
PIECE = 1 << 18
#: Takes a container's id, a file's name and its size in bytes; returns the byte to start reading
#: at, or None to skip the file.
Choice = Callable[[str, str, int], "int | None"]


@dataclass(frozen=True)
class ContainerLog:
    """A piece of a container's log.

    Pieces of one file come in order; an empty file has one empty piece.

    Attributes
    ----------
    container : str
        The container's id.
    node : str
        ``host:port`` of its NodeManager.
    name : str
        The file's name.
    start : int
        Offset of the piece in the file.
    content : bytes
        The piece's bytes.
    """

    container: str
    node: str
    name: str
    start: int
    content: bytes
