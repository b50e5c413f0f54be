"""Arguments that several commands share, with their checks."""

from __future__ import annotations

import argparse
import math
import shlex
from typing import TYPE_CHECKING, Any, NoReturn

from yarnkernel.cli.output import add_output_options
from yarnkernel.connection import KERNEL_INFO_KEY
from yarnkernel.deadline import LONGEST
from yarnkernel.launch_script import is_variable_name

if TYPE_CHECKING:
    from collections.abc import Callable

#: Of a whole number that any library takes.
DIGITS = 18
#: What argparse's add_subparsers returns.
Commands = Any
#: The shells' function that completes ids of applications; see completion.py.
APPLICATIONS_FUNCTION = "_yarnkernel_applications"
#: How an argument is completed, as shtab looks it up by the shell; FILES as its own shtab.FILE.
APPLICATIONS = {"bash": APPLICATIONS_FUNCTION, "zsh": APPLICATIONS_FUNCTION}
FILES = {"bash": "_shtab_compgen_files", "zsh": "_files"}


class Parser(argparse.ArgumentParser):
    """argparse's parser, with usage errors of one line."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and where help is; exit with 2."""
        self.exit(2, f"{self.prog}: {message}; next: {self.prog} --help\n")


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


def seconds(text: str) -> float:
    """Read a number of seconds, more than 0."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds above 0")
    return value


def timeout(text: str) -> float:
    """Read a number of seconds, more than 0 and no more than any wait can take."""
    value = seconds(text)
    if value > LONGEST:
        raise argparse.ArgumentTypeError(f"{text!r} is more than {LONGEST:.0f} s, 20 days")
    return value


def count(text: str) -> int:
    """Read a whole number, 1 or more."""
    if not text.isdecimal() or len(text) > DIGITS or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def variable(text: str) -> tuple[str, str]:
    """Read ``NAME=VALUE``."""
    name, equals, value = text.partition("=")
    if not equals or not is_variable_name(name):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    return name, value


def command(text: str) -> list[str]:
    """Read a command as a shell does."""
    try:
        words = shlex.split(text)
    except ValueError as exc:
        raise argparse.ArgumentTypeError(f"{text!r} is no command: {exc}") from exc
    if not words:
        raise argparse.ArgumentTypeError("the command is empty")
    return words


def completed_by(action: argparse.Action, functions: dict[str, str]) -> None:
    """Tell the shells how to complete an argument."""
    vars(action)["complete"] = functions


def add_app_id(parser: argparse.ArgumentParser) -> None:
    """Add ``APP_ID``."""
    action = parser.add_argument("app_id", metavar="APP_ID", help="id of the application")
    completed_by(action, APPLICATIONS)


def add_kernel_info_key(parser: argparse.ArgumentParser) -> None:
    """Add ``--kernel-info-key``."""
    parser.add_argument(
        "--kernel-info-key",
        default=KERNEL_INFO_KEY,
        metavar="KEY",
        help="key that the recipe publishes under (default: %(default)s)",
    )


def add_timeout(parser: argparse.ArgumentParser, what: str, default: float) -> None:
    """Add ``--timeout``."""
    parser.add_argument(
        "--timeout",
        type=timeout,
        default=default,
        metavar="SECONDS",
        help=f"{what} (default: {default:.0f} s)",
    )
