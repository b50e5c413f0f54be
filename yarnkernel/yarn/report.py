"""Convert YARN's reports on applications into this package's types."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from yarnkernel.hadoop.identifiers import format_application_id
from yarnkernel.hadoop.login import name_in_cluster
from yarnkernel.hadoop.messages import enum_name
from yarnkernel.store.address import read_fingerprint
from yarnkernel.yarn.application import ApplicationStatus

if TYPE_CHECKING:
    from collections.abc import Iterator

    from yarnkernel.hadoop.configuration import Configuration


def _to_datetime(milliseconds: int) -> datetime | None:
    return datetime.fromtimestamp(milliseconds / 1000, timezone.utc) if milliseconds else None


def to_status(report: Any, configuration: Configuration) -> ApplicationStatus:
    """Convert an ApplicationReportProto of a cluster with this configuration."""
    used = report.app_resource_Usage.used_resources
    final_status = enum_name(
        "hadoop.yarn.FinalApplicationStatusProto", report.final_application_status
    )
    aggregation = report.log_aggregation_status
    return ApplicationStatus(
        app_id=format_application_id(report.applicationId),
        name=report.name,
        user=report.user,
        queue=report.queue,
        state=enum_name("hadoop.yarn.YarnApplicationStateProto", report.yarn_application_state),
        final_status=final_status.removeprefix("APP_"),
        host="" if report.host == "N/A" else report.host,
        port=max(0, report.rpc_port),
        diagnostics=report.diagnostics.strip(),
        # The ResourceManager makes up a page for an application that has none.
        tracking_url=report.trackingUrl if report.originalTrackingUrl.startswith("http") else "",
        start_time=_to_datetime(report.startTime),
        launch_time=_to_datetime(report.launchTime),
        finish_time=_to_datetime(report.finishTime),
        memory=max(0, used.memory),
        vcores=max(0, used.virtual_cores),
        tags=frozenset(report.applicationTags),
        fingerprint=_own_fingerprint(report, configuration),
        log_aggregation=enum_name(
            "hadoop.yarn.LogAggregationStatusProto", aggregation
        ).removeprefix("LOG_")
        if report.HasField("log_aggregation_status")
        else "",
        type=report.applicationType,
    )


def _own_fingerprint(report: Any, configuration: Configuration) -> str:
    """Return the fingerprint if the application is the user's: others' keys must not be signed."""
    found = read_fingerprint(report.originalTrackingUrl)
    return found if found and report.user == name_in_cluster(configuration) else ""


def order(app_id: str) -> tuple[int, int]:
    """Return the sort key of an application id: its ResourceManager's start time and its number."""
    start, number = app_id.split("_")[1:]
    return int(start), int(number)


def leaf_queues(queue: Any) -> Iterator[str]:
    """Yield the queues in a QueueInfoProto, at any depth, that accept applications."""
    for child in queue.childQueues:
        yield from leaf_queues(child)
    if not queue.childQueues:
        yield queue.queueName
