"""What comes along with a kernel outside YARN: its environment, its files, its directory."""

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
    """What has come along.

    Attributes
    ----------
    pythons : list of str
        The commands of Python that are tried there, the first one first.
    recipe_options : list of str
        Options of the recipe that come before those that the user has given.
    variables : dict of str to str
        Of the kernel.
    noted : dict
        What the kernel's record has to say of it.
    """

    pythons: list[str]
    recipe_options: list[str] = field(default_factory=list)
    variables: dict[str, str] = field(default_factory=dict)
    noted: dict[str, Any] = field(default_factory=dict)


def check(options: LaunchOptions) -> None:
    """Look for all of it here.

    Raises
    ------
    UsageError
        When something is not there.
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
    """Bring it to a host.

    Parameters
    ----------
    options : LaunchOptions
        What there is.
    directory : str
        The kernel's own on the host.
    host : Host
        Where to.
    deadline : Deadline
        For all of it.
    report : callable
        Told what is done.
    transfer : Transfer, optional
        Shows how far it is.

    Raises
    ------
    YarnKernelError
        When that cannot be done.
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
