"""Interrupt and restart a kernel, and read what its supervisor tells of it."""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING, Any

from yarnkernel import application_master
from yarnkernel.connection import KERNEL_INFO_KEY, ConnectionInfo, parse_connection_info
from yarnkernel.deadline import Deadline
from yarnkernel.errors import ApplicationError, ApplicationTimeoutError
from yarnkernel.kernel_status import STATUS_KEY, Command, KernelStatus
from yarnkernel.skein_rpc import RemoteError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from yarnkernel.application import ApplicationStatus
    from yarnkernel.kernel import YarnKernel

#: Seconds that one question may take.
STEP_TIMEOUT = 5.0
#: Seconds between two looks for an answer.
POLL_INTERVAL = 0.05


def read_kernel_status(status: ApplicationStatus, timeout: float) -> KernelStatus | None:
    """Read what the supervisor of a running application tells.

    Parameters
    ----------
    status : ApplicationStatus
        Of the application.
    timeout : float
        Seconds.

    Returns
    -------
    KernelStatus or None
        None when it has no supervisor of ours, as with skein's own recipe.

    Raises
    ------
    ApplicationError
        When the ApplicationMaster does not answer, or not to us.
    """
    value = _read(status, STATUS_KEY, timeout)
    return None if value is None else KernelStatus.from_bytes(value)


def read_kernel_statuses(
    statuses: Sequence[ApplicationStatus], timeout: float
) -> dict[str, KernelStatus]:
    """Read what the supervisors of many applications tell, of those that answer in time.

    Returns
    -------
    dict of str to KernelStatus
        By application id.
    """
    asked = [status for status in statuses if status.state == "RUNNING" and status.port]
    values = application_master.read_key_of_all(asked, STATUS_KEY, timeout)
    return {app_id: KernelStatus.from_bytes(value) for app_id, value in values.items()}


def _read(status: ApplicationStatus, key: str, timeout: float) -> bytes | None:
    try:
        return application_master.read_key(status, key, timeout)
    except RemoteError as exc:
        raise ApplicationError(
            f"{status.app_id}: {application_master.describe_failure(exc, status)}",
            app_id=status.app_id,
            state=status.state,
            hint=f"yarnkernel status {status.app_id}",
        ) from exc


def running_status(kernel: YarnKernel) -> ApplicationStatus:
    """Ask for the state of an application whose kernel is going to be asked something.

    Raises
    ------
    ApplicationError
        When it does not run, or not any more.
    """
    status = kernel.status()
    if status.state == "RUNNING" and status.port:
        return status
    ended = f"has ended: {status.outcome}" if status.ended else f"is {status.outcome}"
    raise ApplicationError(
        f"{kernel.app_id} {ended}; there is no kernel",
        app_id=kernel.app_id,
        state=status.state,
        diagnostics=status.diagnostics,
        hint=f"yarnkernel {'logs' if status.ended else 'connect'} {kernel.app_id}",
    )


def interrupt(kernel: YarnKernel, timeout: float) -> str:
    """Interrupt what a kernel does, whoever started it.

    Its supervisor sends it a signal; a kernel without one is asked to
    interrupt itself.

    Parameters
    ----------
    kernel : YarnKernel
        The kernel.
    timeout : float
        Seconds.

    Returns
    -------
    str
        ``"interrupted"``; ``"idle"`` when there was nothing to interrupt;
        ``"asked"`` when it has been asked and nobody can tell what came of it.

    Raises
    ------
    ApplicationError
        When it goes on all the same, or there is no kernel.
    ApplicationTimeoutError
        When nobody has answered in time.
    """
    status = running_status(kernel)
    deadline = Deadline(timeout)
    if read_kernel_status(status, deadline.step(STEP_TIMEOUT)) is None:
        return _interrupt_by_message(status, deadline)
    answer = _command(kernel, status, "interrupt", deadline)
    if answer["result"] == "busy":
        raise ApplicationError(
            f"{kernel.app_id}: the kernel goes on all the same; native code does not heed "
            "an interrupt before it is done",
            app_id=kernel.app_id,
            state=status.state,
            hint=f"yarnkernel restart {kernel.app_id}",
        )
    return str(answer["result"])


def _interrupt_by_message(status: ApplicationStatus, deadline: Deadline) -> str:
    from yarnkernel.console import ask_to_interrupt  # noqa: PLC0415  (jupyter_client)

    if ask_to_interrupt(_connection_info(status, deadline), deadline.step(STEP_TIMEOUT)):
        return "asked"
    raise ApplicationTimeoutError(
        f"{status.app_id}: the kernel does not answer; it may be in native code, and skein's "
        "recipe cannot restart it",
        app_id=status.app_id,
        state=status.state,
        hint=f"yarnkernel stop {status.app_id}",
    )


def _connection_info(status: ApplicationStatus, deadline: Deadline) -> ConnectionInfo:
    value = _read(status, KERNEL_INFO_KEY, deadline.step(STEP_TIMEOUT))
    if value is None:
        raise ApplicationError(
            f"{status.app_id} has not published a kernel under {KERNEL_INFO_KEY!r}",
            app_id=status.app_id,
            state=status.state,
            hint=f"yarnkernel connect {status.app_id}",
        )
    return parse_connection_info(value, am_host=status.host)


def restart(kernel: YarnKernel, timeout: float) -> float:
    """Restart a kernel in place: same container, ports and key, but no variables.

    Parameters
    ----------
    kernel : YarnKernel
        The kernel.
    timeout : float
        Seconds.

    Returns
    -------
    float
        Seconds that it took the kernel to come up again.

    Raises
    ------
    ApplicationError
        When there is no kernel, or none that can be restarted in place, or it
        does not come up again.
    ApplicationTimeoutError
        When that was not done in time.
    """
    status = running_status(kernel)
    deadline = Deadline(timeout)
    if read_kernel_status(status, deadline.step(STEP_TIMEOUT)) is None:
        raise ApplicationError(
            f"{kernel.app_id} was not started by yarnkernel's recipe, which alone can restart "
            "a kernel in place",
            app_id=kernel.app_id,
            state=status.state,
            hint=f"yarnkernel stop {kernel.app_id}",
        )
    return float(_command(kernel, status, "restart", deadline)["seconds"])


def _command(
    kernel: YarnKernel, status: ApplicationStatus, verb: str, deadline: Deadline
) -> dict[str, Any]:
    """Ask the supervisor for something and wait for its answer."""
    command = Command(uuid.uuid4().hex, verb)
    problem = "its supervisor does not answer"
    try:
        application_master.put_key(
            status, command.key, command.to_bytes(), deadline.step(STEP_TIMEOUT)
        )
        while not deadline.passed:
            found = read_kernel_status(status, deadline.step(STEP_TIMEOUT))
            if found is not None and command.id in found.answers:
                return found.answers[command.id]
            time.sleep(deadline.step(POLL_INTERVAL))
    except (RemoteError, ApplicationError) as exc:
        running_status(kernel)  # says so when the application has ended meanwhile
        problem = str(exc)
    raise ApplicationTimeoutError(
        f"{kernel.app_id}: no {verb} within {deadline.seconds:.0f} s: {problem}",
        app_id=kernel.app_id,
        state=status.state,
        hint=f"yarnkernel status {kernel.app_id}",
    )
