"""Dask on YARN: the scheduler runs in this kernel, each worker in a further container.

>>> from dask.distributed import Client
>>> from yarnkernel.dask import YarnCluster
>>> cluster = YarnCluster(n_workers=4, worker_memory="4 GiB")  # doctest: +SKIP
>>> client = Client(cluster)  # doctest: +SKIP

Workers run in the kernel's environment, which needs ``yarnkernel[dask]``, and end with the kernel.
General code for containers does not belong here.
"""

try:
    import distributed
except ImportError as exc:
    raise ImportError(
        f"yarnkernel.dask needs {exc.name}; next: pip install 'yarnkernel[dask]' in the kernel's "
        "environment",
        name=exc.name,
    ) from exc

from yarnkernel.dask.cluster import YarnCluster

__all__ = ["YarnCluster"]

del distributed
