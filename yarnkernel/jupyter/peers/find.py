"""Finds, recognizes and imports other tools' kernelspecs."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yarnkernel.errors import UsageError
from yarnkernel.jupyter.kernelspec import Kernelspec, find_kernelspecs, read_kernelspec
from yarnkernel.jupyter.peers import remote_ikernel, remote_kernel, sshpyk
from yarnkernel.jupyter.peers.taken import ipython_of
from yarnkernel.shell import is_variable_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from yarnkernel.jupyter.peers.taken import Taken

#: Supported tools, with the modules that read their kernelspecs.
PEERS = {module.NAME: module for module in (remote_ikernel, remote_kernel, sshpyk)}
#: Variables of the front end's own ssh.
_OF_SSH = "SSH_"


@dataclass(frozen=True)
class Import:
    """The result of importing another tool's kernelspec.

    Attributes
    ----------
    source : Kernelspec
        The other tool's kernelspec.
    tool : str
        The tool's name.
    options : dict
        The same as options of yarnkernel.
    left_out : list of str
        What is not imported, and why: a line each.
    """

    source: Kernelspec
    tool: str
    options: dict[str, Any]
    left_out: list[str]

    @property
    def display_name(self) -> str:
        """The name that users see."""
        return _text(self.source.content, "display_name")

    @property
    def language(self) -> str:
        """The kernel's language; empty if it is not in the kernelspec."""
        return _text(self.source.content, "language")

    @property
    def logos(self) -> tuple[Path, ...]:
        """Its logos."""
        found = self.source.directory.glob("logo-*.*")
        return tuple(path for path in sorted(found) if path.is_file())


def _text(content: dict[str, Any], name: str) -> str:
    value = content.get(name)
    return value if isinstance(value, str) else ""


def tool_of(kernelspec: Kernelspec) -> str:
    """Return the tool that a kernelspec belongs to; empty if it is not in :data:`PEERS`."""
    return next((name for name, peer in PEERS.items() if peer.is_one(kernelspec.content)), "")


def installed_of(tool: str) -> list[Kernelspec]:
    """Return a tool's kernelspecs that Jupyter finds.

    Raises
    ------
    UsageError
        When there are none.
    """
    found = [spec for spec in find_kernelspecs().values() if tool_of(spec) == tool]
    if found:
        return found
    raise UsageError(
        f"Jupyter finds no kernelspec of {tool}; next: jupyter kernelspec list, or "
        "yarnkernel kernelspec import FILE"
    )


def read_file(path: Path) -> Kernelspec:
    """Read a ``kernel.json``, given by its own path or its directory's.

    Raises
    ------
    UsageError
        When there is no such file, or it cannot be read.
    """
    file = path / "kernel.json" if path.is_dir() else path
    if not file.is_file():
        raise UsageError(
            f"{str(path)!r} is none of {', '.join(PEERS)}, nor a kernel.json or its directory"
        )
    directory = file.resolve().parent
    found = read_kernelspec(directory.name, directory) if file.name == "kernel.json" else None
    if found is None:
        raise UsageError(f"{file} is no kernel.json that can be read")
    return found


def take_over(kernelspec: Kernelspec) -> Import:
    """Import another tool's kernelspec.

    Raises
    ------
    UsageError
        When it cannot be imported.
    """
    tool = tool_of(kernelspec)
    if not tool:
        whose = "yarnkernel's own" if kernelspec.is_ours else f"none of {', '.join(PEERS)}"
        raise UsageError(
            f"the kernelspec in {kernelspec.directory} is {whose}; next: yarnkernel start "
            "--kernelspec NAME, with --interface for a kernel's own"
        )
    try:
        taken = PEERS[tool].read(kernelspec.content)
        here = "host" not in taken.options
        if here and "precmd" not in taken.options:
            _find_python(taken)
        take_variables(kernelspec.content, taken, here=here)
        take_interrupt_mode(kernelspec.content, taken, own=PEERS[tool] is sshpyk)
    except UsageError as exc:
        raise UsageError(f"the kernelspec in {kernelspec.directory}: {exc}") from None
    return Import(kernelspec, tool, taken.options, taken.left_out)


def _find_python(taken: Taken) -> None:
    """Find the Python of an IPython that the tool would find on the front end's PATH.

    A job's PATH is that of its login shell.
    """
    command = taken.options.get("kernel_cmd", [])
    found = shutil.which(command[0]) if command and "/" not in command[0] else None
    if found is None:
        return
    known = ipython_of([found, *command[1:]])
    if known is not None and Path(known[0]).exists():
        del taken.options["kernel_cmd"]
        taken.set_command([found, *command[1:]])


def take_variables(
    content: dict[str, Any],
    taken: Taken,
    *,
    here: bool,
    expand: Callable[[str], str] | None = None,
) -> None:
    """Import the environment variables of a ``kernel.json``.

    Parameters
    ----------
    content : dict
        The ``kernel.json``.
    taken : Taken
        The options that get them.
    here : bool
        Whether the kernel runs on this machine, or jobs are submitted on it.
    expand : callable, optional
        Substitutes variables of this machine, as jupyter_client does (``provisioner_base.py``). By
        default nothing is substituted, as yarnkernel takes values literally.
    """
    env = content.get("env")
    found = {}
    for name, value in env.items() if isinstance(env, dict) else ():
        if not is_variable_name(name) or not isinstance(value, str):
            taken.leave(f"env {name}", "it is no variable")
        elif "$" in value and (expand is None or not here):
            taken.leave(f"env {name}", "Jupyter put values of this machine into it")
        elif name.startswith(_OF_SSH) and not here:
            taken.leave(f"env {name}", "it is for ssh here, not for the kernel there")
        else:
            found[name] = value if expand is None else expand(value)
    if found:
        taken.options["env"] = found


def take_interrupt_mode(content: dict[str, Any], taken: Taken, *, own: bool = False) -> None:
    """Import the interrupt mode of a kernel that is not IPython's.

    Parameters
    ----------
    content : dict
        The ``kernel.json``.
    taken : Taken
        The options that get it; the command is already known.
    own : bool, default False
        Whether the tool has its own way of interrupting, which says nothing about the kernel.
    """
    message = content.get("interrupt_mode") == "message"
    if message and not own and "kernel_cmd" in taken.options:
        taken.options["interrupt_mode"] = "message"
