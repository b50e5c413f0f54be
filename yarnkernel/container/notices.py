"""Notices in a notebook from the supervisor, which only IPython kernels can show."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

from yarnkernel.errors import YarnKernelError

if TYPE_CHECKING:
    from yarnkernel.container.kernel import Kernel

#: Seconds for clients to reconnect to a new process; ZeroMQ tries ten times a second.
RECONNECT_GRACE = 0.3
#: Seconds for a kernel to show a notice.
TIMEOUT = 1.0


async def tell_broken_off(kernel: Kernel, text: str, parents: list[dict[str, Any]]) -> None:
    """Add a text to the outputs of requests that the previous process did not finish."""
    if parents and kernel.is_ipython:
        await asyncio.sleep(RECONNECT_GRACE)
        with contextlib.suppress(YarnKernelError):
            await kernel.messages.add_output(text, parents, TIMEOUT)


async def warn(kernel: Kernel, text: str) -> None:
    """Add a text to the output of the current or last request, without waiting for it."""
    parents = kernel.activity.last_headers
    if parents and kernel.is_ipython:
        with contextlib.suppress(YarnKernelError):
            await kernel.messages.add_output(text, parents, TIMEOUT, at_once=True)
