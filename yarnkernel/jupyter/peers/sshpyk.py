"""Reads kernelspecs of sshpyk (2025: ``add_kernel`` in cli.py, traits in provisioning.py)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from yarnkernel.connection import CONNECTION_FILE
from yarnkernel.errors import UsageError
from yarnkernel.jupyter.peers.taken import Taken
from yarnkernel.kernels.interfaces import SSH

NAME = "sshpyk"
PROVISIONER = "sshpyk-provisioner"
#: The kernel that every Python with ipykernel has (``jupyter_client.kernelspec``).
_NATIVE = "python3"
_OPENSSH_CONFIG = "~/.ssh/config"
#: Runs a remote kernelspec as jupyter_client does, which sshpyk requires there as well.
_BY_NAME = (
    "import os, re, sys; from jupyter_client.kernelspec import get_kernel_spec; "
    "spec = get_kernel_spec(sys.argv[1]); values = dict(connection_file=sys.argv[2], "
    "resource_dir=spec.resource_dir, prefix=sys.prefix); "
    r"argv = [re.sub(r'{(\w+)}', lambda m: values.get(m[1], m[0]), word) for word in spec.argv]; "
    r"argv[0] = sys.executable if re.fullmatch(r'python[\d.]*', argv[0]) else argv[0]; "
    "os.environ.update(spec.env); os.execvp(argv[0], argv)"
)
#: Options about its own processes, with the reason why yarnkernel has no equivalent.
_OWN = {
    "shutdown_timeout": "an end has times of its own",
    "shutdown_time": "an end has times of its own",
    "ssh_verbose": "yarnkernel start -v tells each step",
    "independent_local_processes": "no process of the front end's group runs ssh",
    "existing": "yarnkernel connect reaches a kernel that runs",
    "persistent_file": "yarnkernel list finds kernels that run",
}


def is_one(content: dict[str, Any]) -> bool:
    """Return whether a ``kernel.json`` is one of sshpyk's."""
    return _provisioner(content).get("provisioner_name") == PROVISIONER


def _provisioner(content: dict[str, Any]) -> dict[str, Any]:
    metadata = content.get("metadata")
    found = metadata.get("kernel_provisioner") if isinstance(metadata, dict) else None
    return found if isinstance(found, dict) else {}


def read(content: dict[str, Any]) -> Taken:
    """Read a ``kernel.json``.

    Raises
    ------
    UsageError
        When it cannot be imported.
    """
    config = _provisioner(content).get("config")
    config = dict(config) if isinstance(config, dict) else {}
    host = _text(config, "ssh_host_alias")
    if not host:
        raise UsageError("its configuration has no ssh_host_alias")
    taken = Taken({"interface": SSH, "host": host})
    python = _text(config, "remote_python")
    if prefix := _text(config, "remote_python_prefix"):  # as in its first versions
        python = python or f"{prefix.rstrip('/')}/bin/python"
    if python:
        taken.options["python"] = python
    kernel = _text(config, "remote_kernel_name") or _NATIVE
    if kernel != _NATIVE:
        command = [python or _NATIVE, "-c", _BY_NAME, kernel, CONNECTION_FILE]
        taken.options["kernel_cmd"] = command
    _take_times(config, taken)
    _leave_ssh(config, taken)
    for name, value in config.items():
        if value not in (None, "", False):
            taken.leave(f"{name} = {value}", _OWN.get(name, "it is not known here"))
    return taken


def _text(config: dict[str, Any], name: str) -> str:
    value = config.pop(name, None)
    if value is not None and not isinstance(value, str):
        raise UsageError(f"its {name} has to be text, not {value!r}")
    return value or ""


def _take_times(config: dict[str, Any], taken: Taken) -> None:
    if (timeout := config.pop("launch_timeout", None)) is not None:
        taken.options["timeout"] = timeout
    if config.pop("persistent", False):
        taken.options["keep"] = True
        taken.leave(
            "persistent", "a kernel goes on when its front end ends, but not when it is shut down"
        )


def _leave_ssh(config: dict[str, Any], taken: Taken) -> None:
    if ssh := _text(config, "ssh"):
        taken.leave(f"ssh = {ssh}", "the ssh on PATH is used")
    path = _text(config, "ssh_config")
    if path and Path(path).expanduser() != Path(_OPENSSH_CONFIG).expanduser():
        taken.leave(
            f"ssh_config = {path}", f"ssh reads {_OPENSSH_CONFIG}; next: put 'Include {path}' there"
        )
