"""Arguments that commands share."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yarnkernel.cli.examples import ExamplesFormatter, epilog
from yarnkernel.cli.output import add_output_options
from yarnkernel.errors import UsageError
from yarnkernel.kernels.arguments import given
from yarnkernel.kernels.options import OPTIONS

if TYPE_CHECKING:
    from collections.abc import Callable

    from yarnkernel.cli.output import Output

#: What argparse's add_subparsers returns.
Commands = Any


def add_command(
    commands: Commands,
    name: str,
    run: Callable[..., object],
    summary: str,
    details: str = "",
    *,
    has_json: bool = True,
) -> argparse.ArgumentParser:
    """Add a command that calls ``run(options, output)``."""
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=summary,
        description=f"{summary[0].upper()}{summary[1:]}. {details}".strip(),
        formatter_class=ExamplesFormatter,
    )
    parser.epilog = epilog(parser.prog)
    parser.set_defaults(run=run, parser=parser)
    add_output_options(parser, has_json=has_json)
    return parser


def add_kernel(parser: argparse.ArgumentParser) -> None:
    """Add ``KERNEL``; see :mod:`yarnkernel.kernels.naming`."""
    parser.add_argument(
        "kernel",
        metavar="KERNEL",
        nargs="?",
        default="",
        help="its id, the number at the end of it, or its name (default: the only one)",
    )


def add_edge(parser: argparse.ArgumentParser, what: str) -> None:
    """Add ``--host`` and ``--jump`` of a command that is about a cluster."""
    parser.add_argument("--host", default="", help=f"{what}, as your ssh takes it")
    parser.add_argument(
        "--jump", action="append", default=[], metavar="HOST", help="host to go through there"
    )


def edge_of(options: argparse.Namespace) -> list[str]:
    """Return the edge node, preceded by its jump hosts; empty if there is none.

    Raises
    ------
    UsageError
        When there are only jump hosts.
    """
    if options.jump and not options.host:
        raise UsageError("--jump needs a --host")
    return [*options.jump, options.host] if options.host else []


def add_spec(parser: argparse.ArgumentParser) -> None:
    """Add the positional argument ``SPEC``."""
    option = OPTIONS["spec"]
    parser.add_argument(
        "spec",
        nargs="?",
        default=argparse.SUPPRESS,
        help=f"{option.help} (default: {option.unset})",
    )


def add_prefix(parser: argparse.ArgumentParser) -> None:
    """Add the options for a kernelspec's place."""
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--user", action="store_true", help="for you alone (default)")
    where.add_argument(
        "--sys-prefix", action="store_true", help="in the environment of this command"
    )
    where.add_argument("--prefix", type=Path, help="below this prefix, as in /usr/local")


def prefix_of(options: argparse.Namespace) -> Path | None:
    """Return the prefix of a kernelspec's installation; None for the user's directory."""
    prefix: Path | None = Path(sys.prefix) if options.sys_prefix else options.prefix
    return prefix


def add_kernelspec(parser: argparse.ArgumentParser) -> None:
    """Add ``--kernelspec``."""
    parser.add_argument(
        "--kernelspec",
        default="",
        metavar="NAME",
        help="as an installed kernelspec says: ours, one of a tool that `yarnkernel kernelspec "
        "import` knows, or a kernel's own with --interface; other options win",
    )


def given_with_kernelspec(options: argparse.Namespace, output: Output) -> dict[str, Any]:
    """Collect the options of a command line, which win over those of its kernelspec."""
    values = given(options)
    if options.kernelspec:
        from yarnkernel.jupyter.kernelspec_start import start_values  # noqa: PLC0415

        values, lines = start_values(options.kernelspec, values)
        for line in lines:
            output.progress(line)
    return values
