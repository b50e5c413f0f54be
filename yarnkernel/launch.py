"""Submit an application and wait for its kernel; kill what is not handed over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from yarnkernel.connection import KERNEL_INFO_KEY, ConnectionInfo
from yarnkernel.deadline import START_TIMEOUT, Deadline
from yarnkernel.errors import YarnKernelError
from yarnkernel.interrupts import uninterrupted
from yarnkernel.kernel import YarnKernel, ignore_report

if TYPE_CHECKING:
    from collections.abc import Callable

    import skein

    from yarnkernel.skein_way import SkeinWay


def start(
    way: SkeinWay,
    spec: skein.ApplicationSpec,
    *,
    timeout: float = START_TIMEOUT,
    key: str = KERNEL_INFO_KEY,
    report: Callable[[str], None] = ignore_report,
) -> tuple[YarnKernel, ConnectionInfo]:
    """Submit an application and wait for its kernel.

    When the kernel is not handed over, whatever the reason, its application is killed.

    Parameters
    ----------
    way : SkeinWay
        The connection to a cluster.
    spec : skein.ApplicationSpec
        What to run.
    timeout : float, default 300.0
        Seconds for everything.
    key : str, default "ipython.kernel.info"
        The key that the recipe publishes under.
    report : callable, optional
        Called with one line at each change of state.

    Returns
    -------
    YarnKernel
        The kernel.
    dict
        Its connection info.

    Raises
    ------
    SubmitError, KernelStartError, KernelStartTimeoutError, ConnectionInfoError
        See :meth:`SkeinWay.submit` and :meth:`YarnKernel.wait`.
    """
    deadline = Deadline(timeout)
    kernel = YarnKernel(way.submit(spec, deadline), way)
    try:
        report(f"{kernel.app_id} submitted to queue {spec.queue}")
        return kernel, kernel.wait(deadline, key=key, report=report)
    except BaseException:
        withdraw(kernel, report)
        raise


def withdraw(kernel: YarnKernel, report: Callable[[str], None] = ignore_report) -> None:
    """Kill a kernel's application that cannot be handed over; an error under way stays the error.

    Parameters
    ----------
    kernel : YarnKernel
        The kernel.
    report : callable, optional
        Called with one line that tells what was done.
    """
    with uninterrupted():
        try:
            _kill(kernel, report)
        except YarnKernelError:
            kernel.way.close()  # its driver may be what failed: a new one is asked
            try:
                _kill(kernel, report)
            except YarnKernelError as exc:
                report(
                    f"{kernel.app_id} cannot be killed: {exc}; "
                    f"next: yarn application -kill {kernel.app_id}"
                )


def _kill(kernel: YarnKernel, report: Callable[[str], None]) -> None:
    if not kernel.status().ended:
        kernel.way.kill(kernel.app_id)
        report(f"{kernel.app_id} killed")
