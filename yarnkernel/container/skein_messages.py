"""skein's generated messages, without importing skein itself.

The package would add 15 MB to each container. A later import of skein gets the same module, as
protobuf messages can be registered only once in a process.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

__all__ = ["messages"]

_NAME = "skein.proto.skein_pb2"


def _import_messages() -> Any:
    if _NAME in sys.modules:
        return sys.modules[_NAME]
    package = importlib.util.find_spec("skein")
    if package is None or package.origin is None:
        raise ModuleNotFoundError("No module named 'skein'", name="skein")
    path = Path(package.origin).with_name("proto") / "skein_pb2.py"
    spec = importlib.util.spec_from_file_location(_NAME, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} cannot be imported", name=_NAME)
    module = sys.modules[_NAME] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[_NAME]
        raise
    return module


messages = _import_messages()
