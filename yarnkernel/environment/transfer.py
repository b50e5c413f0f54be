"""The progress of a transfer to the cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from yarnkernel.progress import Progress

if TYPE_CHECKING:
    from yarnkernel.progress import Report


class TransferProgress(Protocol):
    """Shows the progress of a transfer."""

    def start(self, total: int) -> None:
        """Note that ``total`` bytes are going to be transferred."""

    def advance(self, size: int) -> None:
        """Note that ``size`` more bytes have been transferred."""


class TransferLine:
    """Reports a transfer in one line, if there is no progress bar.

    Parameters
    ----------
    report : callable
        Called when it begins.
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
