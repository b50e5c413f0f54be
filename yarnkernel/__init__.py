"""Run Jupyter kernels in Hadoop YARN containers.

Names are imported when they are used, so that ``import yarnkernel`` costs
nothing in a container and on the command line.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from yarnkernel.connection import ConnectionInfo as ConnectionInfo
    from yarnkernel.connection import parse_connection_info as parse_connection_info
    from yarnkernel.connection import write_connection_file as write_connection_file
    from yarnkernel.errors import YarnKernelError as YarnKernelError
    from yarnkernel.yarn.client import YarnClient as YarnClient
    from yarnkernel.yarn.client import list_kernels as list_kernels
    from yarnkernel.yarn.kernel import YarnKernel as YarnKernel
    from yarnkernel.yarn.skein_way import SkeinWay as SkeinWay
    from yarnkernel.yarn.spec import load_spec as load_spec
    from yarnkernel.yarn.way import choose_way as choose_way

__version__ = "0.1.0"

_HOMES = {
    "ConnectionInfo": "connection",
    "SkeinWay": "yarn.skein_way",
    "YarnClient": "yarn.client",
    "YarnKernel": "yarn.kernel",
    "YarnKernelError": "errors",
    "choose_way": "yarn.way",
    "list_kernels": "yarn.client",
    "load_spec": "yarn.spec",
    "parse_connection_info": "connection",
    "write_connection_file": "connection",
}
__all__ = [*_HOMES]  # noqa: PLE0604  (the keys are strings)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
