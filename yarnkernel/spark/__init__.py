"""Spark in a kernel: an IPython extension, which runs in the kernel's own process.

The recipe copies it into the container under a name of its own, ``yarnkernel_spark``: a kernel's
environment need not have yarnkernel. So nothing else of this package belongs here, and nothing is
imported that does not come with IPython or PySpark. How Spark is configured for a container is
``container/spark_home.py``.
"""

from __future__ import annotations

from typing import Any


def load_ipython_extension(shell: Any) -> None:
    """Let ``spark`` and ``sc`` be there for the cells that read them, and Ctrl-C reach Spark."""
    from .extension import Extension  # noqa: PLC0415  (a wing's first file says what it is)

    Extension(shell).register()
