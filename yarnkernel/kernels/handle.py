"""The handle of a kernel: its interface, wherever the kernel runs."""

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

#: Seconds for a kernel to end by itself before its place ends it.
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
        """The user who started it."""

    @property
    def interface(self) -> str:
        """The interface that started it: ``"yarn"``, ``"slurm"``, ``"ssh"``..."""

    @property
    def on(self) -> str:
        """The host where its place's commands run; empty for this machine."""

    @property
    def job(self) -> str:
        """The id of its job or process there; empty if the kernel's id tells it."""

    @property
    def queue(self) -> str:
        """The queue in which it waits or waited."""

    @property
    def state(self) -> str:
        """In the place's own words, such as ``"ACCEPTED"``."""

    @property
    def final_status(self) -> str:
        """``"SUCCEEDED"``, ``"FAILED"`` or ``"KILLED"``; ``"UNDEFINED"`` until its end."""

    @property
    def outcome(self) -> str:
        """The state and how the kernel ended."""

    @property
    def diagnostics(self) -> str:
        """Why it waits, or how it ended, in the place's words."""

    @property
    def host(self) -> str:
        """The host where it runs; empty before it does."""

    @property
    def memory(self) -> int:
        """Its memory in MiB."""

    @property
    def vcores(self) -> int:
        """Its virtual cores."""

    @property
    def start_time(self) -> datetime | None:
        """When it was submitted."""

    @property
    def launch_time(self) -> datetime | None:
        """When it was launched."""

    @property
    def finish_time(self) -> datetime | None:
        """When it ended."""

    @property
    def tags(self) -> frozenset[str]:
        """Its tags."""

    @property
    def ended(self) -> bool:
        """Whether it has ended."""

    @property
    def succeeded(self) -> bool:
        """Whether it has ended in good order."""

    @property
    def lost(self) -> bool:
        """Whether its place has lost it, so that it did not end by itself."""

    @property
    def has_logs(self) -> bool:
        """Whether the place keeps logs."""

    @property
    def store(self) -> StoreAddress | None:
        """Its key-value store, while it runs."""

    @property
    def details(self) -> Mapping[str, str | None]:
        """Facts that only this kind of place has, by name."""


class Watch(Protocol):
    """Watches a kernel and reports what happens to it.

    Attributes
    ----------
    address : StoreAddress or None
        Where the kernel's store was last seen.
    """

    address: StoreAddress | None

    def stop(self) -> None:
        """Stop watching, without waiting."""


class Addressed(Protocol):
    """A kernel whose key-value store can be found."""

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
            The last known address, which is used if the place does not answer.

        Raises
        ------
        ApplicationError
            When it is not running.
        PlaceError
            When the place does not answer and no address is known.
        """

    def reached(self, info: ConnectionInfo) -> ConnectionInfo:
        """Return a supervisor's connection info with addresses that this machine can reach."""


class Kernel(Addressed, Protocol):
    """A kernel, whoever started it; a context manager that does not end the kernel.

    Each thread needs its own: :meth:`again` makes another one.
    """

    @property
    def phases(self) -> dict[str, float]:
        """Seconds from the start of :meth:`wait` to each state seen."""

    def __enter__(self) -> Self: ...
    def __exit__(self, *exc_info: object) -> None: ...

    def again(self) -> Kernel:
        """Return another handle of the same kernel, with its own connections."""

    def status(self, *, remembered: bool = False) -> Status:
        """Ask its place.

        Parameters
        ----------
        remembered : bool, default False
            Raise if the place has forgotten how the kernel ended.

        Raises
        ------
        ApplicationNotFoundError
            When the place does not know it.
        PlaceError
            When the place does not answer.
        """

    def wait(
        self, deadline: Deadline, *, key: str = KERNEL_INFO_KEY, report: Report = ignore
    ) -> ConnectionInfo:
        """Wait for its connection info.

        Parameters
        ----------
        deadline : Deadline
            The deadline for everything.
        key : str, default "ipython.kernel.info"
            The key under which the recipe publishes.
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
            When the published value is unusable.
        """

    def kernel_status(self, timeout: float) -> KernelStatus | None:
        """Ask its supervisor; None if it has none of ours. Raises as :meth:`address` does."""

    def interrupt(
        self, timeout: float, *, key: str = KERNEL_INFO_KEY, last: StoreAddress | None = None
    ) -> str:
        """Interrupt its work; see :func:`yarnkernel.kernels.control.interrupt`."""

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
        """Take unheard output; see :func:`yarnkernel.kernels.missed.read_missed`."""

    def shut_down(self, address: StoreAddress, reason: str, timeout: float) -> None:
        """Ask its supervisor, at this address, to end it.

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
        """Read its log, or all logs of its containers.

        Parameters
        ----------
        every : bool, default False
            All files of all containers.
        last_bytes : int, optional
            Read only so many bytes at the end of each file.
        timeout : float, default 30.0
            Seconds to wait for logs that are being collected.

        Yields
        ------
        LogFile
            Parts of files, in order.
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
            End it at once; by default it may shut down in good order first.
        timeout : float, default 15.0
            Seconds for the shutdown, and for the end by force.
        report : callable, optional
            Called with each change of state.

        Returns
        -------
        Status
            The final one; unchanged if it had already ended.

        Raises
        ------
        ApplicationTimeoutError
            When it has not ended in time.
        """

    def await_end(self, timeout: float) -> Status:
        """Wait for its end; return the last status, which is not final if time ran out."""
