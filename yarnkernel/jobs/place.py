"""A place outside YARN: an interface on a host."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from typing import TYPE_CHECKING, Any

from yarnkernel.announcement import CLIENTS_FILE, LOG_FILE
from yarnkernel.connection import (
    AUTO,
    KERNEL_INFO_KEY,
    KERNEL_KEYS,
    format_connection_info,
    is_encrypted,
)
from yarnkernel.environment.recipe_archive import recipe_archive
from yarnkernel.errors import UsageError, YarnKernelError, summary
from yarnkernel.hosts.named import host_of
from yarnkernel.interrupts import uninterrupted
from yarnkernel.jobs.carrier import job_name
from yarnkernel.jobs.carriers import carrier_of
from yarnkernel.jobs.kernel import HostedKernel
from yarnkernel.jobs.listing import list_hosted
from yarnkernel.jobs.luggage import bring, check
from yarnkernel.jobs.record import Record, find_record, new_id
from yarnkernel.jobs.scheduler import JobRequest
from yarnkernel.jobs.script import script
from yarnkernel.kernels.interfaces import LOCAL, SSH
from yarnkernel.kernels.notebook_directory import with_directory
from yarnkernel.kernels.place import Description
from yarnkernel.progress import Progress, ignore
from yarnkernel.sizes import parse_memory

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from yarnkernel.connection import ConnectionInfo
    from yarnkernel.deadline import Deadline
    from yarnkernel.hosts.host import Host
    from yarnkernel.jobs.status import HostedStatus
    from yarnkernel.kernels.handle import Status
    from yarnkernel.kernels.options import LaunchOptions
    from yarnkernel.kernels.place import Transfer
    from yarnkernel.progress import Report

#: Name of yarnkernel's directories below the host's for caches and for state.
_OURS = "yarnkernel"
#: A kernel's name by default.
DEFAULT_NAME = "jupyter-kernel"


class HostedPlace:
    """See :class:`yarnkernel.kernels.place.Place`.

    Parameters
    ----------
    interface : str
        ``"local"``, ``"ssh"``, ``"slurm"``, ``"sge"`` or ``"pbs"``.
    host : Host
        Where commands run.
    jump : sequence of str, optional
        Jump hosts on the way there.
    """

    def __init__(self, interface: str, host: Host, jump: Sequence[str] = ()) -> None:
        self._interface = interface
        self._host = host
        self._jump = list(jump)

    def __eq__(self, other: object) -> bool:
        """Return whether it is the same interface on the same host."""
        return isinstance(other, HostedPlace) and (
            (self._interface, self._host.name, self._jump)
            == (other._interface, other._host.name, other._jump)
        )

    __hash__ = None  # type: ignore[assignment]  # nobody needs one

    @property
    def source(self) -> str:
        """See :class:`yarnkernel.kernels.place.Place`."""
        if self._interface in (LOCAL, SSH):
            return str(self._host)
        return f"{self._interface} on {self._host}"

    @property
    def introduction(self) -> Progress:
        """See :class:`yarnkernel.kernels.place.Place`."""
        return Progress("host", place=self.source)

    @property
    def user(self) -> str:
        """See :class:`yarnkernel.kernels.place.Place`."""
        return self._host.info.user

    def describe(self, options: LaunchOptions) -> Description:
        """See :meth:`yarnkernel.kernels.place.Place.describe`."""
        check(options)
        wanted = {**options.to_dict(), "interface": self._interface}
        return Description(
            path=None, specification=wanted, text=_command_line(options), has_files=False
        )

    @contextlib.contextmanager
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
    ) -> Iterator[tuple[HostedKernel, ConnectionInfo]]:
        """See :meth:`yarnkernel.kernels.place.Place.start`."""
        with self._submitted(
            options, deadline, report, transfer, keys=keys, recipe_options=recipe_options
        ) as kernel:
            info = kernel.wait(deadline, key=key, report=report)
            if options.encrypt == AUTO and not is_encrypted(info):
                from yarnkernel.kernels.control import ENCRYPT_TIMEOUT  # noqa: PLC0415

                with contextlib.suppress(YarnKernelError):
                    step = deadline.step(ENCRYPT_TIMEOUT)
                    info = kernel.other_info(step, encrypted=True) or info
            yield kernel, info

    @contextlib.contextmanager
    def submit(
        self,
        options: LaunchOptions,
        deadline: Deadline,
        *,
        report: Report = ignore,
        transfer: Transfer | None = None,
    ) -> Iterator[HostedKernel]:
        """See :meth:`yarnkernel.kernels.place.Place.submit`."""
        with self._submitted(options, deadline, report, transfer) as kernel:
            yield kernel

    @contextlib.contextmanager
    def _submitted(
        self,
        options: LaunchOptions,
        deadline: Deadline,
        report: Report,
        transfer: Transfer | None,
        *,
        keys: Mapping[str, str] | None = None,
        recipe_options: Sequence[str] = (),
    ) -> Iterator[HostedKernel]:
        """Submit a kernel for the body of the with statement; end it if that fails."""
        options, recipe_options = with_directory(options, recipe_options)
        check(options)
        report(self.introduction)
        self._host.deadline = deadline
        info = self._host.info
        report(Progress("connected", place=self.source))
        record = self._new_record(options)
        record.write()
        try:
            with self._ended_unless_handed_over(record, report) as kernel:
                archive_name, archive = recipe_archive()
                recipe = f"{info.cache}/{_OURS}/{archive_name}"
                if not self._host.exists(recipe):
                    self._host.unpack(archive, recipe)
                files = {CLIENTS_FILE: f"{record.public}\n".encode()}
                brought = bring(
                    options,
                    record.directory,
                    self._host,
                    deadline,
                    report=report,
                    transfer=transfer,
                )
                record = kernel.record = dataclasses.replace(record, **brought.noted)
                arguments = [*brought.recipe_options, *recipe_options, *options.recipe_options()]
                if keys is not None and not options.sealed:
                    files[KERNEL_KEYS] = format_connection_info(dict(keys)).encode()
                    arguments = ["--key-file", KERNEL_KEYS, *arguments]
                self._host.write({f"{record.directory}/{n}": c for n, c in files.items()})
                body = script(
                    record.directory,
                    recipe,
                    brought.pythons,
                    arguments,
                    variables={**brought.variables, **options.env},
                    address="127.0.0.1" if self._interface in (LOCAL, SSH) else "",
                    memory=record.memory,
                    needs_ipykernel=not options.kernel_cmd,
                )
                started = carrier_of(self._interface).start(
                    record, _request(options, record, body), self._host
                )
                started.write()
                kernel.record = started
                report(Progress("started", kernel=record.id, place=self.source))
                self._host.deadline = None  # whoever waits has a deadline too
                yield kernel
        except BaseException:
            if not kernel.record.job:
                record.forget()
                with contextlib.suppress(YarnKernelError):
                    self._host.remove(record.directory)
            raise

    def _new_record(self, options: LaunchOptions) -> Record:
        import zmq  # noqa: PLC0415  (slow to import)

        info = self._host.info
        kernel = new_id(self._interface, self._host.name)
        public, secret = zmq.curve_keypair()
        return Record(
            id=kernel,
            interface=self._interface,
            host=self._host.name,
            jump=self._jump,
            python=options.python,
            directory=f"{info.state}/{_OURS}/kernels/{kernel}",
            name=options.name or DEFAULT_NAME,
            user=info.user,
            queue=options.queue,
            memory=parse_memory(options.memory) if options.memory else 0,
            cpus=options.vcores,
            submitted=time.time(),
            public=public.decode(),
            secret=secret.decode(),
            node=info.node,
            boot=info.boot,
        )

    @contextlib.contextmanager
    def _ended_unless_handed_over(self, record: Record, report: Report) -> Iterator[HostedKernel]:
        kernel = HostedKernel(record, self._host)
        try:
            yield kernel
        except BaseException:
            self._host.deadline = None
            with uninterrupted():
                try:
                    if kernel.record.job:
                        if not kernel.status().ended:
                            kernel.stop(force=True)
                            report(Progress("killed", kernel=kernel.id))
                    else:
                        carrier_of(self._interface).end(record, self._host, force=True)
                except YarnKernelError as exc:
                    report(Progress("stuck", kernel=kernel.id, reason=summary(exc)))
            raise

    def check_id(self, kernel: str) -> str:
        """See :meth:`yarnkernel.kernels.place.Place.check_id`."""
        return self.find(kernel).id

    def find(self, kernel: str) -> HostedKernel:
        """See :meth:`yarnkernel.kernels.place.Place.find`."""
        record = find_record(kernel)
        if record is None:
            raise UsageError(f"{kernel!r} is no kernel that is known here; next: yarnkernel list")
        return HostedKernel(record, self._host)

    def list(self, *, ended: bool = False, user: str = "") -> Sequence[HostedStatus]:
        """See :meth:`yarnkernel.kernels.place.Place.list`."""
        ours = (self._interface, self._host.name, self._jump)
        found = list_hosted(ended=ended, user=user)
        return [
            one for one in found if (one.record.interface, one.record.host, one.record.jump) == ours
        ]

    def queues(self) -> Sequence[str]:
        """See :meth:`yarnkernel.kernels.place.Place.queues`."""
        return ()

    def explain(self, status: Status) -> str:
        """See :meth:`yarnkernel.kernels.place.Place.explain`."""
        return "" if status.ended or status.store is not None else status.diagnostics

    def close(self, patience: float = 60.0, *, unused: float = 0.0) -> None:
        """See :meth:`yarnkernel.kernels.place.Place.close`: there is nothing to release."""


def _request(options: LaunchOptions, record: Record, body: str) -> JobRequest:
    return JobRequest(
        name=job_name(record),
        body=body,
        log=f"{record.directory}/{LOG_FILE}",
        directory=record.directory,
        cpus=options.vcores,
        memory=record.memory,
        time=options.lifetime,
        queue=options.queue,
        account=options.account,
        gpus=options.gpus,
        pe=options.pe,
        arguments=tuple(options.scheduler_arg),
    )


def _command_line(options: LaunchOptions) -> str:
    import shlex  # noqa: PLC0415

    from yarnkernel.kernels.options import OPTIONS  # noqa: PLC0415

    values: dict[str, Any] = options.to_dict()
    values |= {name: dict.fromkeys(values[name], "...") for name in values if OPTIONS[name].secret}
    parts = [part for name, value in values.items() for part in OPTIONS[name].spell(value)]
    return f"yarnkernel start {shlex.join(parts)}\n"


def open_place(options: LaunchOptions) -> HostedPlace:
    """See :func:`yarnkernel.kernels.places.open_place`."""
    host = host_of(options.host, options.jump, options.python)
    return HostedPlace(options.interface, host, options.jump)


def place_of(kernel: str) -> HostedPlace | None:
    """Return the place of a kernel, or None if the kernel is not known here."""
    record = find_record(kernel)
    if record is None:
        return None
    host = host_of(record.host, record.jump, record.python)
    return HostedPlace(record.interface, host, record.jump)
