"""The result of a command, wherever it ran."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Completed:
    """The result of a command on a host.

    Attributes
    ----------
    code : int
        Its exit code.
    out, err : str
        Its output.
    """

    code: int
    out: str
    err: str
