"""A kernel in a YARN application: query it, wait for it, stop it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from yarnkernel.connection import KERNEL_INFO_KEY
from yarnkernel.deadline import Deadline
from yarnkernel.errors import ApplicationTimeoutError, ClusterError
from yarnkernel.kernels.handle import STOP_TIMEOUT
from yarnkernel.kernels.supervised import SupervisedKernel
from yarnkernel.progress import Progress, ignore
from yarnkernel.yarn.client import YarnClient

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typing_extensions import Self

    from yarnkernel.connection import ConnectionInfo
    from yarnkernel.kernels.log_files import LogFile
    from yarnkernel.progress import Report
    from yarnkernel.yarn.application import ApplicationStatus

#: Seconds between two polls of an application.
POLL_INTERVAL = 0.05
#: Seconds for its ApplicationMaster to answer a request to end.
STEP_TIMEOUT = 5.0


@dataclass
class YarnKernel(SupervisedKernel):
    """A kernel, no matter who submitted its application.

    See :class:`yarnkernel.kernels.handle.Kernel`.

    Attributes
    ----------
    id : str
        The application's id.
    client : YarnClient
        The connection to its cluster.
    asked : int
        MiB requested for its first container; 0 if unknown here.
    phases : dict of str to float
        Seconds from the start of :meth:`wait` to each state that was seen.
    """

    id: str
    client: YarnClient
    asked: int = 0
    phases: dict[str, float] = field(default_factory=dict)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()

    def again(self) -> YarnKernel:
        """See :meth:`yarnkernel.kernels.handle.Kernel.again`."""
        return YarnKernel(self.id, YarnClient(self.client.cluster))

    def status(self, *, remembered: bool = False) -> ApplicationStatus:
        """See :meth:`yarnkernel.kernels.handle.Kernel.status`."""
        if remembered:
            return self.client.status(self.id)
        return self.client.last_status(self.id, any_type=True)

    def _ask(self, timeout: float) -> ApplicationStatus:
        """See :class:`SupervisedKernel`."""
        return self.client.status(self.id, timeout)

    def reached(self, info: ConnectionInfo) -> ConnectionInfo:
        """See :meth:`yarnkernel.kernels.handle.Addressed.reached`."""
        return self.client.reached(self.id, info)

    def wait(
        self, deadline: Deadline, *, key: str = KERNEL_INFO_KEY, report: Report = ignore
    ) -> ConnectionInfo:
        """See :meth:`yarnkernel.kernels.handle.Kernel.wait`."""
        from yarnkernel.yarn.waiting import KernelWait  # noqa: PLC0415  (gRPC)

        wait = KernelWait(self.client, self.id, key, report, self.asked)
        try:
            return wait.wait(deadline)
        finally:
            self.phases.update(wait.phases)

    def logs(
        self, *, every: bool = False, last_bytes: int | None = None, timeout: float = 30.0
    ) -> Iterator[LogFile]:
        """See :meth:`yarnkernel.kernels.handle.Kernel.logs`."""
        from yarnkernel.yarn.logs import stream_logs  # noqa: PLC0415  (slow to import)

        return stream_logs(
            self.client, self.id, pattern=_pattern(every=every), last_bytes=last_bytes,
            timeout=timeout,
        )  # fmt: skip

    def follow_logs(
        self, *, every: bool = False, last_bytes: int | None = None
    ) -> Iterator[LogFile]:
        """See :meth:`yarnkernel.kernels.handle.Kernel.follow_logs`."""
        from yarnkernel.yarn.logs import follow_logs  # noqa: PLC0415  (slow to import)

        return follow_logs(
            self.client, self.id, pattern=_pattern(every=every), last_bytes=last_bytes
        )

    def stop(
        self,
        *,
        force: bool = False,
        timeout: float = STOP_TIMEOUT,
        report: Report = ignore,
    ) -> ApplicationStatus:
        """See :meth:`yarnkernel.kernels.handle.Kernel.stop`.

        Its ApplicationMaster is asked first, so that the kernel can end cleanly; if it does not
        answer, or the kernel does not end in time, YARN kills it.
        """
        status = self.client.last_status(self.id)
        if status.ended:
            report(Progress("gone", kernel=self.id, state=status.outcome))
            return status
        if not force and status.state == "RUNNING":
            from yarnkernel.store.remote_error import RemoteError  # noqa: PLC0415

            try:
                if (address := status.store) is not None:
                    self.shut_down(address, "Stopped by yarnkernel stop.", STEP_TIMEOUT)
            except (RemoteError, ClusterError) as exc:
                report(Progress("silent", kernel=self.id, reason=str(exc)))
            else:
                status = self.await_end(timeout)
        if not status.ended:
            self.client.kill(self.id)
            status = self.await_end(timeout)
        if not status.ended:
            raise ApplicationTimeoutError(
                f"{self.id} did not end within {timeout:.0f} s: {status.outcome}",
                app_id=self.id,
                state=status.state,
                diagnostics=status.diagnostics,
                hint=f"yarnkernel status {self.id}",
            )
        report(Progress("state", kernel=self.id, state=status.outcome))
        return status

    def await_end(self, timeout: float) -> ApplicationStatus:
        """See :meth:`yarnkernel.kernels.handle.Kernel.await_end`."""
        deadline = Deadline(timeout)
        status = self.status()
        while not status.ended and not deadline.passed:
            time.sleep(POLL_INTERVAL)
            status = self.status()
        return status


def _pattern(*, every: bool) -> str:
    from yarnkernel.yarn.logs import ALL_FILES_PATTERN, KERNEL_LOG_PATTERN  # noqa: PLC0415  (slow)

    return ALL_FILES_PATTERN if every else KERNEL_LOG_PATTERN
