"""``--environment`` outside YARN: on the host already, or packed and sent there once."""

from __future__ import annotations

import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from yarnkernel.environment.prefix import (
    REQUIRED_ON_HOSTS,
    check_packages,
    open_prefix,
)
from yarnkernel.environment.push import Pusher
from yarnkernel.environment.stored import StoredArchive, select_old
from yarnkernel.environment.transfer import TransferLine
from yarnkernel.errors import HostError, UsageError
from yarnkernel.hosts.here import Here
from yarnkernel.hosts.named import host_of
from yarnkernel.hosts.transfer import send_whole
from yarnkernel.jobs.record import all_records
from yarnkernel.kernels.interfaces import LOCAL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from yarnkernel.deadline import Deadline
    from yarnkernel.hosts.host import Host
    from yarnkernel.kernels.options import LaunchOptions
    from yarnkernel.kernels.place import Transfer
    from yarnkernel.progress import Report

_PREFIX = "python://"
#: Seconds for a test of its Python.
TRY_TIMEOUT = 60.0
_USABLE = "usable"
_TRY = f"import jupyter_client, zmq, psutil; print({_USABLE!r})"


@dataclass(frozen=True)
class HostEnvironment:
    """A kernel's environment on its host.

    Attributes
    ----------
    pythons : list of str
        The Python commands to try there, in this order.
    activation : str
        Line of bash that runs before the kernel; may be empty.
    name : str
        The environment's name, if it was sent.
    """

    pythons: list[str]
    activation: str = ""
    name: str = ""


def check_environment(options: LaunchOptions) -> None:
    """Check the requested environment without asking the host.

    Raises
    ------
    UsageError
        When it is not an environment.
    """
    text = options.environment
    if options.python or not text or text.startswith(_PREFIX):
        return
    if "://" in text:
        raise UsageError(
            f"--environment {text} is nothing for this interface: it takes one of this machine, or "
            "python:///PREFIX for one that is there"
        )
    path = Path(text)
    if options.interface == LOCAL or path.is_dir():
        prefix = open_prefix(path)
        check_packages(prefix, to_pack=False, required=_required(options))
    elif not path.exists():
        raise UsageError(f"there is no environment {text}")


def _required(options: LaunchOptions) -> frozenset[str]:
    return REQUIRED_ON_HOSTS | (frozenset() if options.kernel_cmd else {"ipykernel"})


def bring_environment(
    options: LaunchOptions,
    host: Host,
    deadline: Deadline,
    report: Report,
    transfer: Transfer | None,
) -> HostEnvironment:
    """Find the kernel's environment on its host; send it if necessary.

    Raises
    ------
    UsageError, PackError
        When it cannot be packed.
    HostError
        When it cannot be sent or does not run there.
    """
    text = options.environment
    if options.python:
        return HostEnvironment([options.python])
    if text.startswith(_PREFIX):
        return HostEnvironment([f"{unquote(text.removeprefix(_PREFIX)).rstrip('/')}/bin/python"])
    if text and options.interface == LOCAL:
        return _in(str(open_prefix(Path(text)).path))
    if text:
        return _send(options, host, deadline, report, transfer)
    if not host.name:
        return HostEnvironment([sys.executable])
    return HostEnvironment(["python3", "python", host.info.python])


def _in(directory: str, name: str = "") -> HostEnvironment:
    script = shlex.quote(f"{directory}/bin/activate")
    activation = f"if [ -e {script} ]; then source {script}; fi"
    return HostEnvironment([f"{directory}/bin/python"], activation, name)


def _send(
    options: LaunchOptions,
    host: Host,
    deadline: Deadline,
    report: Report,
    transfer: Transfer | None,
) -> HostEnvironment:
    text, own, system = options.environment, Here().info.system, host.info.system
    if own != system and Path(text).is_dir():
        raise HostError(
            f"{host}: {text} cannot run there: it is for {own}, and that host is {system}; "
            "next: --environment python:///PREFIX, for one that is there"
        )
    bar = transfer.bar if transfer else TransferLine(report, "the environment")
    terminal = transfer.terminal if transfer else None
    pusher = Pusher(deadline, report, bar, terminal, required=_required(options))
    stored, make = pusher.packed(Path(text))
    name = stored.removesuffix(".tar.gz")
    directory = f"{_directory(host)}/{name}"
    found = _in(directory, name)
    if host.touch(directory):  # so that it does not count as old
        return found
    archive = make()
    bar.start(archive.stat().st_size)
    send_whole(host, archive, directory, deadline, bar.advance)
    tried = host.run_command([*found.pythons, "-c", _TRY], timeout=deadline.step(TRY_TIMEOUT))
    if tried.out.strip() != _USABLE:
        host.remove(directory)
        said = (tried.err.strip().splitlines() or [f"exit code {tried.code}"])[-1]
        raise HostError(
            f"{host}: {text} cannot run there: {said}; next: --environment python:///PREFIX, for "
            "one that is there (the Python of a virtual environment has to be at the same place)"
        )
    return found


def _directory(host: Host) -> str:
    return f"{host.info.cache}/yarnkernel/environments"


class SentEnvironments:
    """See :class:`yarnkernel.kernels.place.HostEnvironments`.

    Parameters
    ----------
    host : Host
        The host.
    """

    def __init__(self, host: Host) -> None:
        self._host = host

    def list(self) -> list[StoredArchive]:
        """Return the environments that were sent, with the time of their last use."""
        directory = _directory(self._host)
        return [
            StoredArchive(f"python://{directory}/{name}", size, moment, "private")
            for name, size, moment in self._host.directories(directory)
        ]

    def prune(self, age: float, *, dry_run: bool) -> Sequence[StoredArchive]:
        """Remove unused environments, and return them.

        Parameters
        ----------
        age : float
            Seconds since their last use.
        dry_run : bool
            Only return them.
        """
        used = {f"python://{_directory(self._host)}/{name}" for name in self._in_use()}
        chosen = [one for one in select_old(self.list(), age=age, in_use=()) if one.url not in used]
        if not dry_run:
            for one in chosen:
                self._host.remove(one.url.removeprefix(_PREFIX))
        return chosen

    def _in_use(self) -> set[str]:
        from yarnkernel.jobs.kernel import HostedKernel  # noqa: PLC0415  (zmq)

        return {
            record.environment
            for record in all_records()
            if record.environment
            and record.host == self._host.name
            and not HostedKernel(record, self._host).status().ended
        }


def host_environments(host: str, jump: Sequence[str]) -> SentEnvironments:
    """See :func:`yarnkernel.kernels.places.host_environments`."""
    return SentEnvironments(host_of(host, jump))
