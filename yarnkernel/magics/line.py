"""Parses the line of a magic: options, followed by code."""

from __future__ import annotations

import argparse
import re
from typing import NoReturn

from yarnkernel.errors import UsageError

#: A word, with blanks inside quotes.
_WORD = re.compile(r"""\s*((?:"[^"]*"|'[^']*'|[^\s"'])+)""")
_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9}


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{self.prog}: {message}; next: {self.prog} --help")

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:  # noqa: ARG002
        raise _ShownError


class _ShownError(Exception):
    """The help was requested and shown."""


def size(text: str) -> int:
    """Read a size such as ``500M``."""
    found = re.fullmatch(r"([\d.]+)\s*([KMG]?)i?B?", text.strip(), re.IGNORECASE)
    try:
        if found is not None:
            return int(float(found[1]) * _UNITS[found[2].upper()])
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(f"{text!r} is no size, such as 500M or 2G")


def seconds(text: str) -> float:
    """Read a time."""
    value = float(text)
    if value <= 0:
        raise argparse.ArgumentTypeError("more than 0 seconds")
    return value


def new_parser(name: str, description: str) -> argparse.ArgumentParser:
    """Make a parser whose errors are :class:`UsageError`."""
    return _Parser(prog=name, description=description, allow_abbrev=False)


def cell_parser(name: str) -> argparse.ArgumentParser:
    """Make the parser of ``%%remote``."""
    parser = new_parser(name, "Run a cell, or the code at the end of the line, on kernels.")
    parser.add_argument(
        "-k",
        "--kernels",
        metavar="TARGETS",
        help="where: kernelspecs, ids or names of running kernels, groups, patterns, NAME*4, "
        "each perhaps with :/directory; by default where the last code ran",
    )
    parser.add_argument("-o", "--output", default="", metavar="NAMES", help="variables to get")
    parser.add_argument(
        "-i",
        "--input",
        default="",
        metavar="NAMES",
        help="variables to send; a dictionary that has all targets for its keys is one of a value "
        "for each",
    )
    parser.add_argument(
        "-s",
        "--shutdown",
        action="store_true",
        help="restart the kernels before; without code: end them",
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument(
        "--format",
        action="store_true",
        default=name == "%remote_exec",
        help="put the variables of -i as text where the code has {name}, as remote_exec does",
    )
    form.add_argument("--no-format", dest="format", action="store_false", help="do not")
    parser.add_argument("--noblock", action="store_true", help="do not wait; gives a handle")
    parser.add_argument(
        "--pickle", action="store_true", help="open pickles of the targets: they can run anything"
    )
    parser.add_argument("--pickle-input", action="store_true", help="send pickles to the targets")
    parser.add_argument(
        "--limit", type=size, default=10**8, metavar="SIZE", help="of each value (100M)"
    )
    parser.add_argument("--timeout", type=seconds, metavar="SECONDS", help="then interrupt it")
    parser.add_argument(
        "--keep", action="store_true", help="kernels that this starts go on after the session"
    )
    return parser


def read_line(parser: argparse.ArgumentParser, line: str) -> tuple[argparse.Namespace | None, str]:
    """Read options; all that follows the last one is code, unchanged.

    Returns
    -------
    argparse.Namespace or None
        The options; None after ``--help``.
    str
        The code.

    Raises
    ------
    UsageError
        When they are invalid.
    """
    takes_value = {
        flag: action.nargs != 0
        for action in parser._actions  # noqa: SLF001  (nothing public tells)
        for flag in action.option_strings
    }
    words, position, awaited = [], 0, False
    while found := _WORD.match(line, position):
        word = found[1]
        if not awaited and not word.startswith("-"):
            break
        position = found.end()
        if word == "--" and not awaited:
            break
        words.append(_unquoted(word))
        awaited = not awaited and takes_value.get(word, False)
    try:
        return parser.parse_args(words), line[position:].strip()
    except _ShownError:
        return None, ""


def read_words(parser: argparse.ArgumentParser, line: str) -> argparse.Namespace | None:
    """Read a line without code; return None after ``--help``."""
    try:
        return parser.parse_args([_unquoted(word) for word in _WORD.findall(line)])
    except _ShownError:
        return None


def _unquoted(word: str) -> str:
    return re.sub(r"\"([^\"]*)\"|'([^']*)'", lambda found: found[1] or found[2] or "", word)
