"""The command of a kernel other than IPython, as given by users."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

from yarnkernel.connection import CONNECTION_FILE
from yarnkernel.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Shell syntax that a program would get literally.
_OPERATOR = re.compile(r"[|&;<>]+|[\w./-]*;|\d?>>?\S*|<\S*")
#: Commands that only a shell has.
_BUILTINS = frozenset(
    {".", "alias", "cd", "eval", "exec", "export", "module", "set", "source", "ulimit"}
)


def check_command(command: Sequence[str]) -> None:
    """Check that a command can start a kernel without a shell.

    Parameters
    ----------
    command : sequence of str
        The command.

    Raises
    ------
    UsageError
        When it has no ``{connection_file}`` or needs a shell.
    """
    shown = shlex.join(command)
    if not any(CONNECTION_FILE in word for word in command):
        raise UsageError(f"the kernel's command has no {CONNECTION_FILE} in it: {shown}")
    program = command[0]
    for_shell = [word for word in command if _OPERATOR.fullmatch(word)]
    activates = list(command[:2]) == ["conda", "activate"]
    if program in _BUILTINS or activates or re.match(r"[A-Za-z_]\w*=|~", program):
        for_shell.insert(0, program)
    if for_shell and CONNECTION_FILE not in program:
        raise UsageError(
            f"the kernel's command is read by no shell, which alone understands {for_shell[0]!r}: "
            f"{shown}; next: put what comes before the kernel into --precmd, or all into bash -c"
        )
