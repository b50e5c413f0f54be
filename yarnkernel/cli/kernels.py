"""Commands that start kernels: submit, connect, start."""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import stat
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from yarnkernel.arguments import add_kernel_info_key, add_timeout
from yarnkernel.cli.arguments import (
    Commands,
    add_command,
    add_kernel,
    add_kernelspec,
    add_spec,
    given_with_kernelspec,
)
from yarnkernel.cli.output import TransferBar
from yarnkernel.connection import (
    ConnectionInfo,
    check_writable,
    default_connection_file,
    format_connection_info,
    is_encrypted,
    make_runtime_directory,
    write_connection_file,
)
from yarnkernel.deadline import START_TIMEOUT, Deadline
from yarnkernel.errors import ApplicationError, UsageError
from yarnkernel.kernels.arguments import add_options
from yarnkernel.kernels.interfaces import LOCAL, SSH
from yarnkernel.kernels.options import LaunchOptions
from yarnkernel.printable import printable

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator
    from typing import Any, TextIO

    from yarnkernel.cli.output import Output
    from yarnkernel.environment.push import Pusher
    from yarnkernel.kernels.handle import Kernel
    from yarnkernel.kernels.place import Place
    from yarnkernel.progress import Progress

#: Prefixes of the ids of kernels that are reached here or by ssh.
_PRIVATE = (f"{LOCAL}-", f"{SSH}-")
#: Seconds to reach a kernel's port before a warning.
REACH_TIMEOUT = 3.0


def add_commands(commands: Commands) -> None:
    """Add the commands of this module."""
    parser = add_command(
        commands,
        "start",
        _start,
        "start a kernel, wait for it and write its connection file",
        "Prints the kernel's id. If the start fails or is interrupted, the kernel is ended.",
    )
    add_spec(parser)
    add_kernelspec(parser)
    add_options(parser)
    _add_connection_file(parser, "Jupyter's runtime directory, kernel-<id>.json")

    parser = add_command(
        commands, "submit", _submit, "start a kernel and print its id", "Does not wait for it."
    )
    add_spec(parser)
    add_kernelspec(parser)
    add_options(parser)

    parser = add_command(
        commands,
        "connect",
        _connect,
        "wait for a submitted kernel and print its connection file",
        "If standard output is a file, it becomes readable only for its owner, as it holds a key.",
    )
    add_kernel(parser)
    parser.add_argument(
        "--encrypt",
        action="store_true",
        help="for clients that encrypt, as yarnkernel console does and jupyter console --existing "
        "does not",
    )
    parser.add_argument(
        "--missed",
        action="store_true",
        help="print the output of cells while no client was connected on standard error, as "
        "yarnkernel console does",
    )
    _add_connection_file(parser, "standard output")
    add_timeout(parser, "how long to wait for everything", START_TIMEOUT)


def _add_connection_file(parser: argparse.ArgumentParser, default_file: str) -> None:
    parser.add_argument(
        "-f",
        "--connection-file",
        type=Path,
        metavar="FILE",
        help=f"where the connection file is written, for its owner alone (default: {default_file})",
    )
    add_kernel_info_key(parser)


@contextlib.contextmanager
def pusher(deadline: Deadline, output: Output) -> Iterator[Pusher]:
    """Return a pusher of environments that shows its progress."""
    from yarnkernel.environment.push import Pusher  # noqa: PLC0415

    with _transfer(output) as shown:
        yield Pusher(deadline, output.report, shown.bar, shown.terminal)


@dataclass(frozen=True)
class _Shown:
    """Shows the progress of packing and uploads: see :class:`yarnkernel.kernels.place.Transfer`."""

    bar: TransferBar
    terminal: TextIO | None


@contextlib.contextmanager
def _transfer(output: Output) -> Iterator[_Shown]:
    with TransferBar(output, "uploading") as bar:
        yield _Shown(bar, output.terminal)


@contextlib.contextmanager
def _opened_place(launch: LaunchOptions) -> Iterator[Place]:
    from yarnkernel.kernels.places import open_place  # noqa: PLC0415  (protobuf)

    with contextlib.closing(open_place(launch)) as place:
        yield place


def start(launch: LaunchOptions, output: Output) -> str:
    """Start a kernel and return its id."""
    with (
        _opened_place(launch) as place,
        _transfer(output) as transfer,
        place.start(launch, Deadline(launch.timeout), report=output.report, transfer=transfer) as (
            kernel,
            _,
        ),
    ):
        return kernel.id


def _start(options: argparse.Namespace, output: Output) -> None:
    check_writable(options.connection_file or make_runtime_directory() / "kernel.json")
    launch = LaunchOptions.from_dict(given_with_kernelspec(options, output))
    deadline = Deadline(launch.timeout)
    steps: list[dict[str, Any]] = []
    connected = 0.0

    def report(progress: Progress) -> None:
        nonlocal connected
        if progress.step == "connected":
            connected = output.elapsed
        steps.append({"seconds": round(output.elapsed, 3), **progress.document()})
        output.report(progress)

    with (
        _opened_place(launch) as place,
        _transfer(output) as transfer,
        place.start(
            launch, deadline, key=options.kernel_info_key, report=report, transfer=transfer
        ) as (kernel, info),
    ):
        path = options.connection_file or default_connection_file(kernel.id)
        write_connection_file(info, path)
        output.result(
            kernel.id,
            {
                "id": kernel.id,
                "connection_file": str(path),
                "seconds": {
                    "connected": round(connected, 3),
                    **{k.lower(): round(v, 3) for k, v in kernel.phases.items()},
                    "total": round(output.elapsed, 3),
                },
                "progress": steps,
            },
        )
    _tell_ready(output, kernel.id, info, path)
    if options.connection_file is None:
        from yarnkernel.cli.connection_files import remove_stale  # noqa: PLC0415  (protobuf)

        remove_stale(kernel.id)


def _tell_ready(output: Output, app_id: str, info: ConnectionInfo, path: Path | None) -> None:
    output.progress(f"{app_id} kernel is ready on {info['ip']}")
    try:
        _knock(info["ip"], info["shell_port"])
    except (OSError, UnicodeError) as exc:
        output.progress(
            f"warning: {info['ip']}:{info['shell_port']} cannot be reached from here "
            f"({exc}); is there a firewall between?"
        )
    if is_encrypted(info):
        output.progress(f"the connection is encrypted; next: yarnkernel console {path or app_id}")
        return
    if not app_id.startswith(_PRIVATE):
        output.progress(
            "the connection is not encrypted: others on the network can read it; see --encrypt"
        )
    if path is not None:
        # A bare name is looked up in Jupyter's runtime directory and here.
        runtime = default_connection_file(app_id).parent
        name = path.name if path.parent in (Path(), runtime) else str(path)
        output.progress(f"next: yarnkernel console {app_id}, or jupyter console --existing {name}")


def _knock(host: str, port: int) -> None:
    """Connect as a client: a kernel greets admitted hosts and closes other connections."""
    with socket.create_connection((host, port), REACH_TIMEOUT) as connection:
        try:
            is_in = connection.recv(1)
        except ConnectionResetError:
            is_in = b""
    if not is_in:
        raise OSError("it does not admit this machine; see --any-host of the recipe")


def _submit(options: argparse.Namespace, output: Output) -> None:
    launch = LaunchOptions.from_dict(given_with_kernelspec(options, output))
    with (
        _opened_place(launch) as place,
        _transfer(output) as transfer,
        place.submit(
            launch, Deadline(launch.timeout), report=output.report, transfer=transfer
        ) as kernel,
    ):
        output.result(kernel.id, {"id": kernel.id})


def find_id(text: str, *, ended: bool = False) -> str:
    """See :func:`yarnkernel.kernels.naming.find_id`."""
    from yarnkernel.kernels import naming  # noqa: PLC0415  (protobuf)

    return naming.find_id(text, ended=ended)


def place_of(kernel: str) -> Place:
    """Return the place of the kernel with an id."""
    from yarnkernel.kernels import places  # noqa: PLC0415  (protobuf)

    return places.place_of(kernel)


def find_kernel(text: str, *, ended: bool = False) -> Kernel:
    """Return the handle of the kernel that a user means; the caller closes it."""
    kernel = find_id(text, ended=ended)
    return place_of(kernel).find(kernel)


def _connect(options: argparse.Namespace, output: Output) -> None:
    if options.connection_file is not None:
        check_writable(options.connection_file)
    else:
        _hide_standard_output()
    deadline = Deadline(options.timeout)
    app_id = find_id(options.kernel)
    place = place_of(app_id)
    with place.find(app_id) as kernel:
        output.progress(str(place.introduction))
        info = kernel.wait(deadline, key=options.kernel_info_key, report=output.report)
        missed = kernel.missed(deadline.remaining).text if options.missed else ""
        if is_encrypted(info) != options.encrypt:
            info = kernel.other_info(deadline.remaining, encrypted=options.encrypt) or info
    if options.encrypt and not is_encrypted(info):
        raise ApplicationError(
            f"{app_id}: the kernel does not encrypt, nor its supervisor for it",
            app_id=app_id,
            hint=f"yarnkernel connect {app_id}, or stop it and start it with --encrypt",
        )
    if options.connection_file is None:
        _check_standard_output()
        output.result(format_connection_info(info), info)
    else:
        write_connection_file(info, options.connection_file)
        document = {"id": app_id, "connection_file": str(options.connection_file)}
        output.result(str(options.connection_file), document)
    _tell_ready(output, app_id, info, options.connection_file)
    if missed:
        print(printable(missed, keep="\n\t"), file=sys.stderr)  # noqa: T201


def _hide_standard_output() -> None:
    """Make a file that a shell opened for our output private."""
    with contextlib.suppress(OSError, ValueError):
        handle = sys.stdout.fileno()
        mode = os.fstat(handle).st_mode
        if stat.S_ISREG(mode) and stat.S_IMODE(mode) & 0o077:
            os.fchmod(handle, 0o600)


def _check_standard_output() -> None:
    """Check that nobody opened such a file before it was private.

    Raises
    ------
    UsageError
        When somebody did, who could read the key.
    """
    try:
        # Granted only if nobody else has the file open (fcntl(2)), and only for regular files.
        fcntl.fcntl(sys.stdout, fcntl.F_SETLEASE, fcntl.F_WRLCK)
        fcntl.fcntl(sys.stdout, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except BlockingIOError:
        raise UsageError(
            "the file of standard output is open elsewhere, where the kernel's key could be read; "
            "next: yarnkernel connect -f FILE"
        ) from None
    except (OSError, ValueError):
        return  # a terminal, a pipe, or a file system without leases
