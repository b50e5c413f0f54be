"""A kernel in a YARN application: wait for it, look at it, stop it."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from yarnkernel.application import DEFAULT_PARTITION, forgotten_status
from yarnkernel.connection import (
    KERNEL_INFO_KEY,
    RECIPE_DIAGNOSTICS,
    ConnectionInfo,
    parse_connection_info,
)
from yarnkernel.deadline import Deadline
from yarnkernel.errors import (
    CANNOT_BE_MASTER,
    ApplicationNotFoundError,
    ApplicationTimeoutError,
    ClusterError,
    ConnectionInfoError,
    KernelStartError,
    KernelStartTimeoutError,
    MasterFailedError,
    YarnKernelError,
    summary,
)
from yarnkernel.hadoop.login import name_in_cluster
from yarnkernel.store import client as store
from yarnkernel.store.rpc import RemoteError
from yarnkernel.yarn.client import ANSWER_TIMEOUT, YarnClient

if TYPE_CHECKING:
    from collections.abc import Callable

    from yarnkernel.application import ApplicationStatus

#: Seconds between two looks at an application.
POLL_INTERVAL = 0.05
POLL_INTERVAL_LATER = 0.5
#: Seconds after which an application that is still not there is looked at less often.
PATIENCE = 10.0
#: Seconds that one question of a wait may take.
STEP_TIMEOUT = 5.0
#: Seconds of one that tell something when there is no answer.
MEANINGFUL_TIMEOUT = 3.0
#: Seconds after which an application has ended that a ResourceManager, started anew, does not
#: know: it tells the nodes to end its containers.
FORGOTTEN_TIMEOUT = 10.0
#: Seconds that an application has to end by itself before it is killed.
STOP_TIMEOUT = 15.0


#: What YARN says of an application whose nodes have nothing at all.
_EMPTY_PARTITION = re.compile(
    r"AM Partition = (\S+) ;.* Partition Resource = <memory:0, vCores:0\b"
)
#: ... and of one whose container has been started.
_LAUNCHED = "AM container is launched"


def ignore_report(_: str) -> None:
    """Report to nobody."""


@dataclass
class YarnKernel:
    """A kernel, whoever submitted its application.

    Attributes
    ----------
    app_id : str
        The application's id.
    client : YarnClient
        The connection to its cluster.
    phases : dict of str to float
        Seconds from the start of :meth:`wait` to each state that it saw.
    """

    app_id: str
    client: YarnClient
    phases: dict[str, float] = field(default_factory=dict)

    def status(self) -> ApplicationStatus:
        """Ask YARN for the application's state; see :meth:`YarnClient.last_status`."""
        return self.client.last_status(self.app_id)

    def wait(
        self,
        deadline: Deadline,
        *,
        key: str = KERNEL_INFO_KEY,
        report: Callable[[str], None] = ignore_report,
    ) -> ConnectionInfo:
        """Wait until the kernel has published its connection info.

        Parameters
        ----------
        deadline : Deadline
            For everything.
        key : str, default "ipython.kernel.info"
            The key that the recipe publishes under.
        report : callable, optional
            Called with one line at each change of state.

        Returns
        -------
        dict
            The connection info, checked.

        Raises
        ------
        KernelStartError
            When the application ends first; with its diagnostics and the end of its log.
        KernelStartTimeoutError
            When the deadline passes first.
        ConnectionInfoError
            When what is published is not usable.
        """
        with store.KeyReader() as reader:
            return self._wait(reader, deadline, key, report)

    def _wait(
        self,
        reader: store.KeyReader,
        deadline: Deadline,
        key: str,
        report: Callable[[str], None],
    ) -> ConnectionInfo:
        begin = time.monotonic()
        said = trouble = ""
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
                # It was there: a ResourceManager that restarts.
                trouble = summary(exc) if patience > MEANINGFUL_TIMEOUT else trouble
                lost = self._losing(exc, lost, deadline)
                if trouble not in ("", said):
                    report(f"{trouble}; trying again")
                    said = trouble
                time.sleep(deadline.step(POLL_INTERVAL_LATER))
                continue
            if status.state not in self.phases:
                self.phases[status.state] = time.monotonic() - begin
            if status.ended:
                raise self._ended(status, deadline)
            line = _describe(status)
            if line != said:
                report(f"{self.app_id} {line}")
                said = line
            patience = deadline.step(STEP_TIMEOUT)
            value, problem = self._published(reader, status, key, patience)
            if patience > MEANINGFUL_TIMEOUT:
                trouble = problem
            if value is not None:
                self.phases["PUBLISHED"] = time.monotonic() - begin
                return self._check(value, status)
            later = time.monotonic() - begin > PATIENCE
            time.sleep(deadline.step(POLL_INTERVAL_LATER if later else POLL_INTERVAL))
        raise self._late(deadline, status, key, trouble)

    def _losing(
        self, failure: YarnKernelError, lost: Deadline | None, deadline: Deadline
    ) -> Deadline | None:
        """Give an application up that its ResourceManager has not known for a while."""
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
        reader: store.KeyReader, status: ApplicationStatus, key: str, timeout: float
    ) -> tuple[bytes | None, str]:
        """Read the key; without a value, say what is wrong if anything is."""
        if status.state != "RUNNING" or not status.port:
            return None, ""
        try:
            return reader.read(status, key, timeout), ""
        except RemoteError as exc:
            return None, store.describe_failure(exc, status)

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
            log = ""  # they have the kernel's last lines already
        else:
            # When the ApplicationMaster itself failed, its log tells why.
            failed = status.state == "FAILED"
            pattern = logs.ALL_LOGS_PATTERN if failed else logs.KERNEL_LOG_PATTERN
            log = logs.log_tail(self.client, self.app_id, pattern, timeout=deadline.step(10))
        cannot = f"exitCode: {CANNOT_BE_MASTER}" in status.diagnostics
        error = MasterFailedError if cannot else KernelStartError
        return error(
            f"{self.app_id} ended before its kernel could be used: {status.outcome}",
            app_id=self.app_id,
            state=status.state,
            diagnostics=status.diagnostics,
            log=log,
            hint=f"yarnkernel logs {self.app_id} --all",
        )

    def _late(
        self, deadline: Deadline, status: ApplicationStatus | None, key: str, trouble: str
    ) -> KernelStartTimeoutError:
        state = status.state if status else "UNKNOWN"
        diagnostics = status.diagnostics if status else ""
        has_container = state == "RUNNING" or _LAUNCHED in diagnostics
        hint, log = "give it longer with --timeout", ""
        if state == "RUNNING":
            what = trouble or f"it runs, but nothing was published under {key!r}"
        elif has_container:
            what = trouble or "its container runs, and has not registered with YARN"
        else:
            what = trouble or f"it is still {_describe(status) if status else state}"
        if status is not None and _EMPTY_PARTITION.search(diagnostics):
            hint = "yarnkernel start --node-label LABEL; '' is for nodes without one"
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

    def stop(
        self,
        *,
        force: bool = False,
        timeout: float = STOP_TIMEOUT,
        report: Callable[[str], None] = ignore_report,
    ) -> ApplicationStatus:
        """End the application and wait for its end.

        Its ApplicationMaster is asked first, so that the kernel can end in
        good order; when it does not answer, or not in time, YARN kills it.

        Parameters
        ----------
        force : bool, default False
            Let YARN kill it at once.
        timeout : float, default 15.0
            Seconds for each of the two.
        report : callable, optional
            Called with one line at each change of state.

        Returns
        -------
        ApplicationStatus
            The final one. Unchanged when the application had ended before.

        Raises
        ------
        ApplicationTimeoutError
            When it has not ended in time.
        """
        status = self.status()
        if status.ended:
            report(f"{self.app_id} had ended already: {status.outcome}")
            return status
        if not force and status.state == "RUNNING" and status.port:
            try:
                store.shut_down(status, "Stopped by yarnkernel stop.", STEP_TIMEOUT)
            except (RemoteError, ClusterError) as exc:
                report(f"{self.app_id}: its ApplicationMaster does not answer ({exc}); killing it")
            else:
                status = self.await_end(timeout)
        if not status.ended:
            self.client.kill(self.app_id)
            status = self.await_end(timeout)
        if not status.ended:
            raise ApplicationTimeoutError(
                f"{self.app_id} did not end within {timeout:.0f} s: {status.outcome}",
                app_id=self.app_id,
                state=status.state,
                diagnostics=status.diagnostics,
                hint=f"yarnkernel status {self.app_id}",
            )
        report(f"{self.app_id} {status.outcome}")
        return status

    def await_end(self, timeout: float) -> ApplicationStatus:
        """Wait for the application's end.

        Parameters
        ----------
        timeout : float
            Seconds.

        Returns
        -------
        ApplicationStatus
            The last one; not a final one when the time was over.
        """
        deadline = Deadline(timeout)
        status = self.status()
        while not status.ended and not deadline.passed:
            time.sleep(POLL_INTERVAL)
            status = self.status()
        return status


def _describe(status: ApplicationStatus) -> str:
    """State, queue and the reason for waiting in one line."""
    if status.state != "ACCEPTED":
        return f"{status.state} on {status.host}" if status.host else status.state
    empty = _EMPTY_PARTITION.search(status.diagnostics)
    if empty:
        nodes = "a node" if empty[1] == DEFAULT_PARTITION else f"a node with the label {empty[1]}"
        return f"ACCEPTED (queue {status.queue}): it waits for {nodes}, of which there is none"
    # "[date] Application is added to the scheduler and is not yet activated. Queue's AM
    # resource limit exceeded.  Details : AM Partition = ..."
    reason = status.diagnostics.partition("]")[2].partition(" Details :")[0].strip()
    queue = f"ACCEPTED (queue {status.queue})"
    return f"{queue}: {reason}" if "not yet activated" in reason else queue
