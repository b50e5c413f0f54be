"""Log files of containers and parts of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True)
class LogFile:
    """One log of one container, or a part of it.

    Attributes
    ----------
    container : str
        The container's id.
    node : str
        ``host:port`` of its NodeManager.
    name : str
        The file's name.
    text : str
        Its text.
    """

    container: str
    node: str
    name: str
    text: str


def join_pieces(pieces: Iterable[LogFile]) -> list[LogFile]:
    """Join the parts of each file."""
    found: dict[tuple[str, str], list[LogFile]] = {}
    for piece in pieces:
        found.setdefault((piece.container, piece.name), []).append(piece)
    return [
        replace(parts[0], text="".join(part.text for part in parts)) for parts in found.values()
    ]
