"""Ids of applications and containers: their messages and their texts."""

from __future__ import annotations

from typing import Any

from yarnkernel.hadoop.messages import message_class

#: Bits of a container's number; above them is the epoch, which counts the ResourceManager's
#: restarts (org.apache.hadoop.yarn.api.records.ContainerId).
_CONTAINER_BITS = 40


def application_id(text: str) -> Any:
    """Make a message of ``application_<cluster timestamp>_<number>``."""
    _, timestamp, number = text.split("_")
    return message_class("hadoop.yarn.ApplicationIdProto")(
        cluster_timestamp=int(timestamp), id=int(number)
    )


def format_application_id(message: Any) -> str:
    """Write an application's id."""
    return f"application_{message.cluster_timestamp}_{message.id:04}"


def format_container_id(message: Any) -> str:
    """Write a container's id, with its epoch when there is one."""
    attempt = message.app_attempt_id
    epoch, number = message.id >> _CONTAINER_BITS, message.id & (1 << _CONTAINER_BITS) - 1
    application = attempt.application_id
    return (
        f"container_{f'e{epoch:02}_' if epoch else ''}{application.cluster_timestamp}"
        f"_{application.id:04}_{attempt.attemptId:02}_{number:06}"
    )
