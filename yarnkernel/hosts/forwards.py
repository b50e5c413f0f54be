"""The forwards of one line, written down: who keeps the line after a crash opens them again."""

from __future__ import annotations

import contextlib
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass(frozen=True)
class Forward:
    """A port of this machine's loopback that leads to one that a host reaches.

    Attributes
    ----------
    host : str
        Whose port.
    port : int
        The port.
    local : int
        The port here.
    until : str
        A file on the host: the forward stays for as long as that is there.
    """

    host: str
    port: int
    local: int
    until: str


class Forwards:
    """All of them.

    Parameters
    ----------
    path : pathlib.Path
        Where they are written down.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._all: list[Forward] = []
        with contextlib.suppress(OSError, ValueError, TypeError):
            self._all = [Forward(**one) for one in json.loads(path.read_text())]

    def __iter__(self) -> Iterator[Forward]:
        """Yield each of them."""
        return iter(list(self._all))

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._all)

    def find(self, host: str, port: int) -> Forward | None:
        """Return the one to a port, if there is one."""
        return next((one for one in self._all if (one.host, one.port) == (host, port)), None)

    def add(self, forward: Forward) -> None:
        """Add one."""
        self._all.append(forward)
        self._write()

    def take(self, until: str) -> list[Forward]:
        """Take out those that end with a file."""
        taken = [one for one in self._all if one.until == until]
        self._all = [one for one in self._all if one.until != until]
        self._write()
        return taken

    def _write(self) -> None:
        with contextlib.suppress(OSError):  # a full disk: they work all the same
            self._path.write_text(json.dumps([asdict(one) for one in self._all]))
