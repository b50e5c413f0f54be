"""Interrupt and restart a kernel, and read its supervisor's status."""

from __future__ import annotations

import contextlib
import time
import uuid
from typing import TYPE_CHECKING

from yarnkernel.connection import KERNEL_INFO_KEY, ConnectionInfo, parse_connection_info
from yarnkernel.deadline import Deadline
from yarnkernel.errors import (
    ApplicationError,
    ApplicationTimeoutError,
    YarnKernelError,
)
from yarnkernel.interrupts import uninterrupted
from yarnkernel.kernel_status import INFO_KEYS, STATUS_KEY, Answer, Command, KernelStatus
from yarnkernel.store import client as store
from yarnkernel.store.remote_error import RemoteError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from yarnkernel.kernels.handle import Addressed
    from yarnkernel.store.address import StoreAddress

#: Seconds for a kernel's place to tell where its store is.
ANSWER_TIMEOUT = 15.0
#: Seconds for one request.
STEP_TIMEOUT = 5.0
#: Seconds for a supervisor to open encrypted ports.
ENCRYPT_TIMEOUT = 10.0
#: With fewer seconds for an answer, silence means nothing.
FAIR_TIMEOUT = 0.5
#: Seconds between two checks for an answer.
POLL_INTERVAL = 0.05
#: Seconds to withdraw a command whose answer is no longer wanted.
WITHDRAW_TIMEOUT = 2.0


def read_kernel_status(address: StoreAddress, timeout: float) -> KernelStatus | None:
    """Read the status that a running kernel's supervisor publishes.

    Parameters
    ----------
    address : StoreAddress
        Its store's address.
    timeout : float
        Seconds.

    Returns
    -------
    KernelStatus or None
        None if it has no supervisor of ours, as with skein's own recipe.

    Raises
    ------
    ApplicationError
        When the store does not answer or refuses us, or its value is not a status.
    """
    value = read(address, STATUS_KEY, timeout)
    if value is None:
        return None
    try:
        return KernelStatus.from_bytes(value)
    except YarnKernelError as exc:
        raise _failure(address, f": {exc}", "restart") from exc


def read_kernel_statuses(
    addresses: Sequence[StoreAddress], timeout: float
) -> dict[str, KernelStatus]:
    """Read the statuses of many kernels, as far as their stores answer in time.

    Returns
    -------
    dict of str to KernelStatus
        By the kernels' ids.
    """
    found = {}
    for kernel, value in store.read_key_of_all(addresses, STATUS_KEY, timeout).items():
        with contextlib.suppress(YarnKernelError):  # an unreadable one must not hide the others
            found[kernel] = KernelStatus.from_bytes(value)
    return found


def read(address: StoreAddress, key: str, timeout: float) -> bytes | None:
    """Read a key of a kernel's store; return None if it is not set.

    Raises
    ------
    ApplicationError
        When the store does not answer or refuses us.
    """
    try:
        return store.read_key(address, key, timeout)
    except RemoteError as exc:
        raise _failure(address, f": {store.describe_failure(exc, address)}", "status") from exc


def _failure(
    address: StoreAddress,
    problem: str,
    next_command: str,
    kind: type[ApplicationError] = ApplicationError,
) -> ApplicationError:
    return kind(
        address.kernel + problem,
        app_id=address.kernel,
        state=address.state,
        hint=f"yarnkernel {next_command} {address.kernel}",
    )


def interrupt(
    kernel: Addressed,
    timeout: float,
    *,
    key: str = KERNEL_INFO_KEY,
    last: StoreAddress | None = None,
) -> str:
    """Interrupt a kernel's work, whoever started it.

    Its supervisor sends a signal; a kernel without supervisor gets an interrupt_request.

    Parameters
    ----------
    kernel : Addressed
        The kernel.
    timeout : float
        Seconds.
    key : str, default "ipython.kernel.info"
        The key under which the recipe publishes.
    last : StoreAddress, optional
        See :meth:`yarnkernel.kernels.handle.Kernel.address`.

    Returns
    -------
    str
        ``"interrupted"``; ``"idle"`` when there was nothing to interrupt;
        ``"asked"`` when it was asked and the outcome is unknown.

    Raises
    ------
    ApplicationError
        When it carries on regardless, or there is no kernel.
    ApplicationTimeoutError
        When there was no answer in time.
    """
    deadline = Deadline(timeout)
    address = kernel.address(deadline.step(ANSWER_TIMEOUT), last)
    if read_kernel_status(address, deadline.step(STEP_TIMEOUT)) is None:
        return _interrupt_by_message(kernel, address, key, deadline)
    answer = ask(kernel, address, "interrupt", deadline)
    if answer["result"] == "busy":
        raise _failure(
            address,
            ": the kernel goes on all the same; native code does not heed "
            "an interrupt before it is done",
            "restart",
        )
    return answer["result"]


def _interrupt_by_message(
    kernel: Addressed, address: StoreAddress, key: str, deadline: Deadline
) -> str:
    from yarnkernel.kernels.console import ask_to_interrupt  # noqa: PLC0415  (jupyter_client)

    info = kernel.reached(_connection_info(address, key, deadline))
    if ask_to_interrupt(info, deadline.step(STEP_TIMEOUT)):
        return "asked"
    raise _failure(
        address,
        ": the kernel does not answer; it may be in native code, and skein's "
        "recipe cannot restart it",
        "stop",
        ApplicationTimeoutError,
    )


def _connection_info(address: StoreAddress, key: str, deadline: Deadline) -> ConnectionInfo:
    value = read(address, key, deadline.step(STEP_TIMEOUT))
    if value is None:
        raise _failure(address, f" has not published a kernel under {key!r}", "connect")
    return parse_connection_info(value, am_host=address.host)


def ask_if_ours(kernel: Addressed, verb: str, deadline: Deadline) -> tuple[StoreAddress, str]:
    """Send a supervisor a command, if it is one of ours.

    Returns
    -------
    StoreAddress
        Where its store is.
    str
        Its answer; empty if the kernel has no supervisor of ours.

    Raises
    ------
    ApplicationError, ApplicationTimeoutError
        When there is no kernel, or it does not answer.
    """
    address = kernel.address(deadline.step(ANSWER_TIMEOUT))
    if read_kernel_status(address, deadline.step(STEP_TIMEOUT)) is None:
        return address, ""
    return address, ask(kernel, address, verb, deadline)["result"]


def other_info(kernel: Addressed, timeout: float, *, encrypted: bool) -> ConnectionInfo | None:
    """Get connection info with encrypted or plain ports, whatever the kernel itself offers.

    Parameters
    ----------
    kernel : Addressed
        The kernel.
    timeout : float
        Seconds.
    encrypted : bool
        Whether the ports are to be encrypted.

    Returns
    -------
    dict or None
        Connection info; None if plain ports are not allowed (``--encrypt``) or the supervisor is
        too old for this.

    Raises
    ------
    ApplicationError, ApplicationTimeoutError, ConnectionInfoError
        When there is no kernel, or it does not answer.
    """
    verb = "encrypt" if encrypted else "plain"
    deadline = Deadline(timeout)
    address, result = ask_if_ours(kernel, verb, deadline)
    if result != "published":
        return None
    return kernel.reached(_connection_info(address, INFO_KEYS[verb], deadline))


def restart(
    kernel: Addressed,
    timeout: float,
    *,
    restarts: int | None = None,
    last: StoreAddress | None = None,
) -> tuple[float, int]:
    """Restart a kernel in place: the container, ports and key stay, variables are lost.

    Parameters
    ----------
    kernel : Addressed
        The kernel.
    timeout : float
        Seconds.
    restarts : int, optional
        How often it had been restarted, as far as the caller knows: if it has been restarted since,
        nothing is done.
    last : StoreAddress, optional
        See :meth:`yarnkernel.kernels.handle.Kernel.address`.

    Returns
    -------
    float
        Seconds until the kernel was ready again.
    int
        How often it has been restarted now.

    Raises
    ------
    ApplicationError
        When there is no kernel, it cannot be restarted in place, or it does not start again.
    ApplicationTimeoutError
        When the restart was not done in time.
    """
    deadline = Deadline(timeout)
    address = kernel.address(deadline.step(ANSWER_TIMEOUT), last)
    if read_kernel_status(address, deadline.step(STEP_TIMEOUT)) is None:
        raise _failure(
            address,
            " was not started by yarnkernel's recipe, which alone can restart a kernel in place",
            "stop",
        )
    answer = ask(kernel, address, "restart", deadline, restarts=restarts)
    return answer.get("seconds", 0.0), answer.get("restarts", 0)


def ask(
    kernel: Addressed,
    address: StoreAddress,
    verb: str,
    deadline: Deadline,
    *,
    restarts: int | None = None,
    argument: str = "",
) -> Answer:
    """Send the supervisor a command and wait for the answer.

    Raises
    ------
    ApplicationTimeoutError
        When there is no answer in time.
    """
    command = Command(uuid.uuid4().hex, verb, restarts, argument)
    answered = False
    problem = "its supervisor does not answer"
    try:
        try:
            store.put_key(address, command.key, command.to_bytes(), deadline.step(STEP_TIMEOUT))
        except RemoteError as exc:
            problem = store.describe_failure(exc, address)
        while not deadline.passed:
            found, step = None, deadline.step(STEP_TIMEOUT)
            try:
                found = read_kernel_status(address, step)
            except ApplicationError as exc:
                # A supervisor that had no time to answer is not to blame.
                if step >= FAIR_TIMEOUT:
                    problem = exc.message
                if deadline.remaining >= FAIR_TIMEOUT:
                    # Raises if the application has ended in the meantime.
                    address = kernel.address(deadline.step(ANSWER_TIMEOUT), address)
            if found is not None and command.id in found.answers:
                answered = True
                return found.answers[command.id]
            time.sleep(deadline.step(POLL_INTERVAL))
    finally:
        if not answered:
            # Withdrawn, so that it is not carried out later.
            with uninterrupted(), contextlib.suppress(YarnKernelError):
                store.delete_key(address, command.key, WITHDRAW_TIMEOUT)
    raise _failure(
        address,
        f": no {verb} within {deadline.seconds:.0f} s: {problem}",
        "status",
        ApplicationTimeoutError,
    )
