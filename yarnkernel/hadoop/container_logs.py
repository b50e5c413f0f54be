"""Logs of containers, wherever they are read from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

#: Asked with a container's id, a file's name and its size in bytes: from which byte on it is
#: read; None when it is not.
Choice = Callable[[str, str, int], "int | None"]


@dataclass(frozen=True)
class ContainerLog:
    """A log of a container, or its end.

    Attributes
    ----------
    container : str
        The container's id.
    node : str
        ``host:port`` of its NodeManager.
    name : str
        The file's name.
    start : int
        The first byte that was read.
    content : bytes
        What is in the file from there on.
    """

    container: str
    node: str
    name: str
    start: int
    content: bytes
