"""Text of others on a terminal: it is shown, and can do nothing."""

from __future__ import annotations

import re

#: What turns the direction of what follows, beside what Unicode calls control characters.
_BIDI = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
#: Control characters (tabs and ends of lines too), lone halves of characters, and separators that
#: some take for ends of lines.
_HARMFUL = re.compile(f"[\x00-\x1f\x7f-\x9f{_BIDI}\u2028\u2029\ud800-\udfff]")
#: Colours, which kernels' tracebacks have.
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def printable(text: str, keep: str = "") -> str:
    """Return a text with its control characters written out, as Python writes them.

    Names of applications, queues and diagnostics come from any user of the cluster, who
    could otherwise write anywhere on a reader's terminal.

    Parameters
    ----------
    text : str
        The text.
    keep : str, optional
        What is kept, such as line ends.
    """
    if text.isascii() and text.isprintable():
        return text
    return _HARMFUL.sub(lambda found: _written_out(found[0], keep), text)


def without_colours(text: str) -> str:
    """Return a text without the sequences that colour it in a terminal."""
    return _COLOURS.sub("", text)


def _written_out(character: str, keep: str) -> str:
    if character in keep:
        return character
    return character.encode("unicode_escape").decode("ascii")
