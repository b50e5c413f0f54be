"""A host that is started anew under its kernels: another run of its system, by its boot id."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.kernels import Kernel

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Shell
    from tests.support.ssh_host import SshHost


def test_host_is_rebooted(ssh_shell: Shell, box: SshHost, bare_python: Path) -> None:
    shell = ssh_shell
    start = ("start", "--interface", "ssh", "--host", "box", "--python", bare_python)
    kernel = shell.yarnkernel(*start).ok().out.strip()
    with Kernel(shell.yarnkernel("connect", kernel).ok().document) as client:
        client.run("import os; os.system('echo a line for the log')")
    box.reboot()
    status = shell.yarnkernel("status", kernel, timeout=100).ok().out
    assert "FAILED" in status
    assert "was started anew meanwhile" in status
    assert "was started anew" in shell.yarnkernel("interrupt", kernel).error(1)
    assert kernel not in shell.yarnkernel("list", "--ids").out
    assert "a line for the log" in shell.yarnkernel("logs", kernel).ok().out
    other = shell.yarnkernel(*start).ok().out.strip()
    with Kernel(shell.yarnkernel("connect", other).ok().document) as client:
        assert client.run("6 * 7").strip() == "42"
    assert "FINISHED SUCCEEDED" in shell.yarnkernel("stop", other).ok().err
