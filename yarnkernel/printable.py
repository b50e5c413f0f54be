"""Makes text from others safe to print on a terminal."""

from __future__ import annotations

import re

#: Characters that change the direction of text, which Unicode does not class as control characters.
_BIDI = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
#: Control characters (with tabs and newlines), lone surrogates, and separators that some programs
#: take for newlines.
_HARMFUL = re.compile(f"[\x00-\x1f\x7f-\x9f{_BIDI}\u2028\u2029\ud800-\udfff]")
#: Colours, as in kernels' tracebacks.
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def printable(text: str, keep: str = "") -> str:
    """Return a text with control characters escaped as in Python.

    Names of applications, queues and diagnostics may come from any user of the cluster, who could
    otherwise control a reader's terminal.

    Parameters
    ----------
    text : str
        The text.
    keep : str, optional
        Characters to keep, such as newlines.
    """
    if text.isascii() and text.isprintable():
        return text
    return _HARMFUL.sub(lambda found: _written_out(found[0], keep), text)


def without_colours(text: str) -> str:
    """Return a text without colour sequences."""
    return _COLOURS.sub("", text)


def _written_out(character: str, keep: str) -> str:
    if character in keep:
        return character
    return character.encode("unicode_escape").decode("ascii")
