"""Submit an application and wait for its kernel; kill what is not handed over."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from yarnkernel.connection import KERNEL_INFO_KEY, ConnectionInfo
from yarnkernel.deadline import START_TIMEOUT, Deadline
from yarnkernel.errors import YarnKernelError
from yarnkernel.interrupts import uninterrupted
from yarnkernel.kernel import YarnKernel, ignore_report
from yarnkernel.spec import add_unique_tag

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import skein

    from yarnkernel.skein_way import SkeinWay


@contextlib.contextmanager
def submitted(
    way: SkeinWay,
    spec: skein.ApplicationSpec,
    deadline: Deadline,
    report: Callable[[str], None] = ignore_report,
) -> Iterator[YarnKernel]:
    """Submit an application for the body, which hands it over: unless it comes to its end, kill it.

    Parameters
    ----------
    way : SkeinWay
        How it is submitted.
    spec : skein.ApplicationSpec
        What to run; gets a tag of its own.
    deadline : Deadline
        For the submission.
    report : callable, optional
        Called with one line at each change of state.

    Yields
    ------
    YarnKernel
        The kernel that is going to be.

    Raises
    ------
    SubmitError, ClusterError
        See :meth:`SkeinWay.submit`.
    """
    add_unique_tag(spec)
    kernel = None
    try:
        kernel = YarnKernel(way.submit(spec, deadline), way.client)
        report(f"{kernel.app_id} submitted to queue {spec.queue}")
        yield kernel
    except BaseException as exc:
        with uninterrupted():
            if kernel is not None:
                _withdraw(kernel, report)
            elif not isinstance(exc, YarnKernelError):
                # Interrupted, perhaps with the application's id on its way to us.
                way.client.kill_tagged(spec.tags)
        raise


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
        How it is submitted.
    spec : skein.ApplicationSpec
        What to run; gets a tag of its own.
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
    with submitted(way, spec, deadline, report) as kernel:
        return kernel, kernel.wait(deadline, key=key, report=report)


def _withdraw(kernel: YarnKernel, report: Callable[[str], None]) -> None:
    try:
        if not kernel.status().ended:
            kernel.client.kill(kernel.app_id)
            report(f"{kernel.app_id} killed")
    except YarnKernelError as exc:
        report(
            f"{kernel.app_id} cannot be killed: {exc}; "
            f"next: yarnkernel stop --force {kernel.app_id}"
        )
