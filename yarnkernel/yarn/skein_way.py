"""The skein way: skein's driver submits an application, skein's ApplicationMaster runs it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from yarnkernel.deadline import Deadline
from yarnkernel.errors import ClusterError, UsageError, YarnKernelError
from yarnkernel.interrupts import deferred, uninterrupted
from yarnkernel.kernels.options import DEFAULT_PARTITION
from yarnkernel.store.remote_error import RemoteError
from yarnkernel.store.rpc import result, start_call
from yarnkernel.yarn.client import ANSWER_TIMEOUT, YarnClient
from yarnkernel.yarn.skein_driver import SharedDriver
from yarnkernel.yarn.submission import asking, refusal, too_late

if TYPE_CHECKING:
    from collections.abc import Collection

    import skein
    from typing_extensions import Self

    from yarnkernel.progress import Report
    from yarnkernel.yarn.skein_driver import Driver

#: Seconds to wait for the id of an application whose submission was interrupted.
CLEANUP_TIMEOUT = 15.0


def _from_yarn(details: str) -> bool:
    """Return whether an error came from the ResourceManager, by its text or stack trace."""
    return " to YARN :" in details or "org.apache.hadoop.yarn.server.resourcemanager" in details


class SkeinWay:
    """Submits applications through skein's driver; a context manager.

    Parameters
    ----------
    client : YarnClient
        The connection to the cluster; stays open.
    driver : SharedDriver, optional
        The driver, which stays open; by default a new one.
    """

    def __init__(self, client: YarnClient, driver: SharedDriver | None = None) -> None:
        self.client = client
        self._driver = driver or SharedDriver(client.cluster)
        self._owns_driver = driver is None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the driver unless it was passed in."""
        if self._owns_driver:
            self._driver.close()

    def avoid_direct(self, reason: str) -> bool:  # noqa: ARG002
        """See :class:`yarnkernel.yarn.way.Way`."""
        return False

    def submit(
        self,
        spec: skein.ApplicationSpec,
        deadline: Deadline,
        report: Report,  # noqa: ARG002  (the driver uploads)
    ) -> str:
        """See :class:`yarnkernel.yarn.way.Way`."""
        if spec.node_label == DEFAULT_PARTITION:
            raise UsageError("skein's driver asks for no nodes without a label; next: --via direct")
        # A submission may take minutes (uploads), so check first that the cluster answers.
        with asking(self.client, deadline):
            self.client.check(deadline.step(ANSWER_TIMEOUT))
        with self._driver.use(deadline) as driver:
            return self._submit(driver, spec, deadline)

    def _submit(self, driver: Driver, spec: skein.ApplicationSpec, deadline: Deadline) -> str:
        future = None
        try:
            with deferred():  # no interrupt between the call and the assignment of its future
                # The call outlives the deadline, so that the application's id is not lost.
                longest = deadline.remaining + CLEANUP_TIMEOUT
                future = start_call(driver.stub, "submit", spec.to_protobuf(), longest)
            return str(result(future, deadline).id)
        except RemoteError as exc:
            if not exc.unanswered:
                details = exc.details.removeprefix("Failed to submit application, exception:")
                if _from_yarn(details):
                    raise refusal(self.client, spec, details) from exc
                problem = "skein's driver does not get as far as YARN"
                raise refusal(self.client, spec, details, problem) from exc
            self._withdraw(future, spec.tags)
            if deadline.passed:
                raise too_late(self.client, deadline, exc) from exc
            raise ClusterError(f"skein's driver ended while it submitted: {exc}") from exc
        except BaseException:
            self._withdraw(future, spec.tags)
            raise

    def _withdraw(self, future: Any, tags: Collection[str]) -> None:
        """Kill an application whose submission was abandoned, once its id is known."""
        with uninterrupted():
            try:
                if future is not None:
                    self.client.kill(result(future, Deadline(CLEANUP_TIMEOUT)).id)
            except YarnKernelError:
                self.client.kill_tagged(tags)
