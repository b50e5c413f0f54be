"""Run Jupyter kernels where the data is: in Hadoop YARN containers.

>>> import yarnkernel
>>> with yarnkernel.start(memory="2 GiB") as kernel:  # doctest: +SKIP
...     print(kernel.execute("6 * 7").value)
42

Names are imported on first use, so that ``import yarnkernel`` costs nothing in a container and on
the command line. ``yarnkernel.aio`` is the same for asyncio.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from yarnkernel.connection import ConnectionInfo as ConnectionInfo
    from yarnkernel.errors import UsageError as UsageError
    from yarnkernel.errors import YarnKernelError as YarnKernelError
    from yarnkernel.groups.group import Group as Group
    from yarnkernel.groups.results import GroupError as GroupError
    from yarnkernel.groups.results import GroupResult as GroupResult
    from yarnkernel.groups.results import TargetResult as TargetResult
    from yarnkernel.groups.run import LeftRunningError as LeftRunningError
    from yarnkernel.groups.run import Run as Run
    from yarnkernel.kernel_status import KernelStatus as KernelStatus
    from yarnkernel.kernels import aio as aio
    from yarnkernel.kernels.blocking import Kernel as Kernel
    from yarnkernel.kernels.blocking import Kernels as Kernels
    from yarnkernel.kernels.blocking import connect as connect
    from yarnkernel.kernels.blocking import list as list  # noqa: A004
    from yarnkernel.kernels.blocking import start as start
    from yarnkernel.kernels.blocking import start_several as start_several
    from yarnkernel.kernels.handle import Status as Status
    from yarnkernel.kernels.options import LaunchOptions as LaunchOptions
    from yarnkernel.kernels.results import CellError as CellError
    from yarnkernel.kernels.results import CodeError as CodeError
    from yarnkernel.kernels.results import Display as Display
    from yarnkernel.kernels.results import ExecutionTimeoutError as ExecutionTimeoutError
    from yarnkernel.kernels.results import Missed as Missed
    from yarnkernel.kernels.results import MissedCell as MissedCell
    from yarnkernel.kernels.results import Output as Output
    from yarnkernel.kernels.results import Result as Result
    from yarnkernel.kernels.results import Stream as Stream
    from yarnkernel.progress import Progress as Progress

__version__ = "0.1.0"

_HOMES = {
    "CellError": "kernels.results",
    "CodeError": "kernels.results",
    "ConnectionInfo": "connection",
    "Display": "kernels.results",
    "ExecutionTimeoutError": "kernels.results",
    "Group": "groups.group",
    "GroupError": "groups.results",
    "GroupResult": "groups.results",
    "Kernel": "kernels.blocking",
    "KernelStatus": "kernel_status",
    "Kernels": "kernels.blocking",
    "LaunchOptions": "kernels.options",
    "LeftRunningError": "groups.run",
    "Missed": "kernels.results",
    "MissedCell": "kernels.results",
    "Output": "kernels.results",
    "Progress": "progress",
    "Result": "kernels.results",
    "Run": "groups.run",
    "Status": "kernels.handle",
    "Stream": "kernels.results",
    "TargetResult": "groups.results",
    "UsageError": "errors",
    "YarnKernelError": "errors",
    "aio": "kernels",
    "connect": "kernels.blocking",
    "list": "kernels.blocking",
    "start": "kernels.blocking",
    "start_several": "kernels.blocking",
}
__all__ = [*_HOMES]  # noqa: PLE0604  (the keys are strings)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name == "aio":
        return import_module("yarnkernel.kernels.aio")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def load_ipython_extension(shell: Any) -> None:
    """Register ``%%remote`` with IPython, for ``%load_ext yarnkernel``."""
    import_module("yarnkernel.magics.magic").load(shell)


def unload_ipython_extension(shell: Any) -> None:
    """End the session's kernels, for ``%unload_ext yarnkernel``."""
    import_module("yarnkernel.magics.magic").unload(shell)


def __dir__() -> Any:
    return sorted([*__all__, "__doc__", "__version__"])
