"""Processes of an application's containers, and kernels that wait for a file before they start."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import psutil

from tests.conftest import own_processes, wait_for
from tests.support.kernels import RECIPE, write_spec

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

#: A kernel that starts when a file is there.
HELD = (
    RECIPE + " -- sh -c 'until [ -e {go} ]; do sleep 0.05; done;"
    ' exec python -m ipykernel_launcher -f "$0"\' {{connection_file}}'
)


def in_containers(app_id: str) -> list[psutil.Process]:
    """All processes of an application's containers."""
    ending = app_id.removeprefix("application_")
    found = []
    for process in own_processes():
        with contextlib.suppress(psutil.Error):
            if f"_{ending}_" in _container_of(process):
                found.append(process)
    return found


def _container_of(process: psutil.Process) -> str:
    try:
        return process.environ().get("CONTAINER_ID", "")
    except psutil.AccessDenied:  # a recipe; its parent is the NodeManager's script
        parent = process.parent()
        return " ".join(parent.cmdline()) if parent is not None else ""


def one_of(app_id: str, module: str) -> psutil.Process:
    """The process of an application that runs a module."""

    def find() -> psutil.Process | None:
        for process in in_containers(app_id):
            with contextlib.suppress(psutil.Error):
                if process.cmdline()[1:3] == ["-m", module]:
                    return process
        return None

    found: psutil.Process = wait_for(find, 30, f"{module} of {app_id}")
    return found


def await_nothing_left(app_id: str) -> None:
    wait_for(lambda: not in_containers(app_id), 60, f"no process of {app_id}")


def started(process: subprocess.Popen[str]) -> str:
    """The id of the application that `yarnkernel start` tells of."""
    assert process.stderr
    while "submitted" not in (line := process.stderr.readline()):
        assert process.poll() is None, line
    return next(word for word in line.split() if word.startswith("application_"))


def held_spec(directory: Path) -> tuple[Path, Path]:
    go = directory / "go"
    return write_spec(directory, HELD.format(go=go)), go
