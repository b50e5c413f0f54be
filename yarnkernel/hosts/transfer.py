"""Transfers archives to a host and back in pieces, whatever their size."""

from __future__ import annotations

import base64
import contextlib
import io
import secrets
import tarfile
from typing import IO, TYPE_CHECKING, Any

from yarnkernel.errors import HostError, HostTimeoutError
from yarnkernel.hosts import tree

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from yarnkernel.deadline import Deadline
    from yarnkernel.hosts.host import Host

#: Bytes of a piece, so small that the helper answers between two even on a slow line.
PIECE = 1 << 20
#: Seconds for a piece.
PIECE_TIMEOUT = 60.0


def send(
    host: Host,
    sources: Mapping[str, str],
    directory: str,
    deadline: Deadline,
    expected: Mapping[str, list[Any] | None] | None = None,
) -> dict[str, Any]:
    """Pack files of this machine and unpack them on a host.

    Parameters
    ----------
    host : Host
        The host.
    sources : mapping of str to str
        See :func:`yarnkernel.hosts.tree.pack`.
    directory : str
        The directory there.
    deadline : Deadline
        For the whole transfer.
    expected : mapping of str to list or None, optional
        See :func:`yarnkernel.hosts.tree.unpack`, whose result is returned.

    Raises
    ------
    HostError
        When it fails on the host.
    OSError
        When a file cannot be read here.
    """
    found: dict[str, Any] = _send(
        host,
        lambda sink: tree.pack(sink, sources),
        deadline,
        directory=directory,
        expected=None if expected is None else dict(expected),
        whole=False,
    )
    return found


def send_whole(
    host: Host,
    archive: Path,
    directory: str,
    deadline: Deadline,
    moved: Callable[[int], object] = lambda _: None,
) -> None:
    """Unpack a compressed archive of this machine on a host; see :func:`tree.unpack_whole`."""

    def copy(sink: IO[bytes]) -> None:
        with archive.open("rb") as source:
            while piece := source.read(PIECE):
                sink.write(piece)
                moved(len(piece))

    _send(host, copy, deadline, directory=directory, expected=None, whole=True)


def _send(
    host: Host, pour: Callable[[IO[bytes]], object], deadline: Deadline, **arguments: Any
) -> Any:
    stream = _Stream(host, deadline)
    stream.step("stream_in", **arguments)
    sink: Any = io.BufferedWriter(_Outgoing(stream), PIECE)
    try:
        pour(sink)
        sink.flush()
    except HostTimeoutError:
        raise
    except HostError:
        stream.step("finish")  # has the reason
        raise
    except BaseException:
        stream.give_up()
        raise
    return stream.step("finish")


def fetch(
    host: Host,
    sources: Mapping[str, str],
    directory: Path,
    deadline: Deadline,
    expected: Mapping[str, list[Any] | None],
) -> dict[str, Any]:
    """Pack files of a host and unpack them here; see :func:`send`."""
    stream = _Stream(host, deadline)
    stream.step("stream_out", sources=dict(sources))
    source: Any = io.BufferedReader(_Incoming(stream), PIECE)
    try:
        found = tree.unpack(source, str(directory), expected)
        while source.read(PIECE):
            pass
    except HostTimeoutError:
        raise
    except (HostError, tarfile.TarError) as exc:
        stream.step("finish")  # has the reason, if it is on that side
        raise HostError(f"{host}: what comes from there is no archive: {exc}") from exc
    except BaseException:
        stream.give_up()
        raise
    stream.step("finish")
    return found


class _Stream:
    def __init__(self, host: Host, deadline: Deadline) -> None:
        self._host = host
        self._deadline = deadline
        self._token = secrets.token_hex(8)
        self.broken = False

    def step(self, name: str, **arguments: Any) -> Any:
        if self._deadline.passed:
            raise HostTimeoutError(
                f"{self._host}: the files did not travel within {self._deadline.seconds:.0f} s; "
                "next: give it longer with --timeout"
            )
        timeout = self._deadline.step(PIECE_TIMEOUT)
        try:
            return self._host.stream(name, timeout, token=self._token, **arguments)
        except HostError:
            self.broken = True
            raise

    def give_up(self) -> None:
        self.broken = True
        with contextlib.suppress(HostError):
            self._host.stream("finish", PIECE_TIMEOUT, token=self._token)


class _Outgoing(io.RawIOBase):
    def __init__(self, stream: _Stream) -> None:
        self._stream = stream

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        if self._stream.broken:  # the writer got the error, and is closing
            return len(data)
        for begin in range(0, len(data), PIECE):
            piece = data[begin : begin + PIECE]
            self._stream.step("feed", data=base64.b64encode(piece).decode())
        return len(data)


class _Incoming(io.RawIOBase):
    def __init__(self, stream: _Stream) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        most = min(len(buffer), PIECE)
        content = base64.b64decode(self._stream.step("take", most=most))
        buffer[: len(content)] = content
        return len(content)
