"""The socket at which a kernel asks its supervisor for further containers.

Only the kernel is told its name, and only its processes are answered: on clusters where all
containers run as the same user, those of other containers are turned away.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import socket
import struct
from typing import TYPE_CHECKING, Any

from yarnkernel.container.descendants import descendants
from yarnkernel.container.further_launch import FurtherLaunch
from yarnkernel.container_status import LONGEST_LINE
from yarnkernel.errors import UsageError
from yarnkernel.kinds import fits

if TYPE_CHECKING:
    from typing_extensions import Self

    from yarnkernel.container.further_containers import FurtherContainers

_log = logging.getLogger(__name__)

#: struct ucred of unix(7): process, user, group.
_CREDENTIALS = struct.Struct("3i")


class FurtherDoor:
    """Answers the processes of a kernel; what a process requests ends with its connection.

    Parameters
    ----------
    containers : FurtherContainers
        Their account.
    about : dict
        Further facts for the kernel.
    """

    def __init__(self, containers: FurtherContainers, about: dict[str, Any]) -> None:
        self._containers = containers
        self._about = about
        self._server: asyncio.Server | None = None
        self._clients: set[asyncio.Task[None]] = set()

    @classmethod
    async def open(cls, name: str, containers: FurtherContainers, about: dict[str, Any]) -> Self:
        """Start to answer.

        Raises
        ------
        OSError
            When the socket cannot be opened.
        """
        door = cls(containers, about)
        listening = socket.socket(socket.AF_UNIX)
        try:
            # An abstract socket, as paths of containers are too long for one in the file system.
            listening.bind(f"\0{name}")
            door._server = await asyncio.start_unix_server(
                door._serve, sock=listening, limit=LONGEST_LINE
            )
        except BaseException:
            listening.close()
            raise
        return door

    def close(self) -> None:
        """Stop answering."""
        if self._server is not None:
            self._server.close()
        for task in self._clients:
            task.cancel()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._clients.add(task)
            task.add_done_callback(self._clients.discard)
        owner = object()
        try:
            stranger = _is_stranger(writer.get_extra_info("socket"))
            with contextlib.suppress(OSError, asyncio.CancelledError):
                while line := await _line(reader):
                    answer = {"error": stranger} if stranger else self._answer(owner, line)
                    writer.write(json.dumps(answer).encode() + b"\n")
                    await writer.drain()
        finally:
            self._containers.release(owner)
            writer.close()

    def _answer(self, owner: object, line: bytes) -> dict[str, Any]:
        try:
            question = json.loads(line)
        except (ValueError, RecursionError):
            question = None
        if not isinstance(question, dict):
            return {"error": "a question is a JSON object"}
        asked = {"id": question.get("id")}
        try:
            return asked | self._do(owner, question)
        except UsageError as exc:
            return asked | {"usage": str(exc)}
        except Exception as exc:  # noqa: BLE001  (the kernel is told)
            _log.exception("a question of the kernel's has failed")
            return asked | {"error": repr(exc)}

    def _do(self, owner: object, question: dict[str, Any]) -> dict[str, Any]:
        verb = question.get("verb")
        if verb == "start" and isinstance(count := question.get("count"), int):
            launch = FurtherLaunch.of(question.get("launch"))
            return {"numbers": self._containers.ask(owner, launch, count)}
        if verb == "tell" and fits(numbers := question.get("numbers"), list[int] | None):
            statuses = self._containers.statuses(owner)
            wanted = (one for one in statuses if numbers is None or one.number in numbers)
            return {"containers": [one.document() for one in wanted]}
        if verb == "release" and fits(numbers := question.get("numbers"), list[int]):
            self._containers.release(owner, numbers)
            return {}
        if verb == "about":
            return {**self._about, "queue": self._containers.queue, "most": self._containers.most}
        raise UsageError(f"this kernel's supervisor does not know the question {verb!r}")


async def _line(reader: asyncio.StreamReader) -> bytes:
    """Read a line; return an invalid request for one that is too long."""
    while True:
        try:
            return await reader.readline()
        except ValueError:  # the beginning has been read and dropped
            continue


def _is_stranger(connected: socket.socket) -> str:
    """Return why the peer is not answered; empty if it is."""
    credentials = connected.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    pid, user, _ = _CREDENTIALS.unpack(credentials)
    if user == os.getuid() and pid in descendants(os.getpid()):
        return ""
    return "only the kernel and what it has started may ask for containers"
