"""What the command lines of this package have in common: a parser, and checks of arguments."""

from __future__ import annotations

import argparse
import math
import shlex
from typing import NoReturn

from yarnkernel.connection import KERNEL_INFO_KEY
from yarnkernel.deadline import LONGEST
from yarnkernel.shell import is_variable_name

#: Of a whole number that any library takes.
DIGITS = 18


class Parser(argparse.ArgumentParser):
    """argparse's parser, with usage errors of one line."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and where help is; exit with 2."""
        self.exit(2, f"{self.prog}: {message}; next: {self.prog} --help\n")


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
