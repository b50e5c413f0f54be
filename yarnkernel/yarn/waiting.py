"""Wait until a kernel in a YARN application can be used, or report why it cannot."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from yarnkernel.connection import (
    RECIPE_DIAGNOSTICS,
    parse_connection_info,
)
from yarnkernel.deadline import Deadline
from yarnkernel.errors import (
    CANNOT_BE_MASTER,
    ApplicationNotFoundError,
    ClusterError,
    ConnectionInfoError,
    KernelStartError,
    KernelStartTimeoutError,
    MasterFailedError,
    YarnKernelError,
    summary,
)
from yarnkernel.hadoop.login import name_in_cluster
from yarnkernel.progress import Progress
from yarnkernel.store.client import describe_failure
from yarnkernel.store.remote_error import RemoteError
from yarnkernel.store.skein_client import KeyReader
from yarnkernel.yarn.application import (
    EMPTY_PARTITION,
    forgotten_status,
    reason_for_waiting,
)
from yarnkernel.yarn.client import ANSWER_TIMEOUT
from yarnkernel.yarn.diagnostics import condense, never_fits

if TYPE_CHECKING:
    from yarnkernel.connection import ConnectionInfo
    from yarnkernel.progress import Report
    from yarnkernel.yarn.application import ApplicationStatus
    from yarnkernel.yarn.client import YarnClient

#: Seconds between two polls of an application.
POLL_INTERVAL = 0.05
POLL_INTERVAL_LATER = 0.5
#: Seconds after which an application that is not ready is polled less often.
PATIENCE = 10.0
#: Seconds for one request during a wait.
STEP_TIMEOUT = 5.0
#: Shortest timeout of a request that makes a missing answer meaningful.
MEANINGFUL_TIMEOUT = 3.0
#: Seconds after which an application that a restarted ResourceManager does not know has ended: it
#: tells the nodes to end its containers.
FORGOTTEN_TIMEOUT = 10.0
#: Seconds for a queue to become large enough, as nodes may be about to join.
HOPE = 5.0
#: Hint for kernels that need no large ApplicationMaster.
_SERVICE = ", or specs/ipython-service.yaml, whose kernel is not in the ApplicationMaster"
#: YARN's diagnostics for an application whose container has been started.
_LAUNCHED = "AM container is launched"


class KernelWait:
    """A single wait for a kernel.

    Parameters
    ----------
    client : YarnClient
        The connection to its cluster.
    app_id : str
        Its application's id.
    key : str
        The key under which the recipe publishes.
    report : callable
        Called with each change of state.
    asked : int, optional
        MiB requested for its first container; 0 if unknown.

    Attributes
    ----------
    phases : dict of str to float
        Seconds from the start of :meth:`wait` to each state that was seen.
    """

    def __init__(
        self, client: YarnClient, app_id: str, key: str, report: Report, asked: int = 0
    ) -> None:
        self.client = client
        self.app_id = app_id
        self.phases: dict[str, float] = {}
        self._key = key
        self._report = report
        self._asked = asked
        self._hope: Deadline | None = None

    def wait(self, deadline: Deadline) -> ConnectionInfo:
        """Wait for the kernel; see :meth:`yarnkernel.kernels.handle.Kernel.wait`."""
        with KeyReader() as reader:
            return self._wait(reader, deadline)

    def _wait(self, reader: KeyReader, deadline: Deadline) -> ConnectionInfo:
        begin = time.monotonic()
        said: Progress | None = None
        trouble = told = ""
        status: ApplicationStatus | None = None
        lost: Deadline | None = None
        while not deadline.passed:
            patience = deadline.step(ANSWER_TIMEOUT)
            try:
                status = self.client.last_status(self.app_id, patience)
                lost = None
            except (ClusterError, ApplicationNotFoundError) as exc:
                if status is None and not deadline.passed:
                    raise
                # It did exist, so the ResourceManager is probably restarting.
                trouble = summary(exc) if patience > MEANINGFUL_TIMEOUT else trouble
                lost = self._losing(exc, lost, deadline)
                if trouble not in ("", told):
                    self._report(Progress("trouble", kernel=self.app_id, reason=trouble))
                    said, told = None, trouble
                time.sleep(deadline.step(POLL_INTERVAL_LATER))
                continue
            if status.state not in self.phases:
                self.phases[status.state] = time.monotonic() - begin
            if status.ended:
                raise self._ended(status, deadline)
            step = _step(status)
            if step != said:
                self._report(step)
                said, told = step, ""
            self._check_hope(status)
            patience = deadline.step(STEP_TIMEOUT)
            value, problem = self._published(reader, status, self._key, patience)
            if patience > MEANINGFUL_TIMEOUT:
                trouble = problem
            if value is not None:
                self.phases["PUBLISHED"] = time.monotonic() - begin
                return self.client.reached(self.app_id, self._check(value, status))
            later = time.monotonic() - begin > PATIENCE
            time.sleep(deadline.step(POLL_INTERVAL_LATER if later else POLL_INTERVAL))
        raise self._late(deadline, status, trouble)

    def _check_hope(self, status: ApplicationStatus) -> None:
        """Give up an application that has waited a while for more than its queue can have."""
        waits = status.state == "ACCEPTED"
        why = never_fits(status.diagnostics, self._asked) if waits else ""
        self._hope = (self._hope or Deadline(HOPE)) if why else None
        if self._hope is not None and self._hope.passed:
            service = _SERVICE if "ApplicationMasters" in why else ""
            raise KernelStartError(
                f"{self.app_id} cannot start in queue {status.queue} as it is: {why}",
                app_id=self.app_id,
                state=status.state,
                hint=f"less --memory, or another --queue{service}",
            )

    def _losing(
        self, failure: YarnKernelError, lost: Deadline | None, deadline: Deadline
    ) -> Deadline | None:
        """Give up an application that its ResourceManager has not known for a while."""
        if not isinstance(failure, ApplicationNotFoundError):
            return lost
        if lost is None:
            return Deadline(FORGOTTEN_TIMEOUT)
        if lost.passed:
            user = name_in_cluster(self.client.cluster.configuration)
            status = forgotten_status(self.app_id, user)
            raise self._ended(replace(status, diagnostics=summary(failure)), deadline)
        return lost

    @staticmethod
    def _published(
        reader: KeyReader, status: ApplicationStatus, key: str, timeout: float
    ) -> tuple[bytes | None, str]:
        """Return the key's value; without one, also return the problem, if any."""
        try:
            if (address := status.store) is None:
                return None, ""
        except ClusterError as exc:  # the connection to the edge node is down
            return None, summary(exc)
        try:
            return reader.read(address, key, timeout), ""
        except RemoteError as exc:
            return None, describe_failure(exc, address)

    def _check(self, value: bytes, status: ApplicationStatus) -> ConnectionInfo:
        try:
            return parse_connection_info(value, am_host=status.host)
        except ConnectionInfoError as exc:
            raise ConnectionInfoError(
                f"{self.app_id} (RUNNING): {exc}\n  next: yarnkernel logs {self.app_id}"
            ) from exc

    def _ended(self, status: ApplicationStatus, deadline: Deadline) -> KernelStartError:
        from yarnkernel.yarn import logs  # noqa: PLC0415  (slow to import, and only needed now)

        if status.diagnostics.startswith(RECIPE_DIAGNOSTICS):
            log = ""  # they already have the kernel's last lines
        else:
            # If the ApplicationMaster itself failed, its log says why.
            failed = status.state == "FAILED"
            pattern = logs.ALL_LOGS_PATTERN if failed else logs.KERNEL_LOG_PATTERN
            log = logs.log_tail(self.client, self.app_id, pattern, timeout=deadline.step(10))
        cannot = f"exitCode: {CANNOT_BE_MASTER}" in status.diagnostics
        error = MasterFailedError if cannot else KernelStartError
        return error(
            f"{self.app_id} ended before its kernel could be used: {status.outcome}",
            app_id=self.app_id,
            state=status.state,
            diagnostics=condense(status.diagnostics),
            log=log,
            hint=f"yarnkernel logs {self.app_id} --all",
        )

    def _late(
        self, deadline: Deadline, status: ApplicationStatus | None, trouble: str
    ) -> KernelStartTimeoutError:
        state = status.state if status else "UNKNOWN"
        diagnostics = status.diagnostics if status else ""
        has_container = state == "RUNNING" or _LAUNCHED in diagnostics
        hint, log = "give it longer with --timeout", ""
        if state == "RUNNING":
            what = trouble or f"it runs, but nothing was published under {self._key!r}"
        elif has_container:
            what = trouble or "its container runs, and has not registered with YARN"
        else:
            what = trouble or f"it is still {explain(status) if status else state}"
        if status is not None and EMPTY_PARTITION.search(diagnostics):
            hint = "yarnkernel start --node-label LABEL; '' is for nodes without one"
        if "AM resource limit exceeded" in diagnostics:
            hint = (
                "yarnkernel list (who has the queue), or another --queue; its share for "
                "ApplicationMasters is yarn.scheduler.capacity.maximum-am-resource-percent"
                + _SERVICE
            )
        if has_container:
            from yarnkernel.yarn.logs import log_tail  # noqa: PLC0415  (as above)

            hint = f"yarnkernel logs {self.app_id} --all"
            log = log_tail(self.client, self.app_id, timeout=5)
        return KernelStartTimeoutError(
            f"{self.app_id} had no usable kernel after {deadline.seconds:.0f} s: {what}",
            app_id=self.app_id,
            state=state,
            diagnostics=diagnostics,
            log=log,
            hint=hint,
        )


def explain(status: ApplicationStatus) -> str:
    """Return the state, the queue and the reason for waiting in one line."""
    return str(_step(status)).removeprefix(f"{status.app_id} ")


def _step(status: ApplicationStatus) -> Progress:
    if status.state != "ACCEPTED":
        step = "running" if status.host else "state"
        return Progress(step, status.app_id, status.host, status.state)
    reason = reason_for_waiting(status.diagnostics)
    return Progress("waiting", status.app_id, status.queue, status.state, reason)
