"""The handle of a kernel: what is asked of one, wherever it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from yarnkernel.connection import KERNEL_INFO_KEY
from yarnkernel.progress import ignore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime

    from typing_extensions import Self

    from yarnkernel.connection import ConnectionInfo
    from yarnkernel.deadline import Deadline
    from yarnkernel.kernel_status import KernelStatus
    from yarnkernel.kernels.log_files import LogFile
    from yarnkernel.kernels.results import Missed
    from yarnkernel.progress import Report
    from yarnkernel.store.address import StoreAddress

#: Seconds that a kernel has to end by itself before its place ends it.
STOP_TIMEOUT = 15.0


class Status(Protocol):
    """What a place knows of one of its kernels."""

    @property
    def id(self) -> str:
        """The kernel's id."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def user(self) -> str:
        """Who has started it."""

    @property
    def interface(self) -> str:
        """By what it was started: ``"yarn"``, ``"slurm"``, ``"ssh"``..."""

    @property
    def on(self) -> str:
        """The host where commands of its place run; empty for this machine."""

    @property
    def job(self) -> str:
        """The id of its job or process there; empty where its own says it."""

    @property
    def queue(self) -> str:
        """Where it waited, or waits."""

    @property
    def state(self) -> str:
        """In the place's own words, such as ``"ACCEPTED"``."""

    @property
    def final_status(self) -> str:
        """``"SUCCEEDED"``, ``"FAILED"`` or ``"KILLED"``; ``"UNDEFINED"`` until its end."""

    @property
    def outcome(self) -> str:
        """The same, with how it ended."""

    @property
    def diagnostics(self) -> str:
        """Why it waits, or how it ended, in the place's words."""

    @property
    def host(self) -> str:
        """Where it runs; empty before it does."""

    @property
    def memory(self) -> int:
        """MiB that it has."""

    @property
    def vcores(self) -> int:
        """Virtual cores that it has."""

    @property
    def start_time(self) -> datetime | None:
        """When it was submitted."""

    @property
    def launch_time(self) -> datetime | None:
        """When it got its place."""

    @property
    def finish_time(self) -> datetime | None:
        """When it ended."""

    @property
    def tags(self) -> frozenset[str]:
        """What it was tagged with."""

    @property
    def ended(self) -> bool:
        """Whether it has ended."""

    @property
    def succeeded(self) -> bool:
        """Whether it has ended in good order."""

    @property
    def lost(self) -> bool:
        """Whether it has ended because the place took it away."""

    @property
    def has_logs(self) -> bool:
        """Whether the place keeps logs at all."""

    @property
    def store(self) -> StoreAddress | None:
        """Its key-value store, while it runs."""

    @property
    def details(self) -> Mapping[str, str | None]:
        """What its place alone knows, each with its name."""


class Watch(Protocol):
    """Somebody who watches a kernel, and tells what happens to it.

    Attributes
    ----------
    address : StoreAddress or None
        Where the kernel's store was last seen.
    """

    address: StoreAddress | None

    def stop(self) -> None:
        """Watch no longer; does not wait for the end of it."""


class Addressed(Protocol):
    """What can be asked where a kernel's key-value store is."""

    @property
    def id(self) -> str:
        """The kernel's id."""

    def address(self, timeout: float, last: StoreAddress | None = None) -> StoreAddress:
        """Ask the kernel's place where its key-value store is.

        Parameters
        ----------
        timeout : float
            Seconds.
        last : StoreAddress, optional
            What was known when it ran: that will do while nobody answers.

        Raises
        ------
        ApplicationError
            When it does not run, or not any more.
        PlaceError
            When nobody answers, and nothing is known.
        """

    def reached(self, info: ConnectionInfo) -> ConnectionInfo:
        """Return connection info that a supervisor has published with what is reached from here."""


class Kernel(Addressed, Protocol):
    """A kernel, whoever has started it; a context manager, which ends no kernel.

    One for each thread: :meth:`again` gives another one.
    """

    @property
    def phases(self) -> dict[str, float]:
        """Seconds from the start of :meth:`wait` to each state that it saw."""

    def __enter__(self) -> Self: ...
    def __exit__(self, *exc_info: object) -> None: ...

    def again(self) -> Kernel:
        """Return another handle of the same kernel, with connections of its own."""

    def status(self, *, remembered: bool = False) -> Status:
        """Ask its place.

        Parameters
        ----------
        remembered : bool, default False
            Fail when the place has forgotten how it ended.

        Raises
        ------
        ApplicationNotFoundError
            When the place does not know it.
        PlaceError
            When nobody answers.
        """

    def wait(
        self, deadline: Deadline, *, key: str = KERNEL_INFO_KEY, report: Report = ignore
    ) -> ConnectionInfo:
        """Wait until it has published its connection info.

        Parameters
        ----------
        deadline : Deadline
            For everything.
        key : str, default "ipython.kernel.info"
            The key that the recipe publishes under.
        report : callable, optional
            Called with each change of state.

        Returns
        -------
        dict
            The connection info, checked.

        Raises
        ------
        KernelStartError
            When it ends first; with its diagnostics and the end of its log.
        KernelStartTimeoutError
            When the deadline passes first.
        ConnectionInfoError
            When what is published is not usable.
        """

    def kernel_status(self, timeout: float) -> KernelStatus | None:
        """Ask its supervisor; None when it has none of ours. See :meth:`address` for errors."""

    def interrupt(
        self, timeout: float, *, key: str = KERNEL_INFO_KEY, last: StoreAddress | None = None
    ) -> str:
        """Interrupt what it does; see :func:`yarnkernel.kernels.control.interrupt`."""

    def restart(
        self,
        timeout: float,
        *,
        restarts: int | None = None,
        last: StoreAddress | None = None,
    ) -> tuple[float, int]:
        """Restart it in place; see :func:`yarnkernel.kernels.control.restart`."""

    def other_info(self, timeout: float, *, encrypted: bool) -> ConnectionInfo | None:
        """Ask for other ports; see :func:`yarnkernel.kernels.control.other_info`."""

    def missed(self, timeout: float) -> Missed:
        """Take what it has printed unheard; see :func:`yarnkernel.kernels.missed.read_missed`."""

    def shut_down(self, address: StoreAddress, reason: str, timeout: float) -> None:
        """Ask its supervisor, at this address, for its end.

        Raises
        ------
        RemoteError
            When it does not answer.
        """

    def watch(self, tell: Callable[[KernelStatus | Status | None], None]) -> Watch:
        """Watch it from now on; see :class:`yarnkernel.kernels.watch.KernelWatch`."""

    def logs(
        self, *, every: bool = False, last_bytes: int | None = None, timeout: float = 30.0
    ) -> Iterator[LogFile]:
        """Read its log, or those of all its containers.

        Parameters
        ----------
        every : bool, default False
            All files of all containers.
        last_bytes : int, optional
            Only so many bytes of each.
        timeout : float, default 30.0
            Seconds to wait for logs that are being collected.

        Yields
        ------
        LogFile
            Parts of files, one after the other.
        """

    def follow_logs(
        self, *, every: bool = False, last_bytes: int | None = None
    ) -> Iterator[LogFile]:
        """Read its log as it is written, until the kernel's end; see :meth:`logs`."""

    def stop(
        self, *, force: bool = False, timeout: float = STOP_TIMEOUT, report: Report = ignore
    ) -> Status:
        """End it and wait for its end.

        Parameters
        ----------
        force : bool, default False
            At once; by default it may end in good order first.
        timeout : float, default 15.0
            Seconds for each of the two.
        report : callable, optional
            Called with each change of state.

        Returns
        -------
        Status
            The final one. Unchanged when it had ended before.

        Raises
        ------
        ApplicationTimeoutError
            When it has not ended in time.
        """

    def await_end(self, timeout: float) -> Status:
        """Wait for its end, and return the last status; not a final one when time was over."""
