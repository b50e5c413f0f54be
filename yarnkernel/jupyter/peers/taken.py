"""The options imported from another tool's kernelspec, and the parsing of kernel commands."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, NoReturn

from yarnkernel.arguments import Parser
from yarnkernel.connection import CONNECTION_FILE
from yarnkernel.errors import UsageError
from yarnkernel.kernels.command import check_command

if TYPE_CHECKING:
    from collections.abc import Sequence

#: After ``-m``: what starts IPython's kernel (``ipykernel/kernelspec.py``, ``IPython/terminal``).
_IPYTHON_MODULES = (
    ["ipykernel_launcher"],
    ["ipykernel"],
    ["ipykernel.kernelapp"],
    ["IPython", "kernel"],
)
#: What ipykernel's own kernelspecs have before ``-m``, for the debugger.
_NO_FROZEN_MODULES = "-Xfrozen_modules=off"
#: ipykernel's options for the connection file.
_FILE_FLAGS = ("-f", "--f", "--connection-file", "--IPKernelApp.connection_file")
#: Python commands that are tried on a host if none is specified.
_TRIED = ("python", "python3", "ipython", "ipython3")


@dataclass
class Taken:
    """The imported options.

    Attributes
    ----------
    options : dict
        As options of :data:`yarnkernel.jupyter.front_end_options.CONFIG`.
    left_out : list of str
        What is not imported, or is changed: a line each.
    """

    options: dict[str, Any] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)

    def leave(self, what: str, why: str) -> None:
        """Note something that is not imported."""
        self.left_out.append(f"{what}: {why}")

    def set_command(self, words: Sequence[str], *, here: bool = False) -> None:
        """Import the kernel's command; the commands before it are already known.

        Parameters
        ----------
        words : sequence of str
            The command.
        here : bool, default False
            Whether the kernel runs on this machine, or jobs are submitted on it.
        """
        python, arguments = ipython_of(words) or ("", None)
        found_by_path = bool(python) and "/" not in python
        # The lines before it or the front end's PATH decide which Python that is.
        if arguments is None or (found_by_path and (here or self.options.get("precmd"))):
            self.options["kernel_cmd"] = list(words)
            return
        if python not in _TRIED:
            self.options["python"] = python
        if arguments:
            self.options["launch_arg"] = arguments


class PeerParser(Parser):
    """Parses the arguments in another tool's kernelspec."""

    def __init__(self, prog: str, **known: Any) -> None:
        super().__init__(prog=prog, add_help=False, **known)

    def error(self, message: str) -> NoReturn:
        """Report an error."""
        raise UsageError(f"{self.prog} could not read its arguments: {message}")


def arguments_of(content: dict[str, Any], module: str) -> list[str] | None:
    """Return the arguments for ``python -m module`` in a kernelspec's command.

    Returns
    -------
    list of str or None
        None if it is another command.
    """
    argv = content.get("argv")
    if not isinstance(argv, list) or not all(isinstance(word, str) for word in argv):
        return None
    for number, word in enumerate(argv):
        if word == module and number and argv[number - 1] == "-m":
            return argv[number + 1 :]
    return argv[1:] if argv and PurePosixPath(argv[0]).name == module else None


def ipython_of(words: Sequence[str]) -> tuple[str, list[str]] | None:
    """Parse a command that starts IPython's kernel.

    Returns
    -------
    str
        The Python that runs it, as the command names it.
    list of str
        Its arguments without the connection file.
    None
        If it starts anything else.
    """
    path, rest = PurePosixPath(words[0]), list(words[1:])
    if re.fullmatch(r"python[\d.]*", path.name):
        if rest[:1] == [_NO_FROZEN_MODULES]:
            del rest[0]
        module = next((m for m in _IPYTHON_MODULES if rest[: 1 + len(m)] == ["-m", *m]), None)
        if module is None:
            return None
        python, rest = words[0], rest[1 + len(module) :]
    elif re.fullmatch(r"ipython[\d.]*", path.name) and rest[:1] == ["kernel"]:
        # It is in the same directory as its Python.
        python = words[0] if "/" not in words[0] else str(path.with_name("python"))
        del rest[0]
    else:
        return None
    arguments = _without_file(rest)
    return None if arguments is None else (python, arguments)


def _without_file(arguments: list[str]) -> list[str] | None:
    for number, word in enumerate(arguments):
        flag, equals, value = word.partition("=")
        if flag in _FILE_FLAGS:
            after = number + 1 if equals else number + 2
            given = value if equals else "".join(arguments[number + 1 : after])
            if given == CONNECTION_FILE:
                return [*arguments[:number], *arguments[after:]]
    return None


def command_of(text: str) -> list[str]:
    """Parse a command that the tool ran in a shell.

    Returns
    -------
    list of str
        Its words, or those that run it in a shell if it needs one.

    Raises
    ------
    UsageError
        When it cannot start a kernel.
    """
    try:
        words = shlex.split(text)
    except ValueError as exc:
        raise UsageError(f"the kernel's command {text!r} cannot be read: {exc}") from None
    if not words:
        raise UsageError("the kernel's command is empty")
    if not _expands(text):
        try:
            check_command(words)
        except UsageError:
            if CONNECTION_FILE not in text:
                raise
        else:
            return words
    words = ["bash", "-c", text]
    check_command(words)
    return words


def _expands(text: str) -> bool:
    """Return whether a shell would expand it."""
    unquoted = re.sub(r"'[^']*'|\\.", "", text)
    return re.search(r"[$`]|(^|[\s=:])~", unquoted) is not None
