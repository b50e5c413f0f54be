"""Queries kernels that ran before, in this process, as no agent has started them."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from yarnkernel.connection import is_encrypted
from yarnkernel.deadline import START_TIMEOUT, Deadline
from yarnkernel.errors import YarnKernelError
from yarnkernel.kernels import places
from yarnkernel.kernels.async_kernel import INTERRUPT_TIMEOUT, RESTART_TIMEOUT
from yarnkernel.kernels.session import ENCRYPTS

if TYPE_CHECKING:
    from yarnkernel.connection import ConnectionInfo


def find(kernel: str) -> tuple[ConnectionInfo, int]:
    """Return a kernel's connection info, and its number of restarts.

    Raises
    ------
    YarnKernelError
        When it has ended or cannot be reached.
    """
    with places.find_kernel(kernel) as handle:
        info = handle.wait(Deadline(START_TIMEOUT))
        if ENCRYPTS and not is_encrypted(info):
            with contextlib.suppress(YarnKernelError):
                info = handle.other_info(INTERRUPT_TIMEOUT, encrypted=True) or info
        status = handle.kernel_status(INTERRUPT_TIMEOUT)
        return info, status.restarts if status is not None else 0


def restart(kernel: str) -> int:
    """Restart a kernel in place, and return the number of restarts so far.

    Raises
    ------
    YarnKernelError
        When it cannot be restarted.
    """
    with places.find_kernel(kernel) as handle:
        return handle.restart(RESTART_TIMEOUT)[1]
