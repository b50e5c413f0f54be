"""Import skein without its slow parts; all imports of it in this package come from here.

``skein.utils`` (skein 0.8.2) uses ``distutils`` to check whether gRPC is older than 1.18.
setuptools provides it, and takes longer to import than all of skein.
"""

from __future__ import annotations

import contextlib
import re
import sys
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["skein"]


class _Version:
    """The part of ``distutils.version.LooseVersion`` that skein uses."""

    def __init__(self, text: str) -> None:
        self._numbers = [int(number) for number in re.findall(r"\d+", text)]

    def __lt__(self, other: str) -> bool:
        return self._numbers < _Version(other)._numbers


@contextlib.contextmanager
def _small_distutils() -> Iterator[None]:
    """Provide a substitute for distutils, unless it has been imported already."""
    if "distutils" in sys.modules:
        yield
        return
    names = ("distutils", "distutils.version")
    sys.modules.update({name: ModuleType(name) for name in names})
    vars(sys.modules["distutils.version"])["LooseVersion"] = _Version
    try:
        yield
    finally:
        for name in names:
            del sys.modules[name]


with _small_distutils():
    import skein
