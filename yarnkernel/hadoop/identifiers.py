"""Ids of applications and containers: convert between messages and text."""

from __future__ import annotations

from typing import Any

from yarnkernel.hadoop.messages import message_class

#: Bits of a container's number; the higher ones are the epoch, which counts the ResourceManager's
#: restarts (org.apache.hadoop.yarn.api.records.ContainerId).
_CONTAINER_BITS = 40


def application_id(text: str) -> Any:
    """Convert ``application_<cluster timestamp>_<number>`` to a message."""
    _, timestamp, number = text.split("_")
    return message_class("hadoop.yarn.ApplicationIdProto")(
        cluster_timestamp=int(timestamp), id=int(number)
    )


def format_application_id(message: Any) -> str:
    """Return the text of an application's id."""
    return f"application_{message.cluster_timestamp}_{message.id:04}"


def format_container_id(message: Any) -> str:
    """Return the text of a container's id, with its epoch if there is one."""
    attempt = message.app_attempt_id
    epoch, number = message.id >> _CONTAINER_BITS, message.id & (1 << _CONTAINER_BITS) - 1
    application = attempt.application_id
    return (
        f"container_{f'e{epoch:02}_' if epoch else ''}{application.cluster_timestamp}"
        f"_{application.id:04}_{attempt.attemptId:02}_{number:06}"
    )
