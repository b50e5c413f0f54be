"""The forwards of one line, kept in a file, so that a new keeper can reopen them after a crash."""

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
    """A port of this machine's loopback that is forwarded to one that a host can reach.

    Attributes
    ----------
    host : str
        The port's host; empty for a SOCKS server, which leads to all that the host can reach.
    port : int
        The port.
    local : int
        The port on this machine.
    until : str
        A file on the host: the forward stays as long as that exists. If it is not an absolute path,
        it is a word: the forward stays until it is released by that word, or nobody listens there
        any more.
    greets : bool
        Whether the listener there speaks first.
    seen : float
        When a listener was last found there, in seconds since 1970.
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
        """The option of ssh for it."""
        if self.is_socks:
            return "-D", f"127.0.0.1:{self.local}"
        target = f"[{self.host}]" if ":" in self.host else self.host
        return "-L", f"127.0.0.1:{self.local}:{target}:{self.port}"


class Forwards:
    """All forwards of a line.

    Parameters
    ----------
    path : pathlib.Path
        The file in which they are kept.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._all: list[Forward] = []
        with contextlib.suppress(OSError, ValueError, TypeError):
            self._all = [Forward(**one) for one in json.loads(path.read_text())]

    def __iter__(self) -> Iterator[Forward]:
        """Yield each forward."""
        return iter(list(self._all))

    def __bool__(self) -> bool:
        """Return whether any forward keeps the line open; for a SOCKS server its users do that."""
        return any(not one.is_socks for one in self._all)

    def find(self, host: str, port: int) -> Forward | None:
        """Return the forward to a port, if there is one."""
        return next((one for one in self._all if (one.host, one.port) == (host, port)), None)

    def add(self, forward: Forward) -> None:
        """Add a forward, and drop one to the same port."""
        self.drop(forward)
        self._all.append(forward)
        self._write()

    def drop(self, forward: Forward) -> None:
        """Drop a forward."""
        where = forward.host, forward.port
        self._all = [one for one in self._all if (one.host, one.port) != where]
        self._write()

    def take(self, until: str) -> list[Forward]:
        """Remove and return the forwards that end with a file or a word."""
        taken = [one for one in self._all if one.until == until]
        self._all = [one for one in self._all if one.until != until]
        self._write()
        return taken

    def _write(self) -> None:
        with contextlib.suppress(OSError):  # a full disk: they work nevertheless
            write_private(self._path, [asdict(one) for one in self._all])
