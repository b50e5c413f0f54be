"""Code that both ways of submitting an application share."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from yarnkernel.errors import (
    ClusterError,
    SubmitError,
    SubmitTimeoutError,
    YarnKernelError,
)
from yarnkernel.yarn.diagnostics import too_large

if TYPE_CHECKING:
    from collections.abc import Iterator

    import skein

    from yarnkernel.deadline import Deadline
    from yarnkernel.yarn.client import YarnClient


@dataclass(frozen=True)
class Scheduling:
    """Settings of an application for YARN that skein's specifications have no fields for.

    Attributes
    ----------
    priority : int
        The higher it is, the earlier the application gets its container, as far as the queue
        allows.
    lifetime : float
        Seconds after which YARN ends the application in any case; 0 for the queue's default.
    """

    priority: int = 0
    lifetime: float = 0.0


def too_late(client: YarnClient, deadline: Deadline, reason: object) -> SubmitTimeoutError:
    """Return the error for a deadline that passed before the application was accepted."""
    return SubmitTimeoutError(
        f"{client.cluster.source} had not accepted the application after "
        f"{deadline.seconds:.0f} s: {reason}; next: give it longer with --timeout"
    )


@contextlib.contextmanager
def asking(client: YarnClient, deadline: Deadline) -> Iterator[None]:
    """Report a passed deadline if the body fails because of it.

    Raises
    ------
    SubmitTimeoutError
        Instead of a ClusterError.
    """
    try:
        yield
    except ClusterError as exc:
        if not deadline.passed:
            raise
        raise too_late(client, deadline, exc) from exc


def refusal(
    client: YarnClient,
    spec: skein.ApplicationSpec,
    details: str,
    problem: str = "YARN refused the application",
) -> SubmitError:
    """Return the error for an application that YARN refused.

    Parameters
    ----------
    client : YarnClient
        Client of the cluster; it is asked for the queues if that helps.
    spec : skein.ApplicationSpec
        The application.
    details : str
        YARN's message, perhaps with a Java stack trace.
    problem : str, optional
        What failed, and in which program.
    """
    lines = [line.strip() for line in details.splitlines() if line.strip()]
    reason = lines[0] if lines else "it gave no reason"
    if larger := too_large(details):
        return SubmitError(f"{problem}: {larger}")
    if "unknown queue" in reason:
        reason = f"there is no queue {spec.queue!r}"
    message = f"{problem}: {reason}"
    if "queue" in reason:
        with contextlib.suppress(YarnKernelError):
            message += f"; queues of this cluster: {', '.join(client.queues())}"
    return SubmitError(message)
