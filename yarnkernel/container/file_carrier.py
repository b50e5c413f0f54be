"""The supervisor's side of a file between the kernel and its notebook's directory.

One at a time, as one cell runs at a time: a new request takes the place of the last one.
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
        Tells clients what the kernel wants; an empty dictionary for nothing any more.
    """

    def __init__(self, publish: Callable[[dict[str, str]], object]) -> None:
        self._publish = publish
        self._request: FileRequest | None = None
        self._messages: Messages | None = None
        self._patience: asyncio.Task[None] | None = None
        self._part: Path | None = None
        self._telling: asyncio.Task[None] | None = None

    def ask(self, content: Any, messages: Messages) -> None:
        """Take a request of the kernel's."""
        request = FileRequest.from_dict(content)
        if request is None:
            return
        self._forget()
        self._request, self._messages = request, messages
        self._publish(request.to_dict())
        self._wait()
        self._telling = asyncio.create_task(_tell(messages, request, None))

    def _wait(self) -> None:
        """Give who carries it some more time."""
        if self._patience is not None:
            self._patience.cancel()
        self._patience = asyncio.create_task(self._give_up())

    async def _give_up(self) -> None:
        await asyncio.sleep(PATIENCE)
        self._patience = None  # not to be cancelled by its own work
        await self._end(NOBODY)

    async def step(self, argument: str, store: Application) -> str:
        """Do what who carries the file asks for.

        Returns
        -------
        str
            ``"done"``, or why not.
        """
        try:
            asked = json.loads(argument)
            request, step = self._request, asked["step"]
            if request is None or asked["id"] != request.id:
                return "nobody waits for this file any more"
            self._wait()
            if step == "end":
                await self._end(str(asked["error"]))
            elif step == "read":
                piece = await asyncio.to_thread(_read, request.path, int(asked["offset"]))
                await store.put(PIECE_KEY, piece)
            else:
                await asyncio.to_thread(self._write, base64.b64decode(asked["data"], validate=True))
        except (ValueError, KeyError, TypeError, binascii.Error) as exc:
            return f"that is no step of a transfer: {exc!r}"
        except OSError as exc:
            return f"{exc.filename or request.path if request else ''}: {exc.strerror}"
        except YarnKernelError as exc:
            return str(exc)
        return "done"

    def _write(self, data: bytes) -> None:
        assert self._request is not None  # noqa: S101  (asked before)
        if self._part is None:
            self._part = Path(f"{self._request.path}.{self._request.id}.part")
        with self._part.open("ab") as file:
            if file.tell() + len(data) > LARGEST:
                raise YarnKernelError(f"it is larger than {LARGEST >> 20} MiB")
            file.write(data)

    async def _end(self, error: str) -> None:
        request, messages, part = self._request, self._messages, self._part
        if request is None or messages is None:
            return
        if not error and request.verb != GET:
            try:
                _complete(part, request.path)
                self._part = None
            except OSError as exc:
                error = f"{request.path}: {exc.strerror}"
        self._forget()
        await _tell(messages, request, error)

    def _forget(self) -> None:
        if self._part is not None:
            with contextlib.suppress(OSError):
                self._part.unlink()
        if self._patience is not None:
            self._patience.cancel()
        self._request = self._messages = self._patience = self._part = None
        self._publish({})


def _read(path: str, offset: int) -> bytes:
    with open(path, "rb") as file:  # noqa: PTH123  (a string)
        file.seek(offset)
        return file.read(PIECE)


def _complete(part: Path | None, path: str) -> None:
    if part is None:
        Path(path).touch()  # it is empty
    else:
        part.replace(path)


async def _tell(messages: Messages, request: FileRequest, error: str | None) -> None:
    """Tell the kernel that its request was heard, or what has become of it."""
    code = f"exec({_ANSWER!r}, {{'arguments': {[request.id, error]!r}}})"
    with contextlib.suppress(YarnKernelError):
        await messages.execute(code, ANSWER_TIMEOUT, "control")
