"""The two messages that a supervisor sends to its kernel, over Jupyter's messaging protocol.

https://jupyter-client.readthedocs.io/en/stable/messaging.html
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any, cast

from yarnkernel.errors import YarnKernelError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jupyter_client.asynchronous.client import AsyncKernelClient

    from yarnkernel.connection import ConnectionInfo


@contextlib.contextmanager
def _client(info: ConnectionInfo, channel: str) -> Iterator[AsyncKernelClient]:
    from jupyter_client.asynchronous.client import AsyncKernelClient  # noqa: PLC0415  (slow)

    client = AsyncKernelClient()
    client.load_connection_info(cast("Any", info))
    channels = dict.fromkeys(("shell", "iopub", "stdin", "hb", "control"), False)
    client.start_channels(**{**channels, channel: True})
    try:
        yield client
    finally:
        client.stop_channels()


async def ask_kernel_info(info: ConnectionInfo, timeout: float) -> None:
    """Ask a kernel what it is and wait for the answer.

    Raises
    ------
    YarnKernelError
        When it does not answer within ``timeout`` seconds.
    """
    with _client(info, "shell") as client:
        client.kernel_info()
        try:
            await asyncio.wait_for(client.get_shell_msg(timeout=None), timeout)
        except asyncio.TimeoutError:
            raise YarnKernelError(f"it did not answer within {timeout:.0f} s") from None


async def shut_down(info: ConnectionInfo, ended: asyncio.Task[int], timeout: float) -> None:
    """Ask a kernel to end and wait for its end, or ``timeout`` seconds.

    Parameters
    ----------
    info : dict
        Connection info of the kernel.
    ended : asyncio.Task
        Is done when the kernel's process has ended.
    timeout : float
        Seconds.
    """
    with _client(info, "control") as client:
        client.shutdown()
        # A closed channel drops what it has not sent yet.
        await asyncio.wait([ended], timeout=timeout)
