"""What a kernel may have beside its own container."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class FurtherOptions:
    """What a kernel may ask for.

    Attributes
    ----------
    most : int
        How many further containers it may have at a time.
    withheld : tuple of str
        Names of files of its container that are for it alone.
    """

    most: int
    withheld: tuple[str, ...] = ()
