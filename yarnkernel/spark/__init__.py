"""Spark in a kernel: an IPython extension, which runs in the kernel's own process.

The recipe copies it into the container under the name ``yarnkernel_spark``, as a kernel's
environment need not have yarnkernel. So it imports nothing else of this package, and nothing that
does not come with IPython or PySpark. ``container/spark_home.py`` configures Spark for a container.
"""

from __future__ import annotations

from typing import Any


def load_ipython_extension(shell: Any) -> None:
    """Provide ``spark`` and ``sc`` to cells that read them, and let Ctrl-C reach Spark."""
    from .extension import Extension  # noqa: PLC0415  (a wing's first file says what it is)

    Extension(shell).register()
