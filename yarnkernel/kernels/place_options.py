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
        "who starts it: a YARN cluster, Slurm, Grid Engine or PBS as a job, or nobody: a process "
        "of this machine (local) or of --host (ssh)",
        unset=YARN,
        group=_PLACE,
        choices=INTERFACES,
    )
    host: str = option(
        "",
        "host where commands run, as your ssh takes it: a name of ~/.ssh/config, or user@host",
        unset="this machine",
        group=_PLACE,
        only=(YARN, SSH, *SCHEDULERS),
    )
    jump: list[str] = option(
        [],
        "host to go through on the way there, in addition to what ~/.ssh/config says; may be given "
        "again",
        metavar="HOST",
        group=_PLACE,
        only=(YARN, SSH, *SCHEDULERS),
    )
    python: str = option(
        "",
        "Python there that has ipykernel, or for another kernel its jupyter_client and psutil",
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
        "parallel environment that --cpus are slots of",
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
        "file or directory of this machine that the kernel gets, under its own name or under NAME, "
        "in the directory that its variable YARNKERNEL_FILES names: the container's on YARN, else "
        "one of the kernel's own, which goes when it ends; may be given again",
        metavar="PATH[:NAME]",
        spelled=("--file",),
        group=_FILES,
        is_path=True,
    )
    with_notebook_dir: bool = option(
        default=False,
        help="Python modules and packages beside the notebook, or where the command is run, travel "
        "along; the kernel finds them where its node has not that directory, and may ask its front "
        "end for files in it (%yarnkernel get, put)",
        group=_FILES,
    )
    sync: str = option(
        "",
        "directory of this machine that goes to the host, only what has changed since the last "
        "time; the kernel works in the one there, unless --workdir says another, finds it by its "
        "variable YARNKERNEL_SYNC, and `yarnkernel sync` brings changes either way. Where the host "
        "is this machine it works in DIRECTORY itself",
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
