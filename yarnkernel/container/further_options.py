"""What a kernel may have besides its own container."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class FurtherOptions:
    """What a kernel may ask for.

    Attributes
    ----------
    most : int
        The most further containers at a time.
    withheld : tuple of str
        Names of files of its container that further containers do not get.
    """

    most: int
    withheld: tuple[str, ...] = ()
