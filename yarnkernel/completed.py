"""What commands leave behind, wherever they ran."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Completed:
    """What a command on a host has said.

    Attributes
    ----------
    code : int
        Its exit code.
    out, err : str
        What it wrote.
    """

    code: int
    out: str
    err: str
