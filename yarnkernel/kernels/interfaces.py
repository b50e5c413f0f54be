"""Interfaces, which start kernels, and the options that each supports."""

from __future__ import annotations

from typing import TYPE_CHECKING

from yarnkernel.errors import UsageError

if TYPE_CHECKING:
    from yarnkernel.declared import Options

#: A YARN cluster; this host or one reached by ssh; a host's batch system.
YARN, LOCAL, SSH, SLURM, SGE, PBS = INTERFACES = ("yarn", "local", "ssh", "slurm", "sge", "pbs")
SCHEDULERS = (SLURM, SGE, PBS)
#: The interfaces outside YARN.
HOSTED = (LOCAL, SSH, *SCHEDULERS)


def check_interface(options: Options, interface: str, host: str) -> None:
    """Check that an interface supports the given options.

    Raises
    ------
    UsageError
        For the first that it does not support.
    """
    interface = interface or YARN
    for known in options.table().values():
        value = getattr(options, known.name)
        if known.only and interface not in known.only and not known.is_default(value):
            flag = known.spell(value)[0].partition("=")[0]
            raise UsageError(
                f"{flag} is nothing for --interface {interface}, but for {', '.join(known.only)}"
            )
    if interface == YARN and getattr(options, "jump", None) and not host:
        raise UsageError("--jump needs a --host")
    if interface == SSH and not host:
        raise UsageError("--interface ssh needs a --host, as your ssh takes it")
