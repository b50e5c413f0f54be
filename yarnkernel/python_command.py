"""The command of a Python child of ours, which imports nothing from where it happens to start.

``python -m`` and ``python -c`` look for modules in the working directory first: that of a notebook,
or of whoever typed ``jupyter lab``, with files of others in it. ipykernel has a module of
its own, ``ipykernel_launcher``, for this one reason.
"""

from __future__ import annotations

import sys

#: What ``-P`` does, for Python 3.10.
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
        With the module's name as a part of its own.
    """
    safely = ["-P", "-m"] if sys.version_info >= (3, 11) else ["-c", _SAFE_PATH]
    return [sys.executable, *safely, module, *arguments]
