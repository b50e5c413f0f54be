"""Options of any installed kernelspec, for starts without a front end."""

from __future__ import annotations

import os
import re
import string
import sys
from typing import TYPE_CHECKING, Any

from yarnkernel.errors import UsageError
from yarnkernel.jupyter.kernelspec import find_installed
from yarnkernel.jupyter.kernelspec_content import given_options
from yarnkernel.jupyter.peers.find import (
    take_interrupt_mode,
    take_over,
    take_variables,
    tool_of,
)
from yarnkernel.jupyter.peers.taken import Taken
from yarnkernel.kernels.command import check_command
from yarnkernel.kernels.interfaces import HOSTED
from yarnkernel.kernels.options import OPTIONS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from yarnkernel.jupyter.kernelspec import Kernelspec


def start_values(name: str, given: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Combine the options of a kernelspec and of a command line.

    Parameters
    ----------
    name : str
        The kernelspec's name.
    given : mapping
        Options of the command line, which take precedence; variables are added.

    Returns
    -------
    dict
        All options.
    list of str
        Messages for the user: a line each.

    Raises
    ------
    UsageError
        When there is no such kernelspec, or it cannot be used.
    """
    kernelspec = find_installed(name)
    if kernelspec.is_ours:
        taken = _own(kernelspec)
    elif tool_of(kernelspec):
        found = take_over(kernelspec)
        taken = Taken(found.options, _not_taken(found.left_out))
    else:
        taken = _ordinary(kernelspec, given)
    own = {option: value for option, value in taken.options.items() if option in OPTIONS}
    values = {**own, **given}
    if "env" in own and "env" in given:
        values["env"] = {**own["env"], **given["env"]}
    return values, taken.left_out


def _not_taken(lines: Sequence[str]) -> list[str]:
    return [f"not taken over: {line}" for line in lines]


def _own(kernelspec: Kernelspec) -> Taken:
    try:
        values = dict(given_options(kernelspec))
    except UsageError as exc:
        raise UsageError(f"the kernelspec in {kernelspec.directory}: {exc}") from None
    if values.get("spec"):
        values["spec"] = str(kernelspec.directory / values["spec"])
    taken = Taken(values)
    before = values.get("env", {})
    # Front ends put these into their own environment, from which they are forwarded.
    take_variables(kernelspec.content, taken, here=True, expand=_expanded)
    if "env" in values:
        values["env"] |= before
    return taken


def _expanded(value: str) -> str:
    return string.Template(value).safe_substitute(os.environ)


def _ordinary(kernelspec: Kernelspec, given: Mapping[str, Any]) -> Taken:
    """Read a kernel's own kernelspec, which is for this machine only."""
    interface = given.get("interface", "")
    if interface not in HOSTED:
        raise UsageError(
            f"the kernelspec {kernelspec.name!r} is a kernel's own, and says of no place; next: "
            f"--interface {'|'.join(HOSTED)}"
        )
    here = not given.get("host")
    command = _command(kernelspec, here=here)
    try:
        check_command(command)
    except UsageError as exc:
        raise UsageError(f"the kernelspec in {kernelspec.directory}: {exc}") from None
    taken = Taken()
    taken.set_command(command, here=here)
    take_variables(kernelspec.content, taken, here=here, expand=_expanded)
    take_interrupt_mode(kernelspec.content, taken)
    taken.left_out = _not_taken(taken.left_out)
    _tell_paths(taken, given, kernelspec)
    return taken


def _command(kernelspec: Kernelspec, *, here: bool) -> list[str]:
    """Read a command as jupyter_client does (``format_kernel_cmd`` in manager.py)."""
    values = {"prefix": sys.prefix, "resource_dir": str(kernelspec.directory)}
    words = [
        re.sub(r"\{(\w+)\}", lambda found: values.get(found[1], found[0]), word)
        for word in kernelspec.argv
    ]
    if not words:
        raise UsageError(f"the kernelspec in {kernelspec.directory} has no command")
    if here and re.fullmatch(r"python[\d.]*", words[0]):
        words[0] = sys.executable
    return words


def _tell_paths(taken: Taken, given: Mapping[str, Any], kernelspec: Kernelspec) -> None:
    """Warn about paths of this machine that another one may not have."""
    if not given.get("host"):
        return
    python = taken.options.get("python")
    words = [] if "kernel_cmd" in given else list(taken.options.get("kernel_cmd", []))
    words += [python] if python and "python" not in given else []
    paths = [path for word in words for path in re.findall(r"(?:^|=)(/.*)", word)]
    if paths:
        flag = "--kernel-cmd" if "kernel_cmd" in taken.options else "--python"
        taken.left_out.append(
            f"warning: the kernelspec {kernelspec.name!r} has paths of this machine "
            f"({', '.join(paths)}); if {given['host']} has others: {flag}"
        )
