"""Variables in the script of a container.

Those of the container itself a NodeManager writes into a script of its own, which all who may read
the container's logs can read; ResourceManagers keep them, too.
"""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

from yarnkernel.connection import KERNEL_HOME

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Names that a shell can export (``Shell.ENV_NAME_REGEX`` of Hadoop 3.5.0).
VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)


def is_variable_name(name: str) -> bool:
    """Whether a shell can export a variable of this name."""
    return VARIABLE_NAME.fullmatch(name) is not None


def export_lines(variables: Mapping[str, str]) -> str:
    """Write variables as lines of bash that set them to the letter."""
    home = {KERNEL_HOME: variables["HOME"]} if "HOME" in variables else {}
    values = {**variables, **home}
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in values.items())


def expanding_export_lines(variables: Mapping[str, str]) -> str:
    """Write variables as a NodeManager does, for specifications that rely on it.

    It puts values in for ``{{NAME}}`` and ``<CPS>`` and writes the rest in double quotes, in which
    ``$``, for one, goes on to have a meaning (``expandEnvironment`` and ``env`` in
    ContainerLaunch.java of Hadoop 3.5.0).
    """
    return "".join(f'export {name}="{_expand(value)}"\n' for name, value in variables.items())


def _expand(value: str) -> str:
    return re.sub(r"\{\{(.*?)\}\}", r"$\1", value.replace("<CPS>", ":"))


def literal(value: str) -> str:
    """Write a variable's value, or a part of a command, so that it arrives as it is.

    See :func:`expanding_export_lines` for what a NodeManager makes of it.
    """
    quoted = re.sub(r'([\\"$`])', r"\\\1", value)
    # Strings of a shell that follow each other are one.
    return re.sub(r"\{(?=\{)|\}(?=\})|<(?=CPS>)", r'\g<0>""', quoted)
