"""Requests to YARN: reports, kills, queues; over Hadoop's own RPC and without a JVM."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from yarnkernel.connection import through_forwards
from yarnkernel.deadline import Deadline
from yarnkernel.errors import (
    ApplicationError,
    ApplicationForgottenError,
    ApplicationNotFoundError,
    ApplicationTimeoutError,
    ClusterError,
    HadoopError,
    InvalidTokenError,
    NotFoundError,
    RpcError,
    UnreachableError,
    YarnKernelError,
)
from yarnkernel.hadoop.addresses import names_resourcemanager
from yarnkernel.hadoop.file_system import find_file_system, home_directory
from yarnkernel.hadoop.identifiers import format_container_id
from yarnkernel.hadoop.login import name_in_cluster
from yarnkernel.hadoop.resource_manager import ResourceManager
from yarnkernel.yarn.application import (
    ACTIVE_STATES,
    APPLICATION_TYPE,
    UNIQUE_TAG_PREFIX,
    ApplicationStatus,
    forgotten_status,
)
from yarnkernel.yarn.edges import note_end
from yarnkernel.yarn.report import leaf_queues, order, to_status

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from typing_extensions import Self

    from yarnkernel.cluster.find import ClusterEnvironment
    from yarnkernel.connection import ConnectionInfo

#: Seconds for the ResourceManager to answer a short request.
ANSWER_TIMEOUT = 15.0
#: In the submitter's home, with a directory for each application (Utils.java of skein 0.8.2).
STAGING = ".skein"
#: Seconds to delete such a directory.
CLEANUP_TIMEOUT = 5.0


class YarnClient:
    """A connection to a cluster's ResourceManager; a context manager.

    Parameters
    ----------
    cluster : ClusterEnvironment
        The cluster.

    Raises
    ------
    HadoopConfigurationError
        When its site files cannot be used.
    """

    def __init__(self, cluster: ClusterEnvironment) -> None:
        self.cluster = cluster
        self.resource_manager = ResourceManager(cluster.configuration)
        #: Start time and number of the newest known id, which no application uses.
        self._newest = (0, 0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; a later call opens another one."""
        self.resource_manager.close()

    @contextlib.contextmanager
    def _asking(self) -> Iterator[None]:
        """Add the cluster to errors about a missing or unexpected answer."""
        source = self.cluster.source
        try:
            yield
        except UnreachableError as exc:
            asked = "is it running?"
            if not names_resourcemanager(self.cluster.configuration):
                asked = (
                    "no file there says where it is, so that this machine was asked; next: set "
                    "yarn.resourcemanager.hostname in yarn-site.xml"
                )
            raise type(exc)(
                f"the ResourceManager of {source} does not answer: {exc}; {asked}"
            ) from exc
        except RpcError as exc:
            raise type(exc)(f"{source}: {exc}") from exc
        except InvalidTokenError as exc:
            raise ClusterError(
                f"{source}: the token that we were given is not valid any more ({exc}); next: "
                "kinit, without HADOOP_TOKEN_FILE_LOCATION"
            ) from exc
        except HadoopError as exc:
            raise ClusterError(f"{source}: {exc}") from exc

    def check(self, timeout: float = ANSWER_TIMEOUT) -> None:
        """Check that the ResourceManager answers.

        Raises
        ------
        ClusterError
            When it does not.
        """
        with self._asking():
            self.resource_manager.cluster_metrics(timeout)

    def new_application(self, timeout: float) -> str:
        """Request an id for a new application.

        Raises
        ------
        ClusterError
            When the ResourceManager does not answer.
        """
        with self._asking():
            return self.resource_manager.new_application(timeout)

    def submit(self, context: Any, timeout: float) -> ApplicationStatus:
        """Submit an application.

        Parameters
        ----------
        context : ApplicationSubmissionContextProto
            With an id from :meth:`new_application`.
        timeout : float
            Seconds.

        Returns
        -------
        ApplicationStatus
            Once the scheduler has accepted or refused it.

        Raises
        ------
        HadoopError
            When the ResourceManager refuses it.
        ClusterError
            When it does not answer.
        """
        try:
            report = self.resource_manager.submit_application(context, timeout)
            return self._to_status(report)
        except HadoopError:
            raise
        except RpcError:
            with self._asking():
                raise

    def status(
        self, app_id: str, timeout: float = ANSWER_TIMEOUT, *, any_type: bool = False
    ) -> ApplicationStatus:
        """Request an application's state from YARN.

        Parameters
        ----------
        app_id : str
            Its id.
        timeout : float, default 15.0
            Seconds.
        any_type : bool, default False
            Whether to accept types other than skein's, such as Spark's.

        Raises
        ------
        ApplicationNotFoundError
            When the cluster has no such application, or it is not one of skein's;
            ApplicationForgottenError when it has ended and YARN has forgotten it.
        ClusterError
            When the ResourceManager does not answer.
        """
        with self._asking():
            try:
                report = self.resource_manager.application_report(app_id, timeout)
            except NotFoundError:
                report = None
        if report is None:
            raise self._not_found(app_id, timeout)
        if any_type or report.applicationType == APPLICATION_TYPE:
            return self._to_status(report)
        problem = f"{app_id} is not an application of skein or yarnkernel"
        raise ApplicationNotFoundError(problem, app_id=app_id, hint="yarnkernel list --all")

    def _to_status(self, report: Any) -> ApplicationStatus:
        status = to_status(report, self.cluster.configuration)
        if not self.cluster.edge:
            return status
        if status.ended and note_end(status.app_id):
            self.cluster.release(status.app_id)
        reach = partial(self.cluster.forward, greets=False)
        return replace(status, on=self.cluster.edge[-1], reach=reach)

    def reached(self, app_id: str, info: ConnectionInfo) -> ConnectionInfo:
        """Return a kernel's connection info with addresses that can be reached from here.

        Raises
        ------
        ClusterError
            When it can only be reached through another machine, and that one is unreachable.
        """
        if not self.cluster.edge:
            return info
        return through_forwards(info, partial(self.cluster.forward, app_id, greets=True))

    def _not_found(self, app_id: str, timeout: float) -> ApplicationNotFoundError:
        """Return an error that says why the ResourceManager does not know an application.

        Ids consist of the ResourceManager's start time and a number; the next free id shows both.
        """
        error, hint = ApplicationNotFoundError, "yarnkernel list --all"
        problem = f"{self.cluster.source} does not know {app_id}"
        its_start, its_number = order(app_id)
        start, number = self._newest
        if start != its_start or number <= its_number:
            with self._asking():
                next_id = self.resource_manager.new_application(timeout)
            start, number = self._newest = order(next_id)
        if its_start == start and its_number < number:
            error, hint = ApplicationForgottenError, f"yarnkernel logs {app_id}"
            problem += " any more: it has ended, and the ResourceManager has forgotten it"
        elif its_start < start:
            problem += ": the ResourceManager was started anew since, and remembers it no more"
        return error(problem, app_id=app_id, hint=hint)

    def last_status(
        self, app_id: str, timeout: float = ANSWER_TIMEOUT, *, any_type: bool = False
    ) -> ApplicationStatus:
        """Return its status, a made-up final one if YARN has forgotten it; see :meth:`status`."""
        try:
            return self.status(app_id, timeout, any_type=any_type)
        except ApplicationForgottenError:
            # Its user is unknown; only the logs of the current user could be read anyway.
            return forgotten_status(app_id, name_in_cluster(self.cluster.configuration))

    def applications(
        self, *, ended: bool = False, user: str = "", tags: Collection[str] = ()
    ) -> list[ApplicationStatus]:
        """List applications of skein's type.

        Parameters
        ----------
        ended : bool, default False
            Also those that have ended.
        user : str, optional
            Only those of this user.
        tags : collection of str, optional
            Only those with one of these tags.

        Returns
        -------
        list of ApplicationStatus
            Oldest first.
        """
        with self._asking():
            reports = self.resource_manager.applications(
                ANSWER_TIMEOUT,
                states=() if ended else ACTIVE_STATES,
                users=[user] if user else (),
                tags=tags,
                types=[APPLICATION_TYPE],
            )
        statuses = map(self._to_status, reports)
        return sorted(statuses, key=lambda status: order(status.app_id))

    def kill(self, app_id: str, timeout: float = ANSWER_TIMEOUT) -> None:
        """Let YARN kill an application; one that has ended is left as it is.

        skein's ApplicationMaster then has no time to delete its uploaded files, which include its
        certificate's key: they are deleted here if the file system can be reached.

        Raises
        ------
        ApplicationError
            When YARN refuses; ApplicationTimeoutError when it takes longer than the timeout, and
            ApplicationNotFoundError when it has no such application.
        ClusterError
            When the ResourceManager does not answer.
        """
        with self._asking():
            try:
                ended = self.resource_manager.kill_application(app_id, timeout)
            except HadoopError as exc:
                unknown = isinstance(exc, NotFoundError)
                raise (ApplicationNotFoundError if unknown else ApplicationError)(
                    f"YARN does not kill {app_id}: {exc}", app_id=app_id
                ) from exc
        if not ended:
            raise ApplicationTimeoutError(
                f"YARN had not killed {app_id} after {timeout:.0f} s",
                app_id=app_id,
                hint=f"yarnkernel status {app_id}",
            )
        self._delete_staging(app_id)

    def _delete_staging(self, app_id: str) -> None:
        configuration = self.cluster.configuration
        with contextlib.suppress(YarnKernelError):
            home = home_directory(configuration, name_in_cluster(configuration))
            files, path = find_file_system(configuration, f"{home}/{STAGING}/{app_id}")
            files.delete(path, Deadline(CLEANUP_TIMEOUT))

    def kill_tagged(self, tags: Collection[str]) -> None:
        """Try to kill applications with one of these unique tags, to clean up after a failure."""
        ours = [tag for tag in tags if tag.startswith(UNIQUE_TAG_PREFIX)]
        with contextlib.suppress(YarnKernelError):
            for status in self.applications(tags=ours) if ours else ():
                self.kill(status.app_id)

    def containers(self, app_id: str, timeout: float = ANSWER_TIMEOUT) -> list[tuple[str, str]]:
        """List the containers of a running application.

        Returns
        -------
        list of tuple of str
            Their ids and the web addresses of their NodeManagers.
        """
        with self._asking():
            try:
                attempts = self.resource_manager.attempts(app_id, timeout)
                reports = [
                    report
                    for attempt in attempts
                    for report in self.resource_manager.containers(
                        attempt.application_attempt_id, timeout
                    )
                ]
            except NotFoundError:
                return []  # between two attempts, or it has just ended
        return [(format_container_id(one.container_id), one.node_http_address) for one in reports]

    def queues(self, timeout: float = ANSWER_TIMEOUT) -> list[str]:
        """List the names of the queues that accept applications."""
        with self._asking():
            root = self.resource_manager.queue("root", timeout)
        return sorted(leaf_queues(root)) if root is not None else []
