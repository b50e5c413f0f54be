"""Reads a kernel's log, a file on its host, in parts."""

from __future__ import annotations

import codecs
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from yarnkernel.hosts.host import Host

#: Bytes read at a time.
BLOCK = 1 << 18
#: Seconds between two reads of a log that is followed.
FOLLOW_INTERVAL = 0.3


class Log:
    """One log.

    Parameters
    ----------
    host : Host
        The host.
    path : str
        Its path there.
    """

    def __init__(self, host: Host, path: str) -> None:
        self._host = host
        self._path = path

    def read(self, last_bytes: int | None = None) -> Iterator[str]:
        """Yield its current content, or the end of that."""
        return self._parts(self._begin(last_bytes), _decoder())

    def tail(self, most: int) -> str:
        """Return its end."""
        return (self._host.read(self._path, -most) or b"").decode(errors="replace")

    def follow(self, ended: Callable[[], bool], last_bytes: int | None = None) -> Iterator[str]:
        """Yield its content as it grows, until the kernel has ended."""
        decoder, offset = _decoder(), self._begin(last_bytes)
        has_ended = False
        while True:
            while content := self._host.read(self._path, offset, BLOCK):
                offset += len(content)
                yield decoder.decode(content)
            if has_ended:
                return
            has_ended = ended()
            time.sleep(0 if has_ended else FOLLOW_INTERVAL)

    def _parts(self, offset: int, decoder: codecs.IncrementalDecoder) -> Iterator[str]:
        while content := self._host.read(self._path, offset, BLOCK):
            offset += len(content)
            yield decoder.decode(content)

    def _begin(self, last_bytes: int | None) -> int:
        if last_bytes is None:
            return 0
        done = self._host.run_command(["wc", "-c", self._path])
        size = int(done.out.split()[0]) if done.code == 0 else 0
        return max(0, size - last_bytes)


def _decoder() -> codecs.IncrementalDecoder:
    return codecs.getincrementaldecoder("utf-8")("replace")
