"""What the commands have in common: their output's options, an application's id."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from yarnkernel.cli.output import add_output_options
from yarnkernel.kernels.options import OPTIONS

if TYPE_CHECKING:
    from collections.abc import Callable

#: What argparse's add_subparsers returns.
Commands = Any
#: The shells' function that completes ids of applications; see completion.py.
APPLICATIONS_FUNCTION = "_yarnkernel_applications"
#: How an argument is completed, as shtab looks it up by the shell; FILES as its own shtab.FILE.
APPLICATIONS = {"bash": APPLICATIONS_FUNCTION, "zsh": APPLICATIONS_FUNCTION}
FILES = {"bash": "_shtab_compgen_files", "zsh": "_files"}


def add_command(
    commands: Commands, name: str, run: Callable[..., object], summary: str, details: str = ""
) -> argparse.ArgumentParser:
    """Add a command that calls ``run(options, output)``."""
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=summary, description=f"{summary[0].upper()}{summary[1:]}. {details}".strip()
    )
    parser.set_defaults(run=run)
    add_output_options(parser)
    return parser


def completed_by(action: argparse.Action, functions: dict[str, str]) -> None:
    """Tell the shells how to complete an argument."""
    vars(action)["complete"] = functions


def add_app_id(parser: argparse.ArgumentParser) -> None:
    """Add ``APP_ID``."""
    action = parser.add_argument("app_id", metavar="APP_ID", help="id of the application")
    completed_by(action, APPLICATIONS)


def add_spec(parser: argparse.ArgumentParser) -> None:
    """Add ``SPEC``, by its place."""
    option = OPTIONS["spec"]
    action = parser.add_argument(
        "spec",
        nargs="?",
        default=argparse.SUPPRESS,
        help=f"{option.help} (default: {option.unset})",
    )
    completed_by(action, FILES)
