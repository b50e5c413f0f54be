"""The cluster, which scales workers and replaces lost ones."""

from __future__ import annotations

import asyncio
import html
import itertools
import logging
import math
import time
import warnings
from typing import TYPE_CHECKING, Any

from dask.utils import parse_bytes
from distributed.deploy.spec import SpecCluster

from yarnkernel import containers
from yarnkernel.container_status import ENDED, WAITING, ContainersTimeoutError
from yarnkernel.containers.asking import describe
from yarnkernel.dask.certificates import chosen_security, worker_files
from yarnkernel.dask.scheduler import HiddenScheduler
from yarnkernel.dask.worker import Worker, WorkerLaunch
from yarnkernel.errors import UsageError, YarnKernelError
from yarnkernel.sizes import parse_memory

if TYPE_CHECKING:
    from collections.abc import Mapping

    from distributed import Security

    from yarnkernel.containers import ContainerStatus

#: Seconds between two checks of the workers' containers.
INTERVAL = 1.0
#: Seconds after which waiting workers are reported.
PATIENCE = 10.0
#: Arguments of dask-yarn that belong to the kernel here, and where to give them.
_OF_THE_KERNEL = {
    "environment": "--environment",
    "queue": "--queue",
    "scheduler_gpus": "",
    "scheduler_memory": "--memory",
    "scheduler_vcores": "--vcores",
    "skein_client": "",
    "tags": "",
    "user": "",
}


class YarnCluster(SpecCluster):  # type: ignore[misc]  # not typed
    """A Dask cluster whose workers are containers of this kernel's YARN application.

    Otherwise it is like Dask's own clusters: ``scale``, ``adapt``, ``close``, ``dashboard_link``,
    context manager. The arguments are those of dask-yarn's ``YarnCluster``, as far as they apply.
    Those that belong to the kernel are refused with a hint where to give them.

    Parameters
    ----------
    n_workers : int, default 0
        How many workers to request, without waiting for them (see ``wait_for_workers``).
    worker_vcores : int, default 1
        Virtual cores and threads of each.
    worker_memory : str, default "2 GiB"
        Memory of each container; the worker gets 85 percent of it.
    worker_gpus : int, default 0
        GPUs of each.
    worker_env : mapping of str to str, optional
        Variables in addition to those of the kernel's container.
    worker_class : str, default "dask.distributed.Nanny"
        What runs in each container.
    worker_options : mapping, optional
        Arguments of that class, as JSON values.
    worker_restarts : int, default 10
        How many workers, in total, get a new container after theirs ended unexpectedly.
    name : str, optional
        The cluster's name.
    host : str, optional
        Address of the scheduler; by default the kernel's.
    port : int, default 0
        Port of the scheduler; any by default.
    dashboard_address : str or None, default ":0"
        Address of the dashboard; None for none. Its URLs begin with an unguessable word, so that
        only those who have the link can see it.
    security : bool or distributed.Security, optional
        By default all traffic is encrypted with a new key, which travels in the containers'
        credentials, unless Dask's own configuration has keys. False for no encryption: then whoever
        reaches the scheduler's port can run code as you.
    deploy_mode : str, default "local"
        No other mode is possible, as the scheduler runs in the kernel.
    asynchronous, loop, silence_logs
        See Dask's clusters.

    Raises
    ------
    UsageError
        When so many workers, or containers of that size, are impossible.
    ContainersError
        When this kernel cannot have further containers.
    """

    def __init__(
        self,
        *,
        n_workers: int | None = 0,
        worker_vcores: int = 1,
        worker_memory: str = "2 GiB",
        worker_gpus: int = 0,
        worker_env: Mapping[str, str] | None = None,
        worker_class: str = "dask.distributed.Nanny",
        worker_options: Mapping[str, Any] | None = None,
        worker_restarts: int = 10,
        name: str | None = None,
        host: str | None = None,
        port: int = 0,
        dashboard_address: str | None = ":0",
        security: bool | Security | None = None,
        deploy_mode: str = "local",
        asynchronous: bool = False,
        loop: Any = None,
        silence_logs: int = logging.WARNING,
        **others: Any,
    ) -> None:
        _refuse({**others, "deploy_mode": deploy_mode})
        about = containers.about()
        self._most = about.most
        self._names = itertools.count()
        self._restarts_left = worker_restarts
        self._watching: asyncio.Task[None] | None = None
        self._statuses: dict[int, ContainerStatus] = {}
        self._has_told = False
        own_security = chosen_security(security)
        files = worker_files(own_security)
        if files and about.warning:
            warnings.warn(about.warning, stacklevel=2)
        launch = WorkerLaunch(
            worker_class=worker_class,
            options=dict(worker_options or {}),
            memory=parse_memory(str(worker_memory), "worker_memory"),
            vcores=worker_vcores,
            gpus=worker_gpus,
            env=dict(worker_env or {}),
            files=files,
        )
        launch.check()  # until there is a scheduler
        self._check(n_workers or 0)
        # The last two are for scale().
        sizes = {"nthreads": worker_vcores, "memory_limit": launch.worker_memory}
        worker = {"cls": Worker, "options": {"launch": launch, **sizes}}
        super().__init__(
            workers={self._new_worker_name(0): worker for _ in range(n_workers or 0)},
            scheduler={
                "cls": HiddenScheduler,
                "options": {
                    "host": host or about.address,
                    "port": port,
                    "protocol": "tls://" if files else "tcp://",
                    "security": own_security,
                    "dashboard": dashboard_address is not None,
                    "dashboard_address": dashboard_address or ":0",
                },
            },
            worker=worker,
            security=own_security,
            name=name,
            asynchronous=asynchronous,
            loop=loop,
            silence_logs=silence_logs,
        )

    def _new_worker_name(self, _: int) -> str:
        """Return a new name, as Dask may still be removing a worker with an old one."""
        return str(next(self._names))

    def _check(self, n: float) -> None:
        if n > self._most:
            raise UsageError(
                f"{n} workers are more than the {self._most} containers that this kernel may have "
                "at a time; next: yarnkernel start --max-containers"
            )

    def scale(self, n: int = 0, memory: str | None = None, cores: int | None = None) -> Any:
        """Request or release workers, without waiting for them.

        Parameters
        ----------
        n : int, default 0
            How many.
        memory : str, optional
            As many workers as have so much memory together.
        cores : int, optional
            As many workers as have so many threads together.

        Raises
        ------
        UsageError
            When that exceeds ``--max-containers``.
        """
        if memory is not None:
            n = max(n, math.ceil(parse_bytes(memory) / self._memory_per_worker()))
        if cores is not None:
            n = max(n, math.ceil(cores / self._threads_per_worker()))
        self._check(n)
        return super().scale(n)

    def adapt(self, *, maximum: float = math.inf, **options: Any) -> Any:
        """Let Dask choose the number of workers.

        Parameters
        ----------
        maximum : float, optional
            Most workers; by default as many as the kernel may have (``--max-containers``).
        **options
            See ``distributed.SpecCluster.adapt``.
        """
        return super().adapt(maximum=min(maximum, self._most), **options)

    @property
    def dashboard_link(self) -> str:
        """The dashboard's URL, from Dask's setting ``distributed.dashboard.link``."""
        link = str(super().dashboard_link)
        begin, slash, page = link.rpartition("/")
        return f"{begin}/{self.scheduler.word}{slash}{page}" if link else ""

    @property
    def waiting(self) -> str:
        """How many workers wait for a container, and why; empty if none does."""
        late = self._late()
        if not late:
            return ""
        reason = self._statuses[late[0].number].reason
        return f"{len(late)} of {len(self.workers)} workers wait for YARN: {reason}"

    def _late(self) -> list[Worker]:
        """Return the waiting workers, as far as known."""
        waiting = {n for n, one in self._statuses.items() if one.state == WAITING}
        return [worker for worker in self.workers.values() if worker.number in waiting]

    async def _start(self) -> None:
        await super()._start()
        if self._watching is None:
            self._watching = asyncio.create_task(self._watch())

    async def _close(self) -> None:
        if self._watching is not None:
            self._watching.cancel()
        await super()._close()

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(INTERVAL)
            try:
                numbers = [worker.number for worker in self.workers.values()]
                found = await asyncio.to_thread(containers.statuses, numbers)
                self._statuses = {one.number: one for one in found}
                self._tell_of_waiting()
                if not self._lock.locked():  # otherwise workers are just coming or going
                    await self._replace()
            except ContainersTimeoutError:
                continue  # the host is busy; the workers go on
            except YarnKernelError as exc:
                self._log(f"yarnkernel: the workers are lost: {exc}")
                return
            except Exception:
                logging.getLogger(__name__).exception("the look at the workers has failed")

    def _tell_of_waiting(self) -> None:
        late, now = self._late(), time.monotonic()
        if not late:
            self._has_told = False
        elif not self._has_told and any(now - one.began > PATIENCE for one in late):
            self._has_told = True
            self._log(f"yarnkernel: {self.waiting}")

    async def _replace(self) -> None:
        """Give workers whose containers ended unexpectedly new ones, within limits."""
        for name, worker in list(self.workers.items()):
            status = self._statuses.get(worker.number)
            has_ended = status is not None and status.state == ENDED
            if name not in self.worker_spec or not (worker.failure or has_ended):
                continue
            why = worker.failure or f"container {describe(status)}"  # type: ignore[arg-type]
            may_restart = has_ended and self._restarts_left > 0
            if may_restart:
                self._restarts_left -= 1
                self.worker_spec.update(self.new_worker_spec())
            then = "it gets another one" if may_restart else "it is given up"
            self._log(f"yarnkernel: worker {name}: {then}: {why}")
            del self.worker_spec[name]
            adaptive: Any = getattr(self, "_adaptive", None)
            if not may_restart and adaptive is not None:
                adaptive.stop()  # it would request new ones for ever
                self._log("yarnkernel: it does not adapt any more (worker_restarts); next: adapt()")
        if set(self.worker_spec) - set(self.workers) or set(self.workers) - set(self.worker_spec):
            await self._correct_state()

    async def _wait_for_workers(self, n_workers: int = 0, timeout: Any = None) -> None:
        try:
            await super()._wait_for_workers(n_workers, timeout)
        except TimeoutError as exc:
            raise TimeoutError(f"{exc}; {self.waiting or 'none waits for YARN'}") from exc

    def __repr__(self) -> str:
        text = str(super().__repr__())
        return f"{text[:-1]}, {self.waiting})" if self.waiting else text

    def _repr_html_(self, cluster_status: str | None = None) -> str:
        late = f"<p>{html.escape(self.waiting)}</p>" if self.waiting else ""
        return str(super()._repr_html_((cluster_status or "") + late or None))

    def shutdown(self) -> Any:
        """Close the cluster, under dask-yarn's name; the kernel goes on."""
        return self.close()


def _refuse(others: Mapping[str, Any]) -> None:
    """Raise for an argument that belongs to the kernel, with a hint where to give it."""
    for name, value in others.items():
        if name == "deploy_mode":
            if value != "local":
                raise UsageError(f"deploy_mode {value!r}: the scheduler is always in the kernel")
        elif name not in _OF_THE_KERNEL:
            raise TypeError(f"YarnCluster has no argument {name!r}")
        elif value is not None:
            option = f" {_OF_THE_KERNEL[name]}" if _OF_THE_KERNEL[name] else ""
            raise UsageError(
                f"{name}: the scheduler is in this kernel, and workers are containers of its "
                f"application; next: leave it out, or yarnkernel start{option}"
            )
