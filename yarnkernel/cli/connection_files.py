"""Removes the connection files that ``start`` has written when their kernels end."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from yarnkernel.connection import default_connection_file
from yarnkernel.errors import YarnKernelError
from yarnkernel.kernels import places

if TYPE_CHECKING:
    from collections.abc import Iterable

_PREFIX, _SUFFIX = "kernel-", ".json"


def remove_of(kernels: Iterable[str]) -> None:
    """Remove the files of kernels that have ended."""
    with contextlib.suppress(OSError, YarnKernelError):
        for kernel in kernels:
            default_connection_file(kernel).unlink(missing_ok=True)


def remove_stale(kernel: str) -> None:
    """Remove files of kernels that ended by themselves, at the place of a running one."""
    with contextlib.suppress(OSError, YarnKernelError):
        running: set[str] | None = None
        # Ids of one run of a ResourceManager, or of one interface on one host, share a prefix.
        begin = kernel.rpartition("_" if places.is_application(kernel) else "-")[0]
        for path in default_connection_file(kernel).parent.glob(f"{_PREFIX}{begin}[_-]*{_SUFFIX}"):
            other = path.name[len(_PREFIX) : -len(_SUFFIX)]
            if other == kernel:
                continue
            if running is None:
                running = {status.id for status in places.list_kernels(user=None)}
            if kernel in running and other not in running:
                path.unlink(missing_ok=True)
