"""The forwards of one line, written down: who keeps the line after a crash opens them again."""

from __future__ import annotations

import contextlib
import json
import time
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from yarnkernel.announcement import write_private

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass(frozen=True)
class Forward:
    """A port of this machine's loopback that leads to one that a host reaches.

    Attributes
    ----------
    host : str
        Whose port; empty for a SOCKS server, which leads to all that the host reaches.
    port : int
        The port.
    local : int
        The port here.
    until : str
        A file on the host: the forward stays for as long as that is there. What is no absolute
        path is a word: it stays until somebody says that, or nobody listens there any more.
    greets : bool
        Whether who listens there speaks first.
    seen : float
        When somebody listened there last, in seconds since 1970.
    """

    host: str
    port: int
    local: int
    until: str
    greets: bool = True
    seen: float = field(default_factory=time.time)

    @property
    def is_socks(self) -> bool:
        """Whether it is a SOCKS server."""
        return not self.host

    @property
    def arguments(self) -> tuple[str, str]:
        """It as an option of ssh's."""
        if self.is_socks:
            return "-D", f"127.0.0.1:{self.local}"
        target = f"[{self.host}]" if ":" in self.host else self.host
        return "-L", f"127.0.0.1:{self.local}:{target}:{self.port}"


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
        """Whether there are any for which the line is kept: a SOCKS server has its users."""
        return any(not one.is_socks for one in self._all)

    def find(self, host: str, port: int) -> Forward | None:
        """Return the one to a port, if there is one."""
        return next((one for one in self._all if (one.host, one.port) == (host, port)), None)

    def add(self, forward: Forward) -> None:
        """Add one, in the place of the one to the same port."""
        self.drop(forward)
        self._all.append(forward)
        self._write()

    def drop(self, forward: Forward) -> None:
        """Leave one out."""
        where = forward.host, forward.port
        self._all = [one for one in self._all if (one.host, one.port) != where]
        self._write()

    def take(self, until: str) -> list[Forward]:
        """Take out those that end with a file or a word."""
        taken = [one for one in self._all if one.until == until]
        self._all = [one for one in self._all if one.until != until]
        self._write()
        return taken

    def _write(self) -> None:
        with contextlib.suppress(OSError):  # a full disk: they work all the same
            write_private(self._path, [asdict(one) for one in self._all])
