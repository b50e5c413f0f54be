"""Submit an application and wait for its kernel; kill what is not handed over."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from yarnkernel.connection import (
    AUTO,
    KERNEL_INFO_KEY,
    KERNEL_KEYS,
    ConnectionInfo,
    is_encrypted,
    write_connection_file,
)
from yarnkernel.deadline import START_TIMEOUT, Deadline
from yarnkernel.errors import MasterFailedError, YarnKernelError, summary
from yarnkernel.interrupts import uninterrupted
from yarnkernel.kernels.control import ENCRYPT_TIMEOUT, other_info
from yarnkernel.kernels.options import build
from yarnkernel.store.credentials import keep_pair
from yarnkernel.yarn.kernel import YarnKernel, ignore_report
from yarnkernel.yarn.spec_changes import add_unique_tag

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import skein

    from yarnkernel.kernels.options import LaunchOptions
    from yarnkernel.yarn.way import Way


@contextlib.contextmanager
def submitted(
    way: Way,
    spec: skein.ApplicationSpec,
    deadline: Deadline,
    report: Callable[[str], None] = ignore_report,
) -> Iterator[YarnKernel]:
    """Submit an application for the body, which hands it over: unless it comes to its end, kill it.

    Parameters
    ----------
    way : Way
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
        See :meth:`Way.submit`.
    """
    add_unique_tag(spec)
    kernel = None
    try:
        kernel = YarnKernel(way.submit(spec, deadline, report), way.client)
        if spec.master.security is not None:
            keep_pair(kernel.app_id, spec.master.security)
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


@contextlib.contextmanager
def started(
    way: Way,
    spec: skein.ApplicationSpec,
    deadline: Deadline,
    *,
    key: str = KERNEL_INFO_KEY,
    report: Callable[[str], None] = ignore_report,
) -> Iterator[tuple[YarnKernel, ConnectionInfo]]:
    """Start a kernel for the body, which hands it over: unless it comes to its end, kill it.

    See :func:`start`.
    """
    with contextlib.ExitStack() as stack:
        kernel = stack.enter_context(submitted(way, spec, deadline, report))
        try:
            info = kernel.wait(deadline, key=key, report=report)
        except MasterFailedError as exc:
            if not way.avoid_direct(exc.reason):
                raise
            report(f"{kernel.app_id} had no ApplicationMaster; trying skein's")
            kernel = stack.enter_context(submitted(way, spec, deadline, report))
            info = kernel.wait(deadline, key=key, report=report)
        yield kernel, info


def start(
    way: Way,
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
    way : Way
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
        See :meth:`Way.submit` and :meth:`YarnKernel.wait`.
    """
    with started(way, spec, Deadline(timeout), key=key, report=report) as result:
        return result


@contextlib.contextmanager
def started_for(
    way: Way,
    options: LaunchOptions,
    keys: Mapping[str, str],
    deadline: Deadline,
    *,
    recipe_options: list[str],
    report: Callable[[str], None] = ignore_report,
) -> Iterator[tuple[YarnKernel, ConnectionInfo]]:
    """Start a kernel with keys that a front end chose, for the body, which hands it over.

    Unless the body comes to its end the application is killed.

    Parameters
    ----------
    way : Way
        How it is submitted.
    options : LaunchOptions
        How it is started.
    keys : mapping of str to str
        Fields of its connection info; it has others when nothing that travels may open it.
    deadline : Deadline
        For everything, an environment that has to be packed included.
    recipe_options : list of str
        Further options of the recipe.
    report : callable, optional
        Called with one line at each change of state.

    Yields
    ------
    YarnKernel
        The kernel.
    dict
        Its connection info.

    Raises
    ------
    YarnKernelError
        When it cannot be started.
    """
    from yarnkernel.environment.push import Pusher  # noqa: PLC0415  (slow to import)
    from yarnkernel.environment.transfer import TransferLine  # noqa: PLC0415

    pusher = Pusher(deadline, report, TransferLine(report, "the environment"))
    with contextlib.ExitStack() as stack:
        with tempfile.TemporaryDirectory(prefix="yarnkernel-") as directory:
            path = None if options.sealed else Path(directory, KERNEL_KEYS)
            if path is not None:
                write_connection_file(dict(keys), path)
            cluster = way.client.cluster
            spec = build(options, cluster, pusher, recipe_options=recipe_options, keys=path)
            kernel, info = stack.enter_context(started(way, spec, deadline, report=report))
        if options.encrypt == AUTO and not is_encrypted(info):
            with contextlib.suppress(YarnKernelError):
                step = deadline.step(ENCRYPT_TIMEOUT)
                info = other_info(kernel, step, encrypted=True) or info
        yield kernel, info


def _withdraw(kernel: YarnKernel, report: Callable[[str], None]) -> None:
    try:
        if not kernel.status().ended:
            kernel.client.kill(kernel.app_id)
            report(f"{kernel.app_id} killed")
    except YarnKernelError as exc:
        report(
            f"{kernel.app_id} cannot be killed: {summary(exc)}; "
            f"next: yarnkernel stop --force {kernel.app_id}"
        )
