"""The connection on which a kernel requests further containers from its supervisor."""

from __future__ import annotations

import concurrent.futures
import itertools
import json
import os
import socket
import struct
import threading
import time
from typing import Any

from yarnkernel.container_status import (
    CONTAINERS_VARIABLE,
    ContainersError,
    ContainersTimeoutError,
)
from yarnkernel.deadline import Deadline
from yarnkernel.errors import UsageError

#: Seconds for the supervisor, on the same host, to answer.
ANSWER_TIMEOUT = 20.0
#: Seconds after the kernel's start for the registration with YARN.
OPEN_TIMEOUT = 30.0
#: Seconds between two attempts until then.
INTERVAL = 0.25
#: struct ucred of unix(7): process, user, group.
_CREDENTIALS = struct.Struct("3i")


class Line:
    """A connection to the supervisor; containers requested on it end with it.

    It is used in a thread of its own, so that Ctrl-C cannot split an answer.
    """

    def __init__(self) -> None:
        self._socket = _connect()
        self._read = b""
        self._ids = itertools.count(1)
        self._speaker = concurrent.futures.ThreadPoolExecutor(1, "yarnkernel-containers")

    def ask(self, **question: Any) -> dict[str, Any]:
        """Send a request and return the answer.

        Raises
        ------
        UsageError
            When the supervisor refuses it.
        ContainersError
            When it does not answer.
        """
        return answer_of(self.asking(**question))

    def asking(self, **question: Any) -> concurrent.futures.Future[dict[str, Any]]:
        """Send a request and return a future answer."""
        return self._speaker.submit(self._ask, question)

    def _ask(self, question: dict[str, Any]) -> dict[str, Any]:
        number = next(self._ids)
        try:
            self._socket.sendall(json.dumps({"id": number, **question}).encode() + b"\n")
            while line := self._line():
                answer: dict[str, Any] = json.loads(line)
                if "error" in answer:
                    raise ContainersError(f"the kernel's supervisor: {answer['error']}")
                if answer["id"] == number:  # otherwise the answer to an abandoned request
                    break
        except TimeoutError as exc:  # the answer may still come and is then ignored
            raise ContainersTimeoutError("the kernel's supervisor does not answer in time") from exc
        except (OSError, ValueError) as exc:
            self._end()
            raise ContainersError(f"the kernel's supervisor does not answer: {exc}") from exc
        if not line:
            self._end()
            raise ContainersError("the kernel's supervisor has ended, and its containers with it")
        if "usage" in answer:
            raise UsageError(str(answer["usage"]))
        return answer

    def _line(self) -> bytes:
        """Read a line; a partial one is kept if that takes too long."""
        while b"\n" not in self._read:
            part = self._socket.recv(1 << 16)
            if not part:
                return b""
            self._read += part
        line, _, self._read = self._read.partition(b"\n")
        return line

    def _end(self) -> None:
        """Close the connection and give up its containers; the next request opens a new one."""
        self._socket.close()
        with _lock:
            for process, line in list(_lines.items()):
                if line is self:
                    del _lines[process]

    def close_copy(self) -> None:
        """Close the copy in a forked process: the containers belong to the original one."""
        self._socket.close()


def answer_of(asking: concurrent.futures.Future[dict[str, Any]]) -> dict[str, Any]:
    """Wait for an answer; see :meth:`Line.ask`."""
    try:
        return asking.result(2 * ANSWER_TIMEOUT)  # others may be first
    except concurrent.futures.TimeoutError as exc:
        raise ContainersError("the kernel's supervisor does not answer in time") from exc


def _connect() -> socket.socket:
    name = os.environ.get(CONTAINERS_VARIABLE)
    if not name:
        raise ContainersError(_no_containers())
    deadline = Deadline(OPEN_TIMEOUT)
    while True:
        connected = socket.socket(socket.AF_UNIX)
        connected.settimeout(ANSWER_TIMEOUT)
        try:
            connected.connect(f"\0{name}")
            _check_owner(connected)
        except ConnectionRefusedError as exc:  # not there yet
            connected.close()
            if deadline.passed:
                raise ContainersError(
                    "the kernel's supervisor does not listen; its log says why"
                ) from exc
            time.sleep(deadline.step(INTERVAL))
        except BaseException:
            connected.close()
            raise
        else:
            return connected


def _check_owner(connected: socket.socket) -> None:
    """Check the peer before commands and keys are sent, as anybody can open abstract sockets."""
    credentials = connected.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    if _CREDENTIALS.unpack(credentials)[1] != os.getuid():
        raise ContainersError("somebody else has the socket of the kernel's supervisor")


def _no_containers() -> str:
    if "SKEIN_APPMASTER_ADDRESS" in os.environ:
        return (
            "this kernel's ApplicationMaster is skein's own (--via skein), which cannot be asked "
            "for containers; next: yarnkernel start --via direct"
        )
    return (
        "this is no kernel of yarnkernel's in a YARN container, so that there is nobody to ask for "
        "containers; next: yarnkernel start"
    )


_lines: dict[int, Line] = {}
_lock = threading.Lock()


def _after_fork() -> None:
    global _lock  # noqa: PLW0603  (another thread may have had it)
    _lock = threading.Lock()
    for line in _lines.values():
        line.close_copy()
    _lines.clear()


os.register_at_fork(after_in_child=_after_fork)


def own_line() -> Line:
    """Return this process' line.

    Raises
    ------
    ContainersError
        When this kernel cannot have further containers.
    """
    with _lock:
        if os.getpid() not in _lines:
            _lines[os.getpid()] = Line()
        return _lines[os.getpid()]
