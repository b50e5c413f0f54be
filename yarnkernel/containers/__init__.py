"""Further containers for the kernel that this runs in, in the same YARN application.

>>> from yarnkernel import containers
>>> with containers.start(2, ["{python}", "work.py"], memory="2 GiB") as workers:  # doctest: +SKIP
...     workers.wait_ended(timeout=600)
...     print([one.exit_code for one in workers.statuses()])
[0, 0]

They have the environment and the files of the kernel's container, and end with the process that
requested them: the kernel, however that ends, or a child of it.

The supervisor's side does not belong here; it is in ``container/further*``.
"""

from yarnkernel.container_status import (
    ContainersError,
    ContainerStatus,
    ContainersTimeoutError,
)
from yarnkernel.containers.asking import About, Containers, about, start, statuses

__all__ = [
    "About",
    "ContainerStatus",
    "Containers",
    "ContainersError",
    "ContainersTimeoutError",
    "about",
    "start",
    "statuses",
]
