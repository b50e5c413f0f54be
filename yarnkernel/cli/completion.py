"""``yarnkernel completion``: what lets a shell complete commands, options and application ids."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from yarnkernel.cli.arguments import APPLICATIONS_FUNCTION, Commands, add_command

if TYPE_CHECKING:
    import argparse

    from yarnkernel.cli.output import Output

_LIST = "yarnkernel list --ids --quiet 2>/dev/null"
#: Functions of the two shells that complete the ids of running applications.
_PREAMBLES = {
    "bash": f'{APPLICATIONS_FUNCTION}() {{ compgen -W "$({_LIST})" -- "$1"; }}',
    "zsh": f"{APPLICATIONS_FUNCTION}() {{ compadd -- $({_LIST}) }}",
}


def add_commands(commands: Commands, whole: argparse.ArgumentParser) -> None:
    """Add the commands of this module, which complete those of the whole parser."""
    parser = add_command(
        commands,
        "completion",
        functools.partial(_completion, whole),
        "print what lets a shell complete commands, options and application ids",
        'For example in ~/.bashrc: eval "$(yarnkernel completion bash)"; in ~/.zshrc, after '
        'compinit: eval "$(yarnkernel completion zsh)"',
    )
    parser.add_argument("shell", choices=sorted(_PREAMBLES), help="the shell")


def _completion(
    whole: argparse.ArgumentParser, options: argparse.Namespace, output: Output
) -> None:
    import shtab  # noqa: PLC0415

    shell = options.shell
    script = shtab.complete(whole, shell, preamble=_PREAMBLES[shell])
    output.result(script, {"shell": shell, "script": script})
