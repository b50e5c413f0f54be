"""Submit an application and wait for its kernel; kill it if it is not handed over."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from yarnkernel.connection import KERNEL_INFO_KEY
from yarnkernel.errors import MasterFailedError, YarnKernelError, summary
from yarnkernel.interrupts import uninterrupted
from yarnkernel.progress import Progress, ignore
from yarnkernel.store.credentials import keep_pair
from yarnkernel.yarn.edges import note
from yarnkernel.yarn.kernel import YarnKernel
from yarnkernel.yarn.spec_changes import add_unique_tag

if TYPE_CHECKING:
    from collections.abc import Iterator

    import skein

    from yarnkernel.connection import ConnectionInfo
    from yarnkernel.deadline import Deadline
    from yarnkernel.progress import Report
    from yarnkernel.yarn.way import Way


@contextlib.contextmanager
def submitted(
    way: Way,
    spec: skein.ApplicationSpec,
    deadline: Deadline,
    report: Report = ignore,
) -> Iterator[YarnKernel]:
    """Submit an application for the body to hand over; kill it unless the body completes.

    Parameters
    ----------
    way : Way
        How it is submitted.
    spec : skein.ApplicationSpec
        What to run; gets a unique tag.
    deadline : Deadline
        For the submission.
    report : callable, optional
        Called with each change of state.

    Yields
    ------
    YarnKernel
        The kernel, which is yet to start.

    Raises
    ------
    SubmitError, ClusterError
        See :meth:`Way.submit`.
    """
    add_unique_tag(spec)
    kernel = None
    try:
        asked = spec.master.resources.memory
        kernel = YarnKernel(way.submit(spec, deadline, report), way.client, asked)
        note(kernel.id, way.client.cluster.edge)
        if spec.master.security is not None:
            keep_pair(kernel.id, spec.master.security)
        report(Progress("submitted", kernel=kernel.id, place=spec.queue))
        yield kernel
    except BaseException as exc:
        with uninterrupted():
            if kernel is not None:
                _withdraw(kernel, report)
            elif not isinstance(exc, YarnKernelError):
                # Interrupted, perhaps before the application's id arrived.
                way.client.kill_tagged(spec.tags)
        raise


@contextlib.contextmanager
def started(
    way: Way,
    spec: skein.ApplicationSpec,
    deadline: Deadline,
    *,
    key: str = KERNEL_INFO_KEY,
    report: Report = ignore,
) -> Iterator[tuple[YarnKernel, ConnectionInfo]]:
    """Submit an application and wait for its kernel, for the body to hand over.

    Unless the body completes, the application is killed; see :func:`submitted`.

    Parameters
    ----------
    key : str, default "ipython.kernel.info"
        The key under which the recipe publishes.

    Raises
    ------
    SubmitError, KernelStartError, KernelStartTimeoutError, ConnectionInfoError
        See :meth:`Way.submit` and :meth:`yarnkernel.kernels.handle.Kernel.wait`.
    """
    with contextlib.ExitStack() as stack:
        kernel = stack.enter_context(submitted(way, spec, deadline, report))
        try:
            info = kernel.wait(deadline, key=key, report=report)
        except MasterFailedError as exc:
            if not way.avoid_direct(exc.reason):
                raise
            reason = "had no ApplicationMaster; trying skein's"
            report(Progress("again", kernel=kernel.id, reason=reason))
            kernel = stack.enter_context(submitted(way, spec, deadline, report))
            info = kernel.wait(deadline, key=key, report=report)
        yield kernel, info


def _withdraw(kernel: YarnKernel, report: Report) -> None:
    try:
        if not kernel.status().ended:
            kernel.client.kill(kernel.id)
            report(Progress("killed", kernel=kernel.id))
    except YarnKernelError as exc:
        report(Progress("stuck", kernel=kernel.id, reason=summary(exc)))
