"""Reads kernelspecs of remote_kernel (``install_kernel`` in install.py, and start.py)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from yarnkernel.connection import CONNECTION_FILE
from yarnkernel.errors import UsageError
from yarnkernel.jupyter.peers.ssh_hosts import host_of
from yarnkernel.jupyter.peers.taken import PeerParser, Taken, arguments_of, command_of
from yarnkernel.kernels.interfaces import SSH

if TYPE_CHECKING:
    import argparse

NAME = "remote_kernel"


def is_one(content: dict[str, Any]) -> bool:
    """Return whether a ``kernel.json`` is one of remote_kernel's."""
    return arguments_of(content, NAME) is not None


def read(content: dict[str, Any]) -> Taken:
    """Read a ``kernel.json``.

    Raises
    ------
    UsageError
        When it cannot be imported.
    """
    given = _parse(arguments_of(content, NAME) or [])
    taken = Taken({"interface": SSH, "host": host_of(given.target)})
    if given.J:
        taken.options["jump"] = [host_of(host) for host in given.J]
    if given.i:
        taken.leave(f"-i {given.i}", f"put it into ~/.ssh/config: Host ..., IdentityFile {given.i}")
    if given.pre_command:
        taken.options["precmd"] = [given.pre_command]
    # remote_kernel appended the location of ports and key.
    taken.set_command(command_of(f"{given.kernel} -f {CONNECTION_FILE}"))
    if given.no_remote_files:
        taken.leave(
            "--no-remote-files", "the key comes by a file that is the user's alone, not by argv"
        )
    if given.synchronize:
        folder = given.local_folder or "remote_kernel_sync"
        taken.leave(
            f"--synchronize of {folder}",
            "that is where Jupyter runs; next: kernelspec set NAME --sync DIRECTORY",
        )
    return taken


def _parse(arguments: list[str]) -> argparse.Namespace:
    """Parse arguments as ``get_parser`` does."""
    parser = PeerParser(NAME)
    parser.add_argument("--target", "-t", required=True)
    parser.add_argument("-J", action="append")
    parser.add_argument("-i")
    parser.add_argument("--kernel", "-k", default="python -m ipykernel")
    parser.add_argument("--pre-command", "-pc")
    parser.add_argument("--name", "-n")
    parser.add_argument("--file", "-f")
    parser.add_argument("--no-remote-files", action="store_true")
    parser.add_argument("--synchronize", "-s", action="store_true")
    parser.add_argument("--no-recursive", "-nr", action="store_true")
    parser.add_argument("--bi-directional", "-bd", action="store_true")
    parser.add_argument("--remote-folder", "-rf")
    parser.add_argument("--local-folder", "-lf")
    in_file = [word for word in arguments if word.startswith("@")]
    if in_file:
        raise UsageError(f"the arguments in the file {in_file[0][1:]} are not read")
    return parser.parse_args(arguments)
