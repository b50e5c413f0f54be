"""Sizes of memory as users write them."""

from __future__ import annotations

import math
import re

from yarnkernel.errors import UsageError

_SIZE = re.compile(r"\s*(\d+\.?\d*|\.\d+)(e\d{1,3})?\s*([a-z]*)\s*", re.ASCII | re.IGNORECASE)
_MEBIBYTE = 1 << 20
_PREFIXES = "kmgtp"


def parse_memory(text: str, option: str = "--memory") -> int:
    """Read a size, rounded up.

    Units are those of skein, with one difference: a letter alone is a power of 1024, as in the
    options of Java, Spark and Docker.

    Parameters
    ----------
    text : str
        Such as ``"2 GiB"``, ``"2g"`` or ``"2 GB"``, which is less; a number alone is MiB.
    option : str, default "--memory"
        Which option an error is about.

    Returns
    -------
    int
        MiB.

    Raises
    ------
    UsageError
        When it is no size, or less than 1 MiB.
    """
    found = _SIZE.fullmatch(text)
    unit = _bytes_of(found[3].lower()) if found else None
    if found is None or unit is None:
        raise UsageError(f"{option} {text!r} is no size; write one such as '4 GiB' or '512 MiB'")
    try:
        mebibytes = math.ceil(float(found[1] + (found[2] or "")) * unit / _MEBIBYTE)
    except OverflowError as exc:
        raise UsageError(f"{option} {text!r}: {exc}") from exc
    if mebibytes < 1:
        raise UsageError(f"{option} {text!r}: has to be 1 MiB or more")
    return mebibytes


def _bytes_of(unit: str) -> int | None:
    if unit in ("", "b"):
        return _MEBIBYTE if not unit else 1
    power = _PREFIXES.find(unit[0]) + 1
    if not power or unit[1:] not in ("", "ib", "b"):
        return None
    return int((1000 if unit[1:] == "b" else 1024) ** power)
