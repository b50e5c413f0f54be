"""Carries files between the kernel and its notebook's directory: the supervisor's side.

One at a time, as one cell runs at a time: a new request replaces the last one.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yarnkernel.errors import YarnKernelError
from yarnkernel.file_request import GET, LARGEST, PATIENCE, PIECE, PIECE_KEY, FileRequest

if TYPE_CHECKING:
    from collections.abc import Callable

    from yarnkernel.container.application import Application
    from yarnkernel.container.messages import Messages

#: Seconds for the kernel to take its answer.
ANSWER_TIMEOUT = 5.0
NOBODY = (
    "no front end takes files: that does one whose kernelspec has --with-notebook-dir, by the "
    "provisioner; next: yarnkernel kernelspec set NAME --with-notebook-dir"
)
STOPPED = "the front end has stopped to carry it; next: once more"
_ANSWER = """
import sys
module = sys.modules.get("yarnkernel.magics.kernel_files")
if module is not None:
    module.tell(*arguments)
"""


class FileCarrier:
    """See the module.

    Parameters
    ----------
    publish : callable
        Tells clients what the kernel wants; an empty dictionary when it wants nothing more.
    """

    def __init__(self, publish: Callable[[dict[str, str]], object]) -> None:
        self._publish = publish
        self._request: FileRequest | None = None
        self._messages: Messages | None = None
        self._patience: asyncio.Task[None] | None = None
        self._has_begun = False
        #: Messages to the kernel that are on their way.
        self._telling: set[asyncio.Task[None]] = set()
        #: Takes one step at a time.
        self._turn = asyncio.Lock()

    def ask(self, content: Any, messages: Messages) -> None:
        """Take a request of the kernel's."""
        request = FileRequest.from_dict(content)
        if request is None:
            return
        self._forget()
        self._request, self._messages = request, messages
        self._publish(request.to_dict())
        self._wait()
        self._tell(messages, request, None)

    def _wait(self) -> None:
        """Give the client that carries the file more time."""
        if self._patience is not None:
            self._patience.cancel()
        self._patience = asyncio.create_task(self._give_up())

    async def _give_up(self) -> None:
        await asyncio.sleep(PATIENCE)
        self._patience = None  # it must not cancel itself
        await self._end(STOPPED if self._has_begun else NOBODY)

    async def step(self, argument: str, store: Application) -> str:
        """Carry out a step for the client that carries the file.

        Returns
        -------
        str
            ``"done"``, or why not.
        """
        async with self._turn:
            try:
                return await asyncio.wait_for(self._step(argument, store), PATIENCE)
            except asyncio.TimeoutError:
                return f"the kernel's host did not read or write it within {PATIENCE:.0f} s"
            except (ValueError, KeyError, TypeError, binascii.Error) as exc:
                return f"that is no step of a transfer: {exc!r}"
            except OSError as exc:
                return f"{exc.filename}: {exc.strerror}"
            except YarnKernelError as exc:
                return str(exc)

    async def _step(self, argument: str, store: Application) -> str:
        asked = json.loads(argument)
        request, step = self._request, asked["step"]
        if request is None or asked["id"] != request.id:
            return "nobody waits for this file any more"
        self._has_begun = True
        self._wait()
        if step == "end":
            await self._end(str(asked["error"]))
        elif step == "read":
            piece = await asyncio.to_thread(_read, request.path, int(asked["offset"]))
            await store.put(PIECE_KEY, piece)
        else:
            data = base64.b64decode(asked["data"], validate=True)
            await asyncio.to_thread(_write, _part(request), data)
            if self._request is not request:  # given up in the meantime
                _remove(request)
        return "done"

    async def _end(self, error: str) -> None:
        request, messages = self._request, self._messages
        if request is None or messages is None:
            return
        if not error and request.verb != GET:
            try:
                _complete(request)
            except OSError as exc:
                error = f"{request.path}: {exc.strerror}"
        self._forget()
        self._tell(messages, request, error)

    def _forget(self) -> None:
        if self._request is not None:
            _remove(self._request)
        if self._patience is not None:
            self._patience.cancel()
        self._request = self._messages = self._patience = None
        self._has_begun = False
        self._publish({})

    def _tell(self, messages: Messages, request: FileRequest, error: str | None) -> None:
        """Tell the kernel that its request was received, or how it ended."""
        code = f"exec({_ANSWER!r}, {{'arguments': {[request.id, error]!r}}})"
        telling = asyncio.create_task(_execute(messages, code))
        self._telling.add(telling)
        telling.add_done_callback(self._telling.discard)


async def _execute(messages: Messages, code: str) -> None:
    with contextlib.suppress(YarnKernelError):
        await messages.execute(code, ANSWER_TIMEOUT, "control")


def _part(request: FileRequest) -> Path:
    return Path(f"{request.path}.{request.id}.part")


def _remove(request: FileRequest) -> None:
    with contextlib.suppress(OSError):
        _part(request).unlink()


def _complete(request: FileRequest) -> None:
    if _part(request).exists():
        _part(request).replace(request.path)
    else:
        Path(request.path).touch()  # it is empty


def _write(part: Path, data: bytes) -> None:
    with part.open("ab") as file:
        if file.tell() + len(data) > LARGEST:
            raise YarnKernelError(f"it is larger than {LARGEST >> 20} MiB")
        file.write(data)


def _read(path: str, offset: int) -> bytes:
    if not Path(path).is_file():  # reading a pipe would never end
        raise YarnKernelError(f"{path} is no file")
    with open(path, "rb") as file:  # noqa: PTH123  (a string)
        file.seek(offset)
        return file.read(PIECE)
