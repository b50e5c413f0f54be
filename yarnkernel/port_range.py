"""A range of ports for a kernel and its supervisor, for clusters with firewalls."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from yarnkernel.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Ports of one kernel: five channels and the key-value store.
NEEDED = 6
#: Further ports for a client that wants encryption if the kernel has none, or the reverse.
MORE = 5
#: The first port that any user may bind to, and the last port.
_LEAST, _MOST = 1024, 65535


@dataclass(frozen=True)
class PortRange:
    """A range of ports.

    Attributes
    ----------
    first, last : int
        Both included.
    """

    first: int
    last: int

    def __str__(self) -> str:
        return f"{self.first}-{self.last}"

    def shuffled(self) -> Iterator[int]:
        """Return all ports from a random one on: kernels that start together do not race."""
        count = self.last - self.first + 1
        begin = random.randrange(count)  # noqa: S311  (no secret)
        return (self.first + (begin + index) % count for index in range(count))


def parse_ports(text: str) -> PortRange | None:
    """Read ``FIRST-LAST``; return None for an empty text, which means any port.

    Raises
    ------
    UsageError
        When it is invalid or too small for a kernel.
    """
    if not text:
        return None
    found = re.fullmatch(r"\s*(\d{1,5})\s*-\s*(\d{1,5})\s*", text, re.ASCII)
    if found is None:
        raise UsageError(f"--ports {text!r} is not FIRST-LAST, as in 40000-40099")
    first, last = int(found[1]), int(found[2])
    if not _LEAST <= first <= last <= _MOST:
        raise UsageError(f"--ports {text}: they have to be from {_LEAST} to {_MOST}, in order")
    if (count := last - first + 1) < NEEDED:
        raise UsageError(
            f"--ports {text} has {count} ports, and a kernel takes {NEEDED}, or {NEEDED + MORE} "
            "where clients ask for another encryption; each kernel on a host takes its own"
        )
    return PortRange(first, last)


def check_ports(text: str) -> None:
    """See :func:`parse_ports`."""
    parse_ports(text)
