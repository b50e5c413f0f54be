"""The command doctor, which finds out what keeps kernels from starting."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import textwrap
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from yarnkernel.cli.arguments import Commands, add_command
from yarnkernel.cli.kernels import find_id
from yarnkernel.errors import UsageError
from yarnkernel.kernels.arguments import add_options, given
from yarnkernel.kernels.options import LaunchOptions
from yarnkernel.printable import printable

if TYPE_CHECKING:
    import argparse

    from yarnkernel.cli.output import Output
    from yarnkernel.doctor.check import Check
    from yarnkernel.doctor.subject import Subject

#: Seconds for all checks together; default of --timeout.
TIMEOUT = 120.0
_COLOURS = {"ok": "32", "warning": "33", "failed": "31", "skipped": "2"}


def add_commands(commands: Commands) -> None:
    """Add the commands of this module."""
    parser = add_command(
        commands,
        "doctor",
        _doctor,
        "check what a kernel needs, and say how to fix problems",
        "Starts nothing. The options are those of a start. Exit code 0 "
        "when no check has failed, else 1.",
    )
    parser.add_argument(
        "about",
        nargs="?",
        default="",
        metavar="APP_ID|KERNELSPEC|SPEC",
        help="a kernel that is there (its id, the number at the end of it, or its name), a "
        "kernelspec, or the file of a specification (default: what `yarnkernel start` would do)",
    )
    add_options(parser)


def _doctor(options: argparse.Namespace, output: Output) -> int:
    from yarnkernel.doctor.examine import examine  # noqa: PLC0415  (slow to import)

    subject = _subject(options, output)
    timeout = given(options).get("timeout", TIMEOUT)
    checks = []
    for check in examine(subject, timeout):
        checks.append(check)
        if not output.as_json:
            output.part("\n".join(_lines(check)) + "\n")
    bad = [check.name for check in checks if check.state == "failed"]
    if output.as_json:
        output.result("", [asdict(check) for check in checks])
    elif bad:
        output.progress(f"failed: {', '.join(bad)}")
    return 1 if bad else 0


def _lines(check: Check) -> list[str]:
    """Format a check as text, wrapped to the terminal's width."""
    parts = [("", check.found or check.why), ("why: ", check.why if check.found else "")]
    parts.append(("next: ", check.todo))
    lines = []
    for label, text in parts:
        if label and not text:
            continue
        begin = f"{'':>9}{label}" if label else f"{check.state:<8} {check.name:<16} "
        lines += _wrapped(begin, printable(text))
    if sys.stdout.isatty() and not os.environ.get("NO_COLOR"):
        coloured = f"\x1b[{_COLOURS[check.state]}m{check.state}\x1b[0m"
        lines[0] = coloured + lines[0].removeprefix(check.state)
    return lines


def _wrapped(begin: str, text: str) -> list[str]:
    if not sys.stdout.isatty():
        return [f"{begin}{text}".rstrip()]
    width = shutil.get_terminal_size().columns
    indent = " " * (15 if begin.startswith(" ") else 26)
    return textwrap.wrap(
        text, width, initial_indent=begin, subsequent_indent=indent, break_on_hyphens=False
    ) or [begin.rstrip()]


def _subject(options: argparse.Namespace, output: Output) -> Subject:
    """Find out what to examine.

    Raises
    ------
    UsageError
        When it is neither a kernel, a kernelspec nor a specification.
    """
    from yarnkernel.doctor.subject import Subject, started_with  # noqa: PLC0415  (slow to import)
    from yarnkernel.kernels.places import is_kernel  # noqa: PLC0415

    values, about = given(options), options.about
    if not about:
        return Subject(LaunchOptions.from_dict(values))
    if about.isdecimal():
        about = find_id(about, ended=True)

    def kernel(found: str) -> Subject:
        return Subject(LaunchOptions.from_dict({**started_with(found), **values}), found)

    if is_kernel(about):
        return kernel(about)
    if Path(about).is_file() or Path(about).suffix in (".yaml", ".yml"):
        return Subject(LaunchOptions.from_dict({**values, "spec": str(Path(about).absolute())}))
    from yarnkernel.jupyter.kernelspec_start import start_values  # noqa: PLC0415

    try:
        values, lines = start_values(about, values)
    except UsageError:
        with contextlib.suppress(UsageError):  # it may be a kernel's name
            return kernel(find_id(about, ended=True))
        raise
    for line in lines:
        output.progress(line)
    return Subject(LaunchOptions.from_dict(values))
