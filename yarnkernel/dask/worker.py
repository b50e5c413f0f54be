"""A worker: a container as Dask sees it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from distributed.deploy.spec import ProcessInterface

from yarnkernel import containers
from yarnkernel.dask.certificates import CA, CERTIFICATE, KEY
from yarnkernel.errors import UsageError, YarnKernelError

if TYPE_CHECKING:
    from yarnkernel.containers import Containers

#: Share of a container's memory for its worker; the rest is for the nanny and Python itself.
WORKER_SHARE = 0.85
#: Seconds without the scheduler after which a worker exits.
DEATH_TIMEOUT = 60
#: File with the worker's specification for ``distributed.cli.dask_spec``, so that it is not in a
#: process list.
_SPEC = "dask-worker.json"


@dataclass(frozen=True)
class WorkerLaunch:
    """The launch of workers.

    Attributes
    ----------
    worker_class : str
        What runs in the container.
    options : dict
        Further arguments of the class.
    memory : int
        MiB of the container.
    vcores, gpus : int
        Of the container.
    env : dict of str to str
        Variables.
    files : dict of str to bytes
        Files for encryption; empty without it.
    """

    worker_class: str
    options: dict[str, Any]
    memory: int
    vcores: int
    gpus: int
    env: dict[str, str]
    files: dict[str, bytes] = field(repr=False)

    @property
    def worker_memory(self) -> int:
        """The memory in bytes of the worker itself."""
        return int(self.memory * WORKER_SHARE) << 20

    def check(self) -> None:
        """Check that such a worker is possible.

        Raises
        ------
        UsageError
            When it is not.
        """
        self.start(0, "", "")

    def start(self, count: int, name: str, scheduler: str) -> Containers:
        """Request containers.

        Raises
        ------
        UsageError, ContainersError
            See :func:`yarnkernel.containers.start`.
        """
        try:
            spec = json.dumps({"cls": self.worker_class, "opts": self._arguments(name)})
        except TypeError as exc:
            raise UsageError(f"worker_options: {exc}") from exc
        return containers.start(
            count,
            ["{python}", "-m", "distributed.cli.dask_spec", "--spec-file", _SPEC, scheduler],
            memory=f"{self.memory} MiB",
            vcores=self.vcores,
            gpus=self.gpus,
            env=self.env,
            files={**self.files, _SPEC: spec.encode()},
        )

    def _arguments(self, name: str) -> dict[str, Any]:
        arguments = {
            "name": name,
            "nthreads": self.vcores,
            "memory_limit": self.worker_memory,
            "local_directory": "dask",
            "death_timeout": DEATH_TIMEOUT,
            "dashboard": False,
            **self.options,
        }
        if self.files:
            pair = {"cert": CERTIFICATE, "key": KEY if KEY in self.files else None}
            roles = ("worker", "client")  # tasks may act as clients
            paths = {f"tls_{role}_{what}": pair[what] for role in roles for what in pair}
            arguments["security"] = {"require_encryption": True, "tls_ca_file": CA, **paths}
        return arguments


class Worker(ProcessInterface):  # type: ignore[misc]  # not typed
    """A worker as Dask's cluster sees it.

    Parameters
    ----------
    scheduler : str
        The scheduler's address.
    name : str
        Its name.
    launch : WorkerLaunch
        Its launch.
    **_
        Dask's names for the same, for ``scale(memory=...)`` and ``scale(cores=...)``.

    Attributes
    ----------
    began : float
        When it was requested, by ``time.monotonic``.
    failure : str
        Why there is no container; empty if there is one.
    """

    def __init__(self, scheduler: str, name: str, launch: WorkerLaunch, **_: Any) -> None:
        super().__init__(scheduler=scheduler, name=name)
        self.scheduler, self.name = scheduler, name
        self._launch = launch
        self._containers: Containers | None = None
        self.began = time.monotonic()
        self.failure = ""

    @property
    def number(self) -> int:
        """The number of its container; 0 if there is none."""
        return self._containers.numbers[0] if self._containers is not None else 0

    async def start(self) -> None:
        """Request its container, without waiting for it."""
        try:
            self._containers = await asyncio.to_thread(
                self._launch.start, 1, self.name, self.scheduler
            )
        except YarnKernelError as exc:  # the cluster reports it, as it manages the workers
            self.failure = str(exc)
        await super().start()

    async def close(self) -> None:
        """Release its container."""
        if self._containers is not None:
            with contextlib.suppress(YarnKernelError):  # it has then ended with the supervisor
                await asyncio.to_thread(self._containers.release)
        await super().close()
