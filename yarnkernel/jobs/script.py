"""Writes the lines of sh that start the recipe outside YARN."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from yarnkernel.announcement import (
    ADDRESS_VARIABLE,
    DIRECTORY_VARIABLE,
    MEMORY_VARIABLE,
    PID_FILE,
)
from yarnkernel.connection import RECIPE_OPTIONS
from yarnkernel.shell import export_lines

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

#: Imports nothing from the directory where it starts, and of yarnkernel only what was sent.
_RUN = "import sys; sys.path[:] = [{directory!r}, *filter(None, sys.path)]; {run}"
_RECIPE = "from yarnkernel.recipe import main; sys.exit(main())"
#: Packages outside the standard library that the recipe imports. Compiled ones are imported as a
#: test, as an unsuitable Python cannot load them; for the rest, which takes a tenth of a second to
#: import, a search is enough.
_COMPILED, _PLAIN = ("zmq", "psutil"), ("jupyter_client",)
_TEST = (
    "import sys, {compiled}; from importlib.util import find_spec; "
    "sys.exit(sys.version_info < (3, 10) or not all(map(find_spec, {plain})))"
)
#: Exit code if no Python on the host has these.
MISSING = 96


def script(
    directory: str,
    recipe: str,
    pythons: Sequence[str],
    recipe_options: Sequence[str],
    *,
    variables: Mapping[str, str],
    address: str,
    memory: int,
    needs_ipykernel: bool,
) -> str:
    """Return the script.

    Parameters
    ----------
    directory : str
        The kernel's own directory on the host.
    recipe : str
        Directory of the recipe.
    pythons : sequence of str
        Python commands, of which the first with all that is needed is used.
    recipe_options : sequence of str
        Options of the recipe.
    variables : mapping of str to str
        The kernel's environment variables, by name.
    address : str
        The address for kernel and store; empty for one that other hosts can reach.
    memory : int
        MiB that the kernel may use; 0 for no limit.
    needs_ipykernel : bool
        Whether the kernel is IPython's, and so runs in the same Python.

    Returns
    -------
    str
        Lines, the last of which becomes the recipe.
    """
    plain = (*_PLAIN, "ipykernel") if needs_ipykernel else _PLAIN
    test = _TEST.format(compiled=", ".join(_COMPILED), plain=list(plain))
    needed = ", ".join((*plain, *_COMPILED))
    start = _RUN.format(directory=recipe, run=_RECIPE)
    tried = " ".join(pythons)
    complaint = (
        f"yarnkernel.recipe: none of {tried} on this host is Python 3.10 or newer with {needed}; "
        "next: --python PATH"
    )
    lines = [
        "umask 077",
        'export YARNKERNEL_HOME="$HOME"',
        export_lines({**variables, **_own(directory, recipe_options, address, memory)}),
        f"cd {shlex.quote(directory)} || exit 1",
        f"echo $$ >{PID_FILE}",
        f"for python in {' '.join(map(shlex.quote, pythons))}; do",
        '  command -v "$python" >/dev/null 2>&1 || continue',
        f'  "$python" -c {shlex.quote(test)} 2>/dev/null || continue',
        f'  exec "$python" -c {shlex.quote(start)}',
        "done",
        f"echo {shlex.quote(complaint)} >&2",
        f"exit {MISSING}",
    ]
    return "\n".join(lines) + "\n"


def _own(
    directory: str, recipe_options: Sequence[str], address: str, memory: int
) -> dict[str, str]:
    """Return the recipe's own variables."""
    found = {DIRECTORY_VARIABLE: directory, RECIPE_OPTIONS: shlex.join(recipe_options)}
    if address:
        found[ADDRESS_VARIABLE] = address
    if memory:
        found[MEMORY_VARIABLE] = str(memory)
    return found
