"""A place where kernels run: its interface."""

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
    """What a start would submit.

    Attributes
    ----------
    path : pathlib.Path or None
        The specification's file, if there is one.
    specification : dict
        The specification with the options applied.
    text : str
        The same as text.
    has_files : bool
        Whether it names files of this machine.
    """

    path: Path | None
    specification: dict[str, Any]
    text: str
    has_files: bool


class Place(Protocol):
    """An interface on a host; safe for several threads."""

    @property
    def source(self) -> str:
        """The place in words, such as the directory of a cluster's site files."""

    @property
    def introduction(self) -> Progress:
        """The place as a step of progress."""

    @property
    def user(self) -> str:
        """Our user name there."""

    def describe(self, options: LaunchOptions) -> Description:
        """Return what a start would submit, without contacting the place.

        Raises
        ------
        UsageError
            When the options are unusable.
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
        """Start a kernel and wait for it; a context manager whose body hands it over.

        If the body fails, the kernel is ended.

        Parameters
        ----------
        options : LaunchOptions
            How it is started.
        deadline : Deadline
            The deadline for everything, including the packing of an environment.
        key : str, default "ipython.kernel.info"
            The key under which the recipe publishes.
        keys : mapping of str to str, optional
            Fields of its connection info chosen by a front end; not used if no key may travel with
            the submission. By default it makes its own.
        recipe_options : sequence of str, optional
            Further options of the recipe.
        report : callable, optional
            Called with each change of state.
        transfer : Transfer, optional
            Shows the progress of packing and uploads; by default ``report`` does.

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
        """Submit a kernel without waiting for it; see :meth:`start`."""

    def check_id(self, kernel: str) -> str:
        """Return a text if it has the form of an id of this place.

        Raises
        ------
        UsageError
            When it does not.
        """

    def find(self, kernel: str) -> Kernel:
        """Return the handle of a kernel, without checking that it exists.

        Raises
        ------
        UsageError
            When this is not an id of this place.
        """

    def list(self, *, ended: bool = False, user: str = "") -> Sequence[Status]:
        """List kernels, the newest last.

        Parameters
        ----------
        ended : bool, default False
            Include kernels that have ended.
        user : str, optional
            Whose kernels.
        """

    def queues(self) -> Sequence[str]:
        """List the queues that accept kernels; empty if unknown."""

    def explain(self, status: Status) -> str:
        """Return why a kernel of this place waits; empty if it does not."""

    def close(self, patience: float = 60.0, *, unused: float = 0.0) -> None:
        """Release what has been kept for further starts.

        Parameters
        ----------
        patience : float, default 60.0
            Seconds to wait for its users.
        unused : float, optional
            Release it only if it has been unused for so many seconds.
        """


class HostEnvironments(Protocol):
    """Manages the environments that were sent to a host."""

    def list(self) -> Sequence[StoredArchive]:
        """Return them with the times of their last use."""

    def prune(self, age: float, *, dry_run: bool) -> Sequence[StoredArchive]:
        """Remove those that no kernel uses and that have been unused for so many seconds."""


class Transfer(Protocol):
    """Shows the progress of packing and uploads."""

    @property
    def bar(self) -> TransferProgress:
        """Gets the progress of an upload."""

    @property
    def terminal(self) -> IO[str] | None:
        """Terminal for the packer's progress."""
