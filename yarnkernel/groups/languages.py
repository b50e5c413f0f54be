"""Code in kernels' languages that changes directories and transfers values."""

from __future__ import annotations

import base64
import inspect
import json
from typing import TYPE_CHECKING, Any

from yarnkernel.groups import codec, there
from yarnkernel.groups.codec import MIME, TravelError

if TYPE_CHECKING:
    from collections.abc import Sequence

PYTHON, R = "python", "R"
#: What remote_exec's cells could use without importing it.
OLD_NAMES = "import os, pickle"
#: The most bytes of a value that is sent to R within the code.
MOST_TEXT = 1 << 20
_GIVE_IN_R = """
local({
  for (name in jsonlite::fromJSON(%(names)s)) {
    told <- tryCatch({
      if (!exists(name, envir = globalenv())) stop("there is no variable of this name")
      text <- as.character(jsonlite::toJSON(
        get(name, envir = globalenv()), auto_unbox = TRUE, digits = NA, null = "null",
        na = "null", dataframe = "columns"))
      if (nchar(text, "bytes") > %(limit)d) stop(sprintf(
        "it has %%.1f MB, and %%.1f MB is the limit; next: a larger --limit",
        nchar(text, "bytes") / 1e6, %(limit)d / 1e6))
      list(name = name, json = text)
    }, error = function(exc) list(name = name, problem = conditionMessage(exc)))
    IRdisplay::publish_mimebundle(
      setNames(list(as.character(jsonlite::toJSON(told, auto_unbox = TRUE))), "%(mime)s"))
  }
})
"""


def _travelling_text() -> str:
    """Return the source that a Python kernel needs, as one text."""
    text = inspect.getsource(there).replace("from __future__ import annotations", "")
    begin = text.index("from yarnkernel.groups.codec import (")
    return inspect.getsource(codec) + text[:begin] + text[text.index(")\n", begin) + 2 :]


_TRAVELLING = _travelling_text()


def _in_python(call: str) -> str:
    # In its own namespace: every name in the kernel's may be the user's.
    return f"exec({_TRAVELLING + call!r}, {{'__name__': '_yarnkernel'}})"


def change_directory(language: str, directory: str) -> str:
    """Return code that changes the working directory.

    Raises
    ------
    TravelError
        When this language is not supported.
    """
    if language == PYTHON:
        return f"__import__('os').chdir({directory!r})"
    if language == R:
        return f"invisible(setwd({_text_in_r(directory)}))"
    if language == "bash":
        quoted = directory.replace("'", "'\\''")
        return f"cd -- '{quoted}'"
    raise TravelError(f"a kernel of {language} is not known to change its directory")


def give(language: str, names: Sequence[str], limit: int, *, pickles: bool) -> str:
    """Return code with which a kernel sends variables.

    Raises
    ------
    TravelError
        When this language is not supported.
    """
    if language == PYTHON:
        return _in_python(f"give({list(names)!r}, {limit}, pickles={pickles})")
    if language == R:
        fields = {"names": _text_in_r(json.dumps(list(names))), "limit": limit, "mime": MIME}
        return _GIVE_IN_R % fields
    raise TravelError(f"values of {language} do not travel; next: print it")


def take(
    values: dict[str, dict[str, Any]], places: list[list[Any]], *, last: bool, pickles: bool
) -> str:
    """Return code with which a Python kernel receives the values sent with it."""
    return _in_python(f"take({values!r}, {places!r}, last={last}, pickles={pickles})")


def assign(language: str, name: str, value: Any) -> str:
    """Return code that sets a variable, in a language other than Python.

    Raises
    ------
    TravelError
        When the value is not JSON or is too large, or this language is not supported.
    """
    if language != R:
        raise TravelError(f"values do not travel to {language}")
    try:
        text = json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        raise TravelError("to R go values that JSON has, and no others") from None
    if len(text) > MOST_TEXT:
        raise TravelError(f"it has {len(text) / 1e6:.1f} MB, and 1 MB is the limit for R")
    # In an object, as a mere string would be taken for the name of a file.
    inside = _text_in_r(f'{{"value": {text}}}')
    return f"assign({_text_in_r(name)}, jsonlite::fromJSON({inside})$value)"


def _text_in_r(text: str) -> str:
    encoded = base64.b64encode(text.encode()).decode()
    decoded = f'rawToChar(jsonlite::base64_dec("{encoded}"))'
    return f'(function(text) {{ Encoding(text) <- "UTF-8"; text }})({decoded})'
