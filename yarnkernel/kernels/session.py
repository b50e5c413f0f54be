"""A connection to a kernel that runs cells, several at a time."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from queue import Empty
from typing import TYPE_CHECKING, Any, cast

from jupyter_client.asynchronous.client import AsyncKernelClient

from yarnkernel.errors import YarnKernelError
from yarnkernel.kernels.results import CellError, Output, Outputs, Result

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from yarnkernel.connection import ConnectionInfo

#: Whether this jupyter_client supports CurveZMQ, as 8.9 and newer do.
ENCRYPTS = hasattr(AsyncKernelClient, "curve_publickey")
#: Seconds for a kernel to answer after connecting.
READY_TIMEOUT = 60.0
#: Seconds between two checks whether anybody still listens.
LOOK_INTERVAL = 1.0
#: Seconds for the last outputs of a dead kernel to arrive.
LAST_WORDS = 1.0


@dataclass
class _Cell:
    tell: Callable[[Output], object] | None
    outputs: Outputs = field(default_factory=Outputs)
    idle: asyncio.Event = field(default_factory=asyncio.Event)
    reply: asyncio.Future[dict[str, Any]] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )

    def take(self, message: dict[str, Any]) -> None:
        kind, content = message["msg_type"], message["content"]
        if kind == "status" and content["execution_state"] == "idle":
            self.idle.set()
            return
        output = self.outputs.take(kind, content)
        if output is not None and self.tell is not None:
            self.tell(output)

    def give_up(self, error: CellError) -> None:
        """Stop waiting, as the kernel has died."""
        self.outputs.error = self.outputs.error or error
        self.idle.set()
        if not self.reply.done():
            self.reply.set_result({})

    async def wait(self) -> Result:
        reply = await self.reply
        await self.idle.wait()
        if reply.get("status") == "aborted" and self.outputs.error is None:
            reason = "a cell before this one has failed, so that this one was not run"
            self.outputs.error = CellError("Aborted", reason)
        return Result(self.outputs.all, self.outputs.error, reply.get("execution_count"))


class Session:
    """A connection to a kernel in the running event loop.

    Parameters
    ----------
    info : dict
        The kernel's connection info.
    """

    def __init__(self, info: ConnectionInfo) -> None:
        self._client = AsyncKernelClient()
        self._client.load_connection_info(cast("Any", info))
        self._cells: dict[str, _Cell] = {}
        self._readers: list[asyncio.Task[None]] = []

    async def open(self) -> None:
        """Connect.

        Raises
        ------
        YarnKernelError
            When the kernel does not answer.
        """
        self._client.start_channels(stdin=False, hb=False)
        try:
            await self._client.wait_for_ready(timeout=READY_TIMEOUT)
        except RuntimeError as exc:
            raise YarnKernelError(
                f"the kernel does not answer within {READY_TIMEOUT:.0f} s"
            ) from exc
        for read, take in (
            (self._client.get_iopub_msg, self._take_broadcast),
            (self._client.get_shell_msg, self._take_reply),
        ):
            self._readers.append(asyncio.create_task(self._read(read, take)))

    async def execute(self, code: str, tell: Callable[[Output], object] | None) -> Result:
        """Run a cell and wait for its end.

        Parameters
        ----------
        code : str
            The cell.
        tell : callable or None
            Called with each output as it arrives.
        """
        cell = _Cell(tell)
        content = {
            "code": code,
            "silent": False,
            "store_history": True,
            "user_expressions": {},
            "allow_stdin": False,
            "stop_on_error": False,
        }
        message = self._client.session.msg("execute_request", content)
        self._cells[message["header"]["msg_id"]] = cell
        self._client.shell_channel.send(message)
        try:
            return await cell.wait()
        finally:
            del self._cells[message["header"]["msg_id"]]

    async def died(self, error: CellError) -> None:
        """Tell the running cells that their kernel has ended."""
        cells = list(self._cells.values())
        await asyncio.sleep(LAST_WORDS if cells else 0)
        for cell in cells:
            cell.give_up(error)

    async def close(self) -> None:
        """Close the connection; running cells go on."""
        for reader in self._readers:
            reader.cancel()
        for reader in self._readers:
            with contextlib.suppress(asyncio.CancelledError):
                await reader
        self._client.stop_channels()

    @staticmethod
    async def _read(
        read: Callable[..., Awaitable[dict[str, Any]]], take: Callable[[dict[str, Any]], None]
    ) -> None:
        while True:
            with contextlib.suppress(Empty):
                take(await read(timeout=LOOK_INTERVAL))

    def _take_broadcast(self, message: dict[str, Any]) -> None:
        if cell := self._cells.get(message["parent_header"].get("msg_id", "")):
            cell.take(message)

    def _take_reply(self, message: dict[str, Any]) -> None:
        cell = self._cells.get(message["parent_header"].get("msg_id", ""))
        if cell is not None and not cell.reply.done():
            cell.reply.set_result(message["content"])
