"""How far a transfer to the cluster is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable


class TransferProgress(Protocol):
    """What is told while bytes move."""

    def start(self, total: int) -> None:
        """``total`` bytes are going to be moved."""

    def advance(self, size: int) -> None:
        """``size`` more bytes have been."""


class TransferLine:
    """Tells of a transfer in one line, for those who have no place for a bar.

    Parameters
    ----------
    report : callable
        Called with the line.
    name : str
        What is transferred.
    """

    def __init__(self, report: Callable[[str], None], name: str) -> None:
        self._report = report
        self._name = name

    def start(self, total: int) -> None:
        """See :class:`TransferProgress`."""
        self._report(f"uploading {self._name}: {total / 1e6:.1f} MB")

    def advance(self, size: int) -> None:
        """See :class:`TransferProgress`."""
