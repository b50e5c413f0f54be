"""The script by which a NodeManager launches a container, as far as it reads what we write."""

from __future__ import annotations

import re


def literal(value: str) -> str:
    """Write a variable's value, or a part of a command, so that it arrives as it is.

    A NodeManager puts values in for ``{{NAME}}`` and ``<CPS>`` and writes the
    rest in double quotes into a script for bash, in which ``$``, for one, goes on
    to have a meaning (``expandEnvironment``, ``env`` and ``command`` in ContainerLaunch.java).
    """
    quoted = re.sub(r'([\\"$`])', r"\\\1", value)
    # Strings of a shell that follow each other are one.
    return re.sub(r"\{(?=\{)|\}(?=\})|<(?=CPS>)", r'\g<0>""', quoted)
