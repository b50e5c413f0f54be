"""Kernelspecs of a user, as they are installed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.conftest import Shell


def kernels_of(shell: Shell) -> Path:
    return Path(shell.environment["HOME"], ".local/share/jupyter/kernels")


def read(directory: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((directory / "kernel.json").read_text())
    return content


def write(directory: Path, content: Any) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "kernel.json").write_text(json.dumps(content))


def edit_config(directory: Path, **config: Any) -> None:
    content = read(directory)
    content["metadata"]["kernel_provisioner"]["config"] |= config
    write(directory, content)
