"""The options of a start on a command line, as the table has them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from yarnkernel.arguments import add_option
from yarnkernel.kernels.options import OPTIONS

if TYPE_CHECKING:
    import argparse
    from collections.abc import Collection, Mapping

    from yarnkernel.option import Option

#: A specification that a command takes by its place.
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
        Gets them, in groups.
    table : mapping of str to Option, optional
        Which.
    without : collection of str, optional
        Names of those that it does not get.
    taken : collection of str, optional
        Spellings that mean something else there.
    """
    groups: dict[str, Any] = {}
    for name, option in table.items():
        if name in without:
            continue
        if option.group not in groups:
            groups[option.group] = parser.add_argument_group(option.group)
        add_option(groups[option.group], option, taken=taken)


def given(options: argparse.Namespace, table: Mapping[str, Option] = OPTIONS) -> dict[str, Any]:
    """Collect the options that a command line names, and no others."""
    return {name: value for name, value in vars(options).items() if name in table}


def to_arguments(values: Mapping[str, Any]) -> list[str]:
    """Write options as arguments of the launcher.

    But for the specification, and for variables, which all could see.
    """
    return [
        with_escapes(argument)
        for name, option in OPTIONS.items()
        if name in values and name not in ("spec", "env")
        for argument in option.spell(values[name])
    ]


def with_escapes(argument: str) -> str:
    """Hide ``{name}`` from front ends, which put values in its place.

    So does jupyter_client (``format_kernel_cmd``) for several names in all arguments. VS Code
    takes the first argument with ``{connection_file}`` in it for the path of that file.

    Returns
    -------
    str
        With ``{=name}`` instead.
    """
    return re.sub(r"\{(=*\w+\})", r"{=\1", argument)


def without_escapes(argument: str) -> str:
    """Undo :func:`with_escapes`."""
    return re.sub(r"\{=(=*\w+\})", r"{\1", argument)
