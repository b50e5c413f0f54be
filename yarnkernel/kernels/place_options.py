"""Options that say where a kernel runs: the interface, the host and the job."""

from __future__ import annotations

from dataclasses import dataclass

from yarnkernel.declared import Options, option
from yarnkernel.errors import UsageError
from yarnkernel.kernels.interfaces import (
    HOSTED,
    INTERFACES,
    SCHEDULERS,
    SGE,
    SSH,
    YARN,
    check_interface,
)

_PLACE = "where the kernel runs"
_JOB = "as what job it runs"
_FILES = "what comes along"


@dataclass(frozen=True)
class PlaceOptions(Options):
    """The part of :class:`yarnkernel.kernels.options.LaunchOptions` that names the place."""

    interface: str = option(
        "",
        "how it is started: by a YARN cluster, as a job of Slurm, Grid Engine or PBS, or as a "
        "process of this machine (local) or of --host (ssh)",
        unset=YARN,
        group=_PLACE,
        choices=INTERFACES,
    )
    host: str = option(
        "",
        "host where commands run: a name in your ~/.ssh/config, or user@host",
        unset="this machine",
        group=_PLACE,
        only=(YARN, SSH, *SCHEDULERS),
    )
    jump: list[str] = option(
        [],
        "jump host, in addition to those in ~/.ssh/config; may be given again",
        metavar="HOST",
        group=_PLACE,
        only=(YARN, SSH, *SCHEDULERS),
    )
    python: str = option(
        "",
        "Python there with ipykernel; for another kernel, with jupyter_client and psutil",
        unset="python3 there",
        metavar="PATH",
        group=_PLACE,
        only=HOSTED,
    )
    gpus: int = option(
        0,
        "graphics cards of the job",
        unset="none",
        metavar="N",
        group=_JOB,
        only=SCHEDULERS,
        per_launch=True,
    )
    pe: str = option(
        "",
        "parallel environment for the slots of --cpus",
        unset="none: several --cpus need one",
        group=_JOB,
        only=(SGE,),
        per_launch=True,
    )
    account: str = option(
        "",
        "account or project that pays for the job",
        unset="yours",
        group=_JOB,
        only=SCHEDULERS,
        per_launch=True,
    )
    scheduler_arg: list[str] = option(
        [],
        "argument of the command that submits the job, as in --scheduler-arg=--exclusive; may be "
        "given again",
        metavar="ARGUMENT",
        group=_JOB,
        only=SCHEDULERS,
    )

    files: list[str] = option(
        [],
        "file or directory of this machine to send with the kernel, under its own name or NAME, to "
        "the directory in its variable YARNKERNEL_FILES: on YARN the container's, elsewhere one "
        "that is deleted with the kernel; may be given again",
        metavar="PATH[:NAME]",
        spelled=("--file",),
        group=_FILES,
        is_path=True,
    )
    with_notebook_dir: bool = option(
        default=False,
        help="send the Python modules and packages beside the notebook, or in the current "
        "directory, to nodes that do not have that directory, and let the kernel transfer files "
        "to and from it (%yarnkernel get, put)",
        group=_FILES,
    )
    sync: str = option(
        "",
        "directory of this machine to synchronise with a copy on the host. Changes are sent before "
        "the start, and `yarnkernel sync` transfers them in both directions. The kernel works in "
        "the copy, unless --workdir names another directory; its variable YARNKERNEL_SYNC has the "
        "path. If the host is this machine, it works in DIRECTORY itself",
        unset="none",
        metavar="DIRECTORY",
        group=_FILES,
        is_path=True,
        only=HOSTED,
    )

    def __post_init__(self) -> None:
        """Check each option, and that the interface supports the given ones."""
        super().__post_init__()
        if self.sync and self.interface in ("", YARN):
            raise UsageError(
                f"--sync is nothing for --interface {YARN}, but for {', '.join(HOSTED)}; "
                f"next: --file {self.sync}"
            )
        check_interface(self, self.interface, self.host)
