"""A place where kernels run: what is asked of one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from yarnkernel.connection import KERNEL_INFO_KEY
from yarnkernel.progress import ignore

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path
    from typing import IO

    from yarnkernel.connection import ConnectionInfo
    from yarnkernel.deadline import Deadline
    from yarnkernel.environment.stored import StoredArchive
    from yarnkernel.environment.transfer import TransferProgress
    from yarnkernel.kernels.handle import Kernel, Status
    from yarnkernel.kernels.options import LaunchOptions
    from yarnkernel.progress import Progress, Report


@dataclass(frozen=True)
class Description:
    """What a place would be asked for.

    Attributes
    ----------
    path : pathlib.Path or None
        The file with it, if there is one.
    specification : dict
        What it says, with what the options change.
    text : str
        The same, to be read.
    has_files : bool
        Whether it names files of this machine.
    """

    path: Path | None
    specification: dict[str, Any]
    text: str
    has_files: bool


class Place(Protocol):
    """An interface on a host; for several threads at once."""

    @property
    def source(self) -> str:
        """Which one it is, in words, such as the directory of a cluster's site files."""

    @property
    def introduction(self) -> Progress:
        """The same as a step."""

    @property
    def user(self) -> str:
        """What it calls us."""

    def describe(self, options: LaunchOptions) -> Description:
        """Say what would be asked for, without asking anybody.

        Raises
        ------
        UsageError
            When these options cannot be used.
        """

    def start(
        self,
        options: LaunchOptions,
        deadline: Deadline,
        *,
        key: str = KERNEL_INFO_KEY,
        keys: Mapping[str, str] | None = None,
        recipe_options: Sequence[str] = (),
        report: Report = ignore,
        transfer: Transfer | None = None,
    ) -> AbstractContextManager[tuple[Kernel, ConnectionInfo]]:
        """Start a kernel and wait for it, for the body, which hands it over.

        Unless the body comes to its end, what has been started is ended.

        Parameters
        ----------
        options : LaunchOptions
            How it is started.
        deadline : Deadline
            For everything, an environment that has to be packed included.
        key : str, default "ipython.kernel.info"
            The key that the recipe publishes under.
        keys : mapping of str to str, optional
            Fields of its connection info that a front end has chosen; it has others when nothing
            that travels may open it. By default it makes its own.
        recipe_options : sequence of str, optional
            Further options of the recipe.
        report : callable, optional
            Called with each change of state.
        transfer : Transfer, optional
            Shows what is packed and uploaded; ``report`` is told by default.

        Raises
        ------
        YarnKernelError
            When it cannot be started.
        """

    def submit(
        self,
        options: LaunchOptions,
        deadline: Deadline,
        *,
        report: Report = ignore,
        transfer: Transfer | None = None,
    ) -> AbstractContextManager[Kernel]:
        """Submit a kernel, without waiting for it; see :meth:`start`."""

    def check_id(self, kernel: str) -> str:
        """Return what has the form of an id of this place's.

        Raises
        ------
        UsageError
            When it has not.
        """

    def find(self, kernel: str) -> Kernel:
        """Return the handle of a kernel; nobody is asked whether there is one.

        Raises
        ------
        UsageError
            When this is no id of this place's.
        """

    def list(self, *, ended: bool = False, user: str = "") -> Sequence[Status]:
        """List kernels, the newest last.

        Parameters
        ----------
        ended : bool, default False
            Those that have ended too.
        user : str, optional
            Only this user's.
        """

    def queues(self) -> Sequence[str]:
        """List the queues that take kernels; none where that cannot be known."""

    def explain(self, status: Status) -> str:
        """Say why a kernel of this place's waits; empty when it does not."""

    def close(self, patience: float = 60.0, *, unused: float = 0.0) -> None:
        """Let go of what has been kept for further starts.

        Parameters
        ----------
        patience : float, default 60.0
            Seconds to wait for those who use it.
        unused : float, optional
            Only when nobody has used it for so many seconds.
        """


class HostEnvironments(Protocol):
    """Looks after the environments that were sent to a host."""

    def list(self) -> Sequence[StoredArchive]:
        """Return them, with the time of their last use."""

    def prune(self, age: float, *, dry_run: bool) -> Sequence[StoredArchive]:
        """Remove those that no kernel uses and that were last used so many seconds ago."""


class Transfer(Protocol):
    """Shows what is packed and uploaded."""

    @property
    def bar(self) -> TransferProgress:
        """Told about the upload."""

    @property
    def terminal(self) -> IO[str] | None:
        """Where the packer shows its progress."""
