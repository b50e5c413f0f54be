"""The options of a start on a command line, from the table of options."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from yarnkernel.arguments import add_option
from yarnkernel.kernels.options import OPTIONS

if TYPE_CHECKING:
    import argparse
    from collections.abc import Collection, Mapping

    from yarnkernel.option import Option

#: The specification as a positional argument.
SPEC = frozenset({"spec"})


def add_options(
    parser: argparse.ArgumentParser,
    table: Mapping[str, Option] = OPTIONS,
    *,
    without: Collection[str] = SPEC,
    taken: Collection[str] = (),
) -> None:
    """Add options.

    Parameters
    ----------
    parser : argparse.ArgumentParser
        The parser; it gets a group for each heading.
    table : mapping of str to Option, optional
        The options.
    without : collection of str, optional
        Names of options to leave out.
    taken : collection of str, optional
        Spellings that have another meaning there.
    """
    groups: dict[str, Any] = {}
    for name, option in table.items():
        if name in without:
            continue
        if option.group not in groups:
            groups[option.group] = parser.add_argument_group(option.group)
        add_option(groups[option.group], option, taken=taken)


def given(options: argparse.Namespace, table: Mapping[str, Option] = OPTIONS) -> dict[str, Any]:
    """Collect the options that a command line names."""
    return {name: value for name, value in vars(options).items() if name in table}


def to_arguments(values: Mapping[str, Any]) -> list[str]:
    """Write options as arguments of the launcher.

    Without the specification, and without variables, which process lists would show.
    """
    return [
        with_escapes(argument)
        for name, option in OPTIONS.items()
        if name in values and name not in ("spec", "env")
        for argument in option.spell(values[name])
    ]


def with_escapes(argument: str) -> str:
    """Hide ``{name}`` from front ends, which would replace it.

    jupyter_client (``format_kernel_cmd``) replaces several names in all arguments, and VS Code
    takes the first argument with ``{connection_file}`` for the path of that file.

    Returns
    -------
    str
        The text with ``{=name}`` instead.
    """
    return re.sub(r"\{(=*\w+\})", r"{=\1", argument)


def without_escapes(argument: str) -> str:
    """Undo :func:`with_escapes`."""
    return re.sub(r"\{=(=*\w+\})", r"{\1", argument)
