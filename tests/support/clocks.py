"""Programs whose clock is wrong, by libfaketime."""

from __future__ import annotations

import glob

import pytest


def wrong_clock(seconds: int) -> dict[str, str]:
    """Variables of a program whose clock is wrong by so much."""
    found = glob.glob("/usr/lib/*/faketime/libfaketime.so.1")  # noqa: PTH207  (of the system)
    if not found:
        pytest.skip("no libfaketime: scripts/setup-extras installs it where it may")
    return {
        "LD_PRELOAD": found[0],
        "FAKETIME": f"{seconds:+d}",
        "FAKETIME_DONT_RESET": "1",
    }
