"""The command of a Python child process that imports nothing from its working directory.

``python -m`` and ``python -c`` look for modules in the working directory first: that of a notebook,
or of whoever typed ``jupyter lab``, with other people's files in it. ipykernel has its module
``ipykernel_launcher`` for the same reason.
"""

from __future__ import annotations

import sys

#: The equivalent of ``-P`` for Python 3.10.
_SAFE_PATH = (
    "import sys; sys.path[:] = filter(None, sys.path); del sys.argv[0]; import runpy; "
    "runpy.run_module(sys.argv[0], None, '__main__', True)"
)


def python_command(module: str, *arguments: str) -> list[str]:
    """Return the command that runs a module in this Python.

    Parameters
    ----------
    module : str
        Its name, as after ``-m``.
    *arguments : str
        What it is given.

    Returns
    -------
    list of str
        The module's name is an argument of its own.
    """
    safely = ["-P", "-m"] if sys.version_info >= (3, 11) else ["-c", _SAFE_PATH]
    return [sys.executable, *safely, module, *arguments]
