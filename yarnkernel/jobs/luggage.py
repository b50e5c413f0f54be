"""What is sent with a kernel outside YARN: its environment, its files, its directory."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yarnkernel.announcement import FILES_DIRECTORY, FILES_VARIABLE
from yarnkernel.jobs.environments import bring_environment, check_environment
from yarnkernel.kernels.travelling import (
    SYNC_VARIABLE,
    check_files,
    check_sync,
)
from yarnkernel.printable import printable
from yarnkernel.progress import Progress

if TYPE_CHECKING:
    from yarnkernel.deadline import Deadline
    from yarnkernel.hosts.host import Host
    from yarnkernel.kernels.options import LaunchOptions
    from yarnkernel.kernels.place import Transfer
    from yarnkernel.progress import Report


@dataclass(frozen=True)
class Luggage:
    """What has been sent.

    Attributes
    ----------
    pythons : list of str
        The Python commands to try there, in this order.
    recipe_options : list of str
        Options of the recipe, to be placed before the user's.
    variables : dict of str to str
        The kernel's environment variables.
    noted : dict
        Fields for the kernel's record.
    """

    pythons: list[str]
    recipe_options: list[str] = field(default_factory=list)
    variables: dict[str, str] = field(default_factory=dict)
    noted: dict[str, Any] = field(default_factory=dict)


def check(options: LaunchOptions) -> None:
    """Check that all of it exists on this machine.

    Raises
    ------
    UsageError
        When something is missing or invalid.
    """
    check_environment(options)
    check_files(options.files)
    check_sync(options.sync)


def bring(
    options: LaunchOptions,
    directory: str,
    host: Host,
    deadline: Deadline,
    *,
    report: Report,
    transfer: Transfer | None,
) -> Luggage:
    """Send it to a host.

    Parameters
    ----------
    options : LaunchOptions
        The kernel's options.
    directory : str
        The kernel's own directory on the host.
    host : Host
        The host.
    deadline : Deadline
        For the whole transfer.
    report : callable
        Called with the progress.
    transfer : Transfer, optional
        Shows the progress of a transfer.

    Raises
    ------
    YarnKernelError
        When something cannot be sent.
    """
    environment = bring_environment(options, host, deadline, report, transfer)
    found = Luggage(environment.pythons, noted={"environment": environment.name})
    if environment.activation:
        found.recipe_options.append(f"--pre-command={environment.activation}")
    if options.files:
        from yarnkernel.jobs.files import send_files  # noqa: PLC0415  (as below)

        there = f"{directory}/{FILES_DIRECTORY}"
        send_files(check_files(options.files), host, there, deadline, report)
        found.variables[FILES_VARIABLE] = there
    if options.sync:
        from yarnkernel.jobs.sync import directory_there  # noqa: PLC0415  (what few starts need)

        here = str(Path(options.sync).absolute())
        there = directory_there(here, host)
        if host.name:
            _send_directory(here, there, host, deadline, report)
        found.variables[SYNC_VARIABLE] = there
        found.noted.update(sync=here, sync_there=there)
        if not options.workdir:
            found.recipe_options.append(f"--directory={there}")
    return found


def _send_directory(
    directory: str, there: str, host: Host, deadline: Deadline, report: Report
) -> None:
    from yarnkernel.jobs.sync import Synchronised  # noqa: PLC0415

    result = Synchronised(directory, there, host).bring(deadline, only_send=True)
    report(Progress("synchronised", place=directory, reason=str(len(result.sent))))
    for path, why in {**result.conflicts, **result.left_out}.items():
        report(Progress("warning", reason=f"{printable(path)} is left alone: {why}"))
