"""The ResourceManager's calls for clients (ApplicationClientProtocol of YARN).

Answers are Hadoop's own messages; their fields are described in
``yarn_protos.proto`` of Hadoop 3.5.0.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from yarnkernel.deadline import Deadline
from yarnkernel.errors import NotFoundError, RpcTimeoutError
from yarnkernel.hadoop.addresses import resourcemanager_addresses
from yarnkernel.hadoop.highly_available import HighlyAvailable
from yarnkernel.hadoop.identifiers import application_id, format_application_id
from yarnkernel.hadoop.messages import enum_name
from yarnkernel.hadoop.rpc import RpcConnection

if TYPE_CHECKING:
    from collections.abc import Collection

    from yarnkernel.hadoop.configuration import Configuration

PROTOCOL = "org.apache.hadoop.yarn.api.ApplicationClientProtocolPB"
#: Seconds between two checks whether the scheduler has an application.
SUBMIT_INTERVAL = 0.01
_BEFORE_SCHEDULER = ("NEW", "NEW_SAVING", "SUBMITTED")
#: Seconds between two checks whether an application has been killed.
KILL_INTERVAL = 0.1


class ResourceManager(HighlyAvailable):
    """A client of the ResourceManager, or of the active one of several.

    All calls here may be repeated. Not thread-safe.

    Parameters
    ----------
    configuration : Configuration
        Of the cluster.

    Raises
    ------
    HadoopConfigurationError
        When it has no usable address.
    """

    def __init__(self, configuration: Configuration) -> None:
        addresses = resourcemanager_addresses(configuration)
        super().__init__([RpcConnection(address, PROTOCOL, configuration) for address in addresses])

    def new_application(self, timeout: float) -> str:
        """Return an id for a new application."""
        return format_application_id(self.call("GetNewApplication", timeout).application_id)

    def submit_application(self, context: Any, timeout: float) -> Any:
        """Submit an application and wait until the scheduler has it.

        Parameters
        ----------
        context : ApplicationSubmissionContextProto
            With an id from :meth:`new_application`.
        timeout : float
            Seconds.

        Returns
        -------
        ApplicationReportProto
            Its report, also if it was refused at once.

        Raises
        ------
        RpcTimeoutError
            When the scheduler does not have it in time.
        """
        deadline = Deadline(timeout)
        app_id = format_application_id(context.application_id)
        submitted = False
        while True:
            if not submitted:
                self.call(
                    "SubmitApplication",
                    deadline.step(timeout),
                    application_submission_context=context,
                )
                submitted = True
            try:
                report = self.application_report(app_id, deadline.step(timeout))
            except NotFoundError:
                # A ResourceManager took over before it was stored; submit again, like
                # YarnClientImpl.
                submitted, state = False, "unknown"
            else:
                state = enum_name(
                    "hadoop.yarn.YarnApplicationStateProto", report.yarn_application_state
                )
                if state not in _BEFORE_SCHEDULER:
                    return report
            if deadline.passed:
                raise RpcTimeoutError(f"{app_id} was still {state} after {timeout:.0f} s")
            time.sleep(SUBMIT_INTERVAL)

    def application_report(self, app_id: str, timeout: float) -> Any:
        """Return the ApplicationReportProto of an application.

        Raises
        ------
        NotFoundError
            When it does not exist.
        """
        answer = self.call("GetApplicationReport", timeout, application_id=application_id(app_id))
        return answer.application_report

    def applications(
        self,
        timeout: float,
        *,
        states: Collection[str] = (),
        users: Collection[str] = (),
        tags: Collection[str] = (),
        types: Collection[str] = (),
    ) -> list[Any]:
        """Return an ApplicationReportProto for each application.

        Parameters
        ----------
        timeout : float
            Seconds.
        states, users, tags, types : collection of str, optional
            Only applications that match one value of each given collection.
        """
        answer = self.call(
            "GetApplications",
            timeout,
            application_states=states,
            users=users,
            applicationTags=tags,
            application_types=types,
        )
        return list(answer.applications)

    def kill_application(self, app_id: str, timeout: float) -> bool:
        """Kill an application; one that has ended is left as it is.

        Returns
        -------
        bool
            Whether it ended in time; otherwise it will end later.
        """
        deadline = Deadline(timeout)
        while True:
            answer = self.call(
                "KillApplication",
                deadline.step(timeout),
                method="forceKillApplication",
                application_id=application_id(app_id),
            )
            if answer.is_kill_completed or deadline.passed:
                return bool(answer.is_kill_completed)
            # Request it again, like YarnClientImpl: a restart may have lost it.
            time.sleep(deadline.step(KILL_INTERVAL))

    def queue(self, name: str, timeout: float) -> Any:
        """Return the QueueInfoProto of a queue and all below it; None if it is unknown."""
        answer = self.call(
            "GetQueueInfo", timeout, queueName=name, includeChildQueues=True, recursive=True
        )
        return answer.queueInfo if answer.HasField("queueInfo") else None

    def queue_rights(self, timeout: float) -> dict[str, set[str]]:
        """Return the user's rights in each queue, with QueueACLProto's names.

        Queues are named by their paths, in old versions of Hadoop by their names.
        """
        answer = self.call("GetQueueUserAclsInfo", timeout, method="getQueueUserAcls")
        return {
            one.queueName: {enum_name("hadoop.yarn.QueueACLProto", right) for right in one.userAcls}
            for one in answer.queueUserAcls
        }

    def largest_container(self, timeout: float) -> Any:
        """Return the ResourceProto of the largest possible container; uses up an id."""
        return self.call("GetNewApplication", timeout).maximumCapability

    def nodes(self, timeout: float, states: Collection[str] = ("NS_RUNNING",)) -> list[Any]:
        """Return a NodeReportProto for each node in one of these states."""
        return list(self.call("GetClusterNodes", timeout, nodeStates=states).nodeReports)

    def cluster_metrics(self, timeout: float) -> Any:
        """Return the cluster's YarnClusterMetricsProto: the number of nodes in each state."""
        return self.call("GetClusterMetrics", timeout).cluster_metrics

    def attempts(self, app_id: str, timeout: float) -> list[Any]:
        """Return an ApplicationAttemptReportProto for each attempt of an application."""
        answer = self.call("GetApplicationAttempts", timeout, application_id=application_id(app_id))
        return list(answer.application_attempts)

    def containers(self, attempt_id: Any, timeout: float) -> list[Any]:
        """Return a ContainerReportProto for each container of a running attempt.

        Parameters
        ----------
        attempt_id : ApplicationAttemptIdProto
            As in reports.
        timeout : float
            Seconds.
        """
        return list(
            self.call("GetContainers", timeout, application_attempt_id=attempt_id).containers
        )
