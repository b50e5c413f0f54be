"""What `yarnkernel doctor` says of places outside YARN that are in order, and of one that hangs."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

from tests.support.doctored import examined, failing

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Shell
    from tests.support.daemons import BatchSystem

SLURM = ("--interface", "slurm", "--host", "login")


def test_slurm(slurm_shell: Shell, slurm: BatchSystem, bare_python: Path) -> None:
    """By ssh: the line, the Python there, the scheduler; then one that says nothing."""
    checks = examined(slurm_shell, *SLURM, "--python", bare_python)
    assert failing(checks) == []
    assert "ssh login: " in checks["host"]["found"]
    assert f"{bare_python} 3." in checks["Python there"]["found"]
    assert "ipykernel" in checks["Python there"]["found"]
    assert "slurm on login answers; " in checks["scheduler"]["found"]
    slurm.controller.send_signal(signal.SIGSTOP)
    try:
        checks = examined(slurm_shell, *SLURM, "--python", bare_python, "--timeout", "12")
    finally:
        slurm.controller.send_signal(signal.SIGCONT)
    assert failing(checks) == ["scheduler"]
    assert checks["host"]["state"] == "ok"
    assert "where jobs are submitted" in checks["scheduler"]["todo"]


def test_grid_engine(sge_shell: Shell, bare_python: Path) -> None:
    checks = examined(sge_shell, "--interface", "sge", "--python", bare_python)
    assert failing(checks) == []
    assert "sge on this host answers" in checks["scheduler"]["found"]
