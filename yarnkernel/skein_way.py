"""The skein way: skein's driver submits an application, skein's ApplicationMaster runs it."""

from __future__ import annotations

import contextlib
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import grpc
import skein
import skein.kv
from skein import proto

from yarnkernel.application import (
    FINAL_STATES,
    TAG,
    UNIQUE_TAG_PREFIX,
    ApplicationStatus,
)
from yarnkernel.errors import (
    ApplicationError,
    ApplicationNotFoundError,
    ClusterError,
    SubmitError,
    SubmitTimeoutError,
    YarnKernelError,
)
from yarnkernel.interrupts import deferred, uninterrupted
from yarnkernel.skein_driver import Driver, open_driver
from yarnkernel.skein_rpc import (
    RemoteError,
    call,
    close_channel,
    credentials,
    key_value,
    open_channel,
    result,
    start_call,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from typing_extensions import Self

    from yarnkernel.cluster_env import ClusterEnvironment
    from yarnkernel.deadline import Deadline

#: Seconds that the ResourceManager may take to answer a short question.
ANSWER_TIMEOUT = 15.0
#: Seconds to wait for the id of an application whose submission was interrupted.
CLEANUP_TIMEOUT = 15.0
ACTIVE_STATES = ("NEW", "NEW_SAVING", "SUBMITTED", "ACCEPTED", "RUNNING")
ALL_STATES = (*ACTIVE_STATES, *sorted(FINAL_STATES))


class SkeinWay:
    """A connection to a cluster through skein's driver; a context manager.

    Parameters
    ----------
    cluster : ClusterEnvironment
        The cluster.
    """

    def __init__(self, cluster: ClusterEnvironment) -> None:
        self.cluster = cluster
        self._driver: Driver | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the driver when it is ours."""
        if self._driver is not None:
            self._driver.close()
            self._driver = None

    def connect(self) -> Driver:
        """Return the driver, started when it is first needed (1 to 2 s).

        Raises
        ------
        ClusterError
            When it cannot be started.
        """
        if self._driver is None:
            self._driver = open_driver(self.cluster)
        return self._driver

    def _ask(self, method: str, request: Any, timeout: float) -> Any:
        driver = self.connect()
        try:
            return call(driver.stub, method, request, timeout)
        except RemoteError as exc:
            if not exc.unanswered:
                raise
            raise self._no_answer(driver, timeout) from exc

    def _no_answer(self, driver: Driver, timeout: float) -> ClusterError:
        said = driver.last_log_line()
        return ClusterError(
            f"the ResourceManager of {self.cluster.source} did not answer within {timeout:.0f} s"
            + (f" ({said})" if said else "")
            + "; is it running?"
        )

    def submit(self, spec: skein.ApplicationSpec, deadline: Deadline) -> str:
        """Submit an application.

        When this is interrupted or fails, the application is killed if YARN
        got it all the same. :func:`yarnkernel.launch.submitted` covers what
        comes after.

        Parameters
        ----------
        spec : skein.ApplicationSpec
            What to run.
        deadline : Deadline
            For the whole submission, uploads included.

        Returns
        -------
        str
            The application's id.

        Raises
        ------
        SubmitError
            When it is refused; with the ResourceManager's reason.
        SubmitTimeoutError
            When the deadline passes first.
        ClusterError
            When the ResourceManager does not answer.
        """
        driver = self.connect()
        # A submission may rightly take minutes (uploads): whether anybody is there is asked first.
        try:
            request = proto.QueueRequest(name=spec.queue)
            self._ask("getQueue", request, deadline.step(ANSWER_TIMEOUT))
        except RemoteError:
            pass  # an unknown queue: what the ResourceManager makes of it is told below
        except ClusterError:
            if deadline.passed:
                raise self._too_late(deadline) from None
            raise
        future = None
        try:
            with deferred():  # with the call under way, its future is there
                # The call outlives our deadline, so that the id of what it submits is not lost.
                longest = deadline.remaining + CLEANUP_TIMEOUT
                future = start_call(driver.stub, "submit", spec.to_protobuf(), longest)
            return str(result(future, deadline.remaining).id)
        except RemoteError as exc:
            if not exc.unanswered:
                raise SubmitError(self._explain_refusal(spec, exc.details)) from exc
            self._withdraw(future, spec.tags)
            if deadline.passed:
                raise self._too_late(deadline) from exc
            raise ClusterError(f"skein's driver ended while it submitted: {exc}") from exc
        except BaseException:
            self._withdraw(future, spec.tags)
            raise

    def _too_late(self, deadline: Deadline) -> SubmitTimeoutError:
        return SubmitTimeoutError(
            f"{self.cluster.source} had not accepted the application after "
            f"{deadline.seconds:.0f} s; next: give it longer with --timeout"
        )

    def _explain_refusal(self, spec: skein.ApplicationSpec, details: str) -> str:
        """Say in one line why an application was refused."""
        reason = _first_line(details.removeprefix("Failed to submit application, exception:"))
        if "unknown queue" in reason:
            reason = f"there is no queue {spec.queue!r}"
        message = f"YARN refused the application: {reason}"
        if "queue" in reason:
            with contextlib.suppress(YarnKernelError):
                queues = self._ask("getAllQueues", proto.Empty(), ANSWER_TIMEOUT).queues
                names = sorted(queue.name for queue in queues)
                message += f"; queues of this cluster: {', '.join(names)}"
        return message

    def _withdraw(self, future: Any, tags: Collection[str]) -> None:
        """Kill an application whose submission is given up, once its id is there."""
        with uninterrupted():
            try:
                if future is not None:
                    self.kill(result(future, CLEANUP_TIMEOUT).id)
            except YarnKernelError:
                self.close()  # the driver may be what failed: a new one is asked
                self.kill_tagged(tags)

    def kill_tagged(self, tags: Collection[str]) -> None:
        """Kill what has one of these unique tags, as far as can be: to clean up after a failure."""
        ours = {tag for tag in tags if tag.startswith(UNIQUE_TAG_PREFIX)}
        with contextlib.suppress(YarnKernelError):
            for status in self.applications(states=ACTIVE_STATES):
                if ours & status.tags:
                    self.kill(status.app_id)

    def status(self, app_id: str, timeout: float = ANSWER_TIMEOUT) -> ApplicationStatus:
        """Ask YARN for an application's state.

        Parameters
        ----------
        app_id : str
            Its id.
        timeout : float, default 15.0
            Seconds.

        Raises
        ------
        ApplicationNotFoundError
            When the cluster has no such application, or it is not one of skein's.
        ClusterError
            When the ResourceManager does not answer.
        """
        try:
            report = self._ask("getStatus", proto.Application(id=app_id), timeout)
        except RemoteError as exc:
            if exc.code is not grpc.StatusCode.INVALID_ARGUMENT:
                raise ClusterError(f"{self.cluster.source}: {_first_line(exc.details)}") from exc
            raise ApplicationNotFoundError(
                self._explain_unknown(app_id, exc.details),
                app_id=app_id,
                hint="yarnkernel list --all",
            ) from exc
        return _to_status(report)

    def _explain_unknown(self, app_id: str, details: str) -> str:
        if "not a skein application" in details:
            return f"{app_id} is not an application of skein or yarnkernel"
        return f"{self.cluster.source} does not know {app_id}"

    def applications(
        self, states: tuple[str, ...] = ALL_STATES, user: str = "", *, kernels_only: bool = False
    ) -> list[ApplicationStatus]:
        """List the applications that skein's driver knows of.

        Parameters
        ----------
        states : tuple of str, default all
            Only those in one of these states.
        user : str, optional
            Only those of this user.
        kernels_only : bool, default False
            Only those with the tag ``yarnkernel``.

        Returns
        -------
        list of ApplicationStatus
            The newest last.
        """
        numbers = [proto.ApplicationState.Type.Value(state) for state in states]
        request = proto.ApplicationsRequest(states=numbers, user=user)
        reports = self._ask("getApplications", request, ANSWER_TIMEOUT).reports
        found = [_to_status(report) for report in reports]
        if kernels_only:
            found = [status for status in found if TAG in status.tags]
        return sorted(found, key=lambda status: status.app_id)

    def kill(self, app_id: str, timeout: float = ANSWER_TIMEOUT) -> None:
        """Let YARN kill an application; one that has ended stays as it is."""
        try:
            self._ask("kill", proto.KillRequest(id=app_id, user=""), timeout)
        except RemoteError as exc:
            raise ApplicationError(
                f"YARN does not kill {app_id}: {_first_line(exc.details)}", app_id=app_id
            ) from exc

    def shut_down(self, status: ApplicationStatus, diagnostics: str, timeout: float) -> None:
        """Ask an application's ApplicationMaster to end it as SUCCEEDED.

        Raises
        ------
        RemoteError
            When the ApplicationMaster does not answer or refuses.
        """
        with self._application_master(status) as stub:
            request = proto.ShutdownRequest(final_status="SUCCEEDED", diagnostics=diagnostics)
            call(stub, "shutdown", request, timeout)

    def read_key(self, status: ApplicationStatus, key: str, timeout: float) -> bytes | None:
        """Read a key of an application's key-value store.

        Returns
        -------
        bytes or None
            None while nobody has put it.

        Raises
        ------
        RemoteError
            When the ApplicationMaster does not answer, or not to us.
        """
        with self._application_master(status) as stub:
            value: bytes | None = key_value(stub, skein.kv.get(key), timeout)
            return value

    @contextlib.contextmanager
    def _application_master(self, status: ApplicationStatus) -> Iterator[Any]:
        channel = open_channel(f"{status.host}:{status.port}", credentials())
        try:
            yield proto.AppMasterStub(channel)
        finally:
            close_channel(channel)


def _first_line(details: str) -> str:
    """Return what a Java exception says, without its stack."""
    lines = [line.strip() for line in details.splitlines() if line.strip()]
    return lines[0] if lines else "it gave no reason"


def _to_datetime(milliseconds: int) -> datetime | None:
    return datetime.fromtimestamp(milliseconds / 1000, timezone.utc) if milliseconds else None


def _to_status(report: Any) -> ApplicationStatus:
    host = "" if report.host in ("", "N/A") else report.host
    used = report.usage.used_resources
    return ApplicationStatus(
        app_id=report.id,
        name=report.name,
        user=report.user,
        queue=report.queue,
        state=proto.ApplicationState.Type.Name(report.state),
        final_status=proto.FinalStatus.Type.Name(report.final_status),
        host=host,
        port=max(0, report.port),
        diagnostics=report.diagnostics.strip(),
        tracking_url=report.tracking_url,
        start_time=_to_datetime(report.start_time),
        finish_time=_to_datetime(report.finish_time),
        memory=max(0, used.memory),
        vcores=max(0, used.vcores),
        tags=frozenset(report.tags),
    )
