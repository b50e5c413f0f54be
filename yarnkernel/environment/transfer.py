"""How far a transfer to the cluster is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from yarnkernel.progress import Progress

if TYPE_CHECKING:
    from yarnkernel.progress import Report


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
        Told when it begins.
    name : str
        What is transferred.
    """

    def __init__(self, report: Report, name: str) -> None:
        self._report = report
        self._name = name

    def start(self, total: int) -> None:
        """See :class:`TransferProgress`."""
        self._report(Progress("uploading", place=self._name, size=total))

    def advance(self, size: int) -> None:
        """See :class:`TransferProgress`."""
