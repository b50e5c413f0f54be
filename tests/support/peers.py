"""Kernelspecs as other tools write them.

Those of remote_ikernel and sshpyk were written by their own commands, remote_kernel's as its code
does (install.py), for it wants to reach a host first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

PYTHON = "/opt/jupyter/bin/python"


def remote_ikernel(*arguments: str, **content: Any) -> dict[str, Any]:
    """As ``remote_ikernel manage --add`` writes it, with ``remote_ikernel_argv`` beside it."""
    return {
        "argv": [PYTHON, "-m", "remote_ikernel", *arguments, "{connection_file}"],
        "display_name": "a name",
        "remote_ikernel_argv": ["/opt/jupyter/bin/remote_ikernel", "manage", "--add"],
        **content,
    }


def remote_kernel(target: str, before: Sequence[str] = (), after: Sequence[str] = ()) -> Any:
    """As ``python -m remote_kernel install`` writes it."""
    argv = [PYTHON, "-m", "remote_kernel", "-t", target, *before, "-f", "{connection_file}", *after]
    return {"argv": argv, "language": "python", "display_name": f"remote_kernel-{target}"}


def sshpyk(**config: Any) -> dict[str, Any]:
    """As ``sshpyk add`` writes it."""
    return {
        "argv": [
            PYTHON,
            "/opt/jupyter/bin/sshpyk-kernel",
            "--SSHKernelApp.kernel_name=ssh_remote_python3",
            "--KernelManager.connection_file='{connection_file}'",
        ],
        "display_name": "Remote Python 3.10",
        "language": "python",
        "interrupt_mode": "message",
        "metadata": {
            "kernel_provisioner": {
                "provisioner_name": "sshpyk-provisioner",
                "config": {
                    "ssh": None,
                    "ssh_host_alias": "remote_server_sshpyk",
                    "remote_python": "/path/to/python/env/bin/python",
                    "remote_kernel_name": "python3",
                    "ssh_config": "~/.ssh/config",
                    **config,
                },
            }
        },
    }
