"""Interrupt and restart a kernel, and read what its supervisor tells of it."""

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

#: Seconds that a kernel's place may take to tell where its store is.
ANSWER_TIMEOUT = 15.0
#: Seconds that one question may take.
STEP_TIMEOUT = 5.0
#: Seconds that a supervisor may take to open ports that encrypt.
ENCRYPT_TIMEOUT = 10.0
#: With fewer seconds to answer in, silence tells nothing.
FAIR_TIMEOUT = 0.5
#: Seconds between two looks for an answer.
POLL_INTERVAL = 0.05
#: Seconds to take back a command that nobody waits for any more.
WITHDRAW_TIMEOUT = 2.0


def read_kernel_status(address: StoreAddress, timeout: float) -> KernelStatus | None:
    """Read what the supervisor of a running kernel tells.

    Parameters
    ----------
    address : StoreAddress
        Of its store.
    timeout : float
        Seconds.

    Returns
    -------
    KernelStatus or None
        None when it has no supervisor of ours, as with skein's own recipe.

    Raises
    ------
    ApplicationError
        When nobody answers, or not to us, or what is told is no status.
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
    """Read what the supervisors of many kernels tell, of those that answer in time.

    Returns
    -------
    dict of str to KernelStatus
        By the kernels' ids.
    """
    found = {}
    for kernel, value in store.read_key_of_all(addresses, STATUS_KEY, timeout).items():
        with contextlib.suppress(YarnKernelError):  # one that cannot be read hides no other
            found[kernel] = KernelStatus.from_bytes(value)
    return found


def read(address: StoreAddress, key: str, timeout: float) -> bytes | None:
    """Read a key of a kernel's store; None when it is not there.

    Raises
    ------
    ApplicationError
        When nobody answers, or not to us.
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
    """Interrupt what a kernel does, whoever started it.

    Its supervisor sends it a signal; a kernel without one is asked to
    interrupt itself.

    Parameters
    ----------
    kernel : Addressed
        The kernel.
    timeout : float
        Seconds.
    key : str, default "ipython.kernel.info"
        The key that the recipe publishes under.
    last : StoreAddress, optional
        See :meth:`yarnkernel.kernels.handle.Kernel.address`.

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
    """Ask a supervisor for something, if it is one of ours.

    Returns
    -------
    StoreAddress
        Where its store is.
    str
        What it answers; empty where the kernel has none of ours.

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
    """Ask for ports where a kernel is reached encrypted, or plainly, whichever it does itself.

    Parameters
    ----------
    kernel : Addressed
        The kernel.
    timeout : float
        Seconds.
    encrypted : bool
        Which.

    Returns
    -------
    dict or None
        Connection info; None where that must not be (``--encrypt``), and of a supervisor that
        knows of no such thing.

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
    """Restart a kernel in place: same container, ports and key, but no variables.

    Parameters
    ----------
    kernel : Addressed
        The kernel.
    timeout : float
        Seconds.
    restarts : int, optional
        How often it had been restarted as far as the caller knows: one that
        has been restarted since is left as it is.
    last : StoreAddress, optional
        See :meth:`yarnkernel.kernels.handle.Kernel.address`.

    Returns
    -------
    float
        Seconds that it took the kernel to come up again.
    int
        How often it has been restarted now.

    Raises
    ------
    ApplicationError
        When there is no kernel, or none that can be restarted in place, or it
        does not come up again.
    ApplicationTimeoutError
        When that was not done in time.
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
    """Ask the supervisor for something and wait for its answer.

    Raises
    ------
    ApplicationTimeoutError
        When there is none in time.
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
                # Who had no time to answer is not the one to blame.
                if step >= FAIR_TIMEOUT:
                    problem = exc.message
                if deadline.remaining >= FAIR_TIMEOUT:
                    # Says so when the application has ended meanwhile.
                    address = kernel.address(deadline.step(ANSWER_TIMEOUT), address)
            if found is not None and command.id in found.answers:
                answered = True
                return found.answers[command.id]
            time.sleep(deadline.step(POLL_INTERVAL))
    finally:
        if not answered:
            # Nobody waits for it any more: it must not be obeyed later.
            with uninterrupted(), contextlib.suppress(YarnKernelError):
                store.delete_key(address, command.key, WITHDRAW_TIMEOUT)
    raise _failure(
        address,
        f": no {verb} within {deadline.seconds:.0f} s: {problem}",
        "status",
        ApplicationTimeoutError,
    )
