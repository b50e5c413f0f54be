"""Sets variables in the script of a container.

A NodeManager writes a container's own variables into a script that everybody with access to the
container's logs can read, and ResourceManagers store them.
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
    """Return whether a shell can export a variable of this name."""
    return VARIABLE_NAME.fullmatch(name) is not None


def export_lines(variables: Mapping[str, str]) -> str:
    """Write variables as lines of bash that set them literally."""
    home = {KERNEL_HOME: variables["HOME"]} if "HOME" in variables else {}
    values = {**variables, **home}
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in values.items())


def expanding_export_lines(variables: Mapping[str, str]) -> str:
    """Write variables as a NodeManager does, for specifications that rely on its expansion.

    It replaces ``{{NAME}}`` and ``<CPS>`` and writes the rest in double quotes, in which ``$``
    keeps its meaning (``expandEnvironment`` and ``env`` in ContainerLaunch.java of Hadoop 3.5.0).
    """
    return "".join(f'export {name}="{_expand(value)}"\n' for name, value in variables.items())


def _expand(value: str) -> str:
    return re.sub(r"\{\{(.*?)\}\}", r"$\1", value.replace("<CPS>", ":"))


def literal(value: str) -> str:
    """Quote a variable's value or an argument so that it arrives unchanged.

    :func:`expanding_export_lines` describes what a NodeManager does with it.
    """
    quoted = re.sub(r'([\\"$`])', r"\\\1", value)
    # Adjacent strings are one word in a shell.
    return re.sub(r"\{(?=\{)|\}(?=\})|<(?=CPS>)", r'\g<0>""', quoted)
