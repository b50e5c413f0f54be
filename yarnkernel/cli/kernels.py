"""Commands that bring a kernel to the user: submit, connect, start."""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from yarnkernel.application import check_app_id
from yarnkernel.arguments import add_kernel_info_key, add_timeout
from yarnkernel.cli.arguments import FILES, Commands, add_app_id, add_command, completed_by
from yarnkernel.cli.output import TransferBar
from yarnkernel.connection import (
    RECIPE_OPTIONS,
    REQUIRED,
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
from yarnkernel.kernels.arguments import add_overrides

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    import skein

    from yarnkernel.cli.output import Output
    from yarnkernel.environment.choice import Environment
    from yarnkernel.environment.push import Pusher
    from yarnkernel.yarn.client import YarnClient
    from yarnkernel.yarn.way import Way

#: Seconds to reach a kernel's port before a warning.
REACH_TIMEOUT = 3.0


def add_commands(commands: Commands) -> None:
    """Add the commands of this module."""
    parser = add_command(
        commands,
        "start",
        _start,
        "submit a kernel, wait for it and write its connection file",
        "Prints the application id. What it submitted is killed when it fails or is interrupted.",
    )
    action = parser.add_argument(
        "spec", nargs="?", help="application specification, YAML (default: specs/ipython.yaml)"
    )
    completed_by(action, FILES)
    add_overrides(parser)
    _add_verbose(parser)
    _add_connection_options(parser, "Jupyter's runtime directory, kernel-<application id>.json")

    parser = add_command(
        commands, "submit", _submit, "submit an application and print its id", "Does not wait."
    )
    action = parser.add_argument(
        "spec", nargs="?", help="application specification, YAML (default: specs/ipython.yaml)"
    )
    completed_by(action, FILES)
    add_overrides(parser)
    _add_verbose(parser)
    add_timeout(parser, "how long the submission may take", START_TIMEOUT)

    parser = add_command(
        commands,
        "connect",
        _connect,
        "wait for a submitted kernel and print its connection file",
        "Standard output that goes to a file is made readable for its owner alone: it holds a key.",
    )
    add_app_id(parser)
    parser.add_argument(
        "--encrypt",
        action="store_true",
        help="for clients that encrypt, as yarnkernel console does and jupyter console --existing "
        "does not",
    )
    _add_connection_options(parser, "standard output")


def _add_verbose(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-v", "--verbose", action="store_true", help="tell which way is taken, and why"
    )


def _add_connection_options(parser: argparse.ArgumentParser, default_file: str) -> None:
    action = parser.add_argument(
        "-f",
        "--connection-file",
        type=Path,
        metavar="FILE",
        help=f"where the connection file is written, for its owner alone (default: {default_file})",
    )
    completed_by(action, FILES)
    add_kernel_info_key(parser)
    add_timeout(parser, "how long to wait for everything", START_TIMEOUT)


def _load_spec(
    options: argparse.Namespace, deadline: Deadline, output: Output
) -> skein.ApplicationSpec:
    from yarnkernel.yarn.spec import default_spec, load_spec  # noqa: PLC0415  (skein)
    from yarnkernel.yarn.spec_changes import (  # noqa: PLC0415
        add_environment,
        add_variables,
        override,
    )

    spec = load_spec(options.spec or default_spec())
    override(
        spec,
        queue=options.queue,
        memory=options.memory,
        vcores=options.vcores,
        node_label=options.node_label,
        name=options.application_name,
        own_credentials=options.own_credentials,
    )
    if options.environment is not None:
        add_environment(spec, _choose_environment(options.environment, deadline, output))
    recipe = {RECIPE_OPTIONS: f"--encryption {options.encrypt}"} if options.encrypt else {}
    add_variables(spec, {**dict(options.env), **recipe})
    return spec


def _choose_environment(text: str, deadline: Deadline, output: Output) -> Environment:
    from yarnkernel.cluster.find import find_cluster  # noqa: PLC0415
    from yarnkernel.environment.choice import choose_environment  # noqa: PLC0415

    with pusher(deadline, output) as by:
        return choose_environment(text, by, find_cluster)


@contextlib.contextmanager
def pusher(deadline: Deadline, output: Output) -> Iterator[Pusher]:
    """Make what packs and pushes environments, and shows how far it is."""
    from yarnkernel.environment.push import Pusher  # noqa: PLC0415

    with TransferBar(output, "uploading") as bar:
        yield Pusher(deadline, output.progress, bar, output.terminal)


def open_client(output: Output | None = None) -> YarnClient:
    """Find the cluster, telling which one it is where that matters."""
    from yarnkernel.cluster.find import find_cluster  # noqa: PLC0415
    from yarnkernel.yarn.client import YarnClient  # noqa: PLC0415  (protobuf)

    cluster = find_cluster()
    if output is not None:
        output.progress(f"cluster: {cluster.source}")
    return YarnClient(cluster)


@contextlib.contextmanager
def _open_way(options: argparse.Namespace, deadline: Deadline, output: Output) -> Iterator[Way]:
    """Find the cluster and make ready to submit to it."""
    from yarnkernel.yarn.client import ANSWER_TIMEOUT  # noqa: PLC0415  (protobuf)
    from yarnkernel.yarn.submission import Scheduling, asking  # noqa: PLC0415
    from yarnkernel.yarn.way import choose_way  # noqa: PLC0415

    explain = output.progress if options.verbose else lambda _line: None
    scheduling = Scheduling(options.priority or 0, options.lifetime or 0.0)
    sealed = options.encrypt == REQUIRED
    with (
        open_client(output) as client,
        choose_way(
            client, options.via or "", scheduling=scheduling, explain=explain, sealed=sealed
        ) as way,
    ):
        with asking(client, deadline):
            client.check(deadline.step(ANSWER_TIMEOUT))
        yield way


def _start(options: argparse.Namespace, output: Output) -> None:
    from yarnkernel.kernels.launch import started  # noqa: PLC0415  (skein)

    check_writable(options.connection_file or make_runtime_directory() / "kernel.json")
    deadline = Deadline(options.timeout)
    spec = _load_spec(options, deadline, output)
    with _open_way(options, deadline, output) as way:
        connected = output.elapsed
        with started(way, spec, deadline, key=options.kernel_info_key, report=output.progress) as (
            kernel,
            info,
        ):
            path = options.connection_file or default_connection_file(kernel.app_id)
            write_connection_file(info, path)
            output.result(
                kernel.app_id,
                {
                    "application_id": kernel.app_id,
                    "connection_file": str(path),
                    "seconds": {
                        "cluster connected": round(connected, 3),
                        **{k.lower(): round(v, 3) for k, v in kernel.phases.items()},
                        "total": round(output.elapsed, 3),
                    },
                },
            )
    _tell_ready(output, kernel.app_id, info, path)


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
        output.progress(f"what it says is encrypted; next: yarnkernel console {path or app_id}")
        return
    output.progress("what it says is not encrypted: who taps the network hears it; see --encrypt")
    if path is not None:
        # A bare name is looked up in Jupyter's runtime directory and here.
        runtime = default_connection_file(app_id).parent
        name = path.name if path.parent in (Path(), runtime) else str(path)
        output.progress(f"next: jupyter console --existing {name}")


def _knock(host: str, port: int) -> None:
    """Connect, as a client does: a kernel answers, and closes what it does not let in."""
    with socket.create_connection((host, port), REACH_TIMEOUT) as connection:
        try:
            is_in = connection.recv(1)
        except ConnectionResetError:
            is_in = b""
    if not is_in:
        raise OSError("it lets nobody in from here; see --any-host of the recipe")


def _submit(options: argparse.Namespace, output: Output) -> None:
    from yarnkernel.kernels.launch import submitted  # noqa: PLC0415  (skein)

    deadline = Deadline(options.timeout)
    spec = _load_spec(options, deadline, output)
    with (
        _open_way(options, deadline, output) as way,
        submitted(way, spec, deadline, output.progress) as kernel,
    ):
        output.result(kernel.app_id, {"application_id": kernel.app_id})


def _connect(options: argparse.Namespace, output: Output) -> None:
    from yarnkernel.kernels.control import other_info  # noqa: PLC0415
    from yarnkernel.yarn.kernel import YarnKernel  # noqa: PLC0415  (skein)

    app_id = check_app_id(options.app_id)
    if options.connection_file is not None:
        check_writable(options.connection_file)
    else:
        _hide_standard_output()
    deadline = Deadline(options.timeout)
    with open_client(output) as client:
        kernel = YarnKernel(app_id, client)
        info = kernel.wait(deadline, key=options.kernel_info_key, report=output.progress)
        if is_encrypted(info) != options.encrypt:
            info = other_info(kernel, deadline.remaining, encrypted=options.encrypt) or info
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
        document = {"application_id": app_id, "connection_file": str(options.connection_file)}
        output.result(str(options.connection_file), document)
    _tell_ready(output, app_id, info, options.connection_file)


def _hide_standard_output() -> None:
    """Take a file that a shell opened for our output away from everybody else's eyes."""
    with contextlib.suppress(OSError, ValueError):
        handle = sys.stdout.fileno()
        mode = os.fstat(handle).st_mode
        if stat.S_ISREG(mode) and stat.S_IMODE(mode) & 0o077:
            os.fchmod(handle, 0o600)


def _check_standard_output() -> None:
    """Make sure that nobody opened such a file before it was hidden.

    Raises
    ------
    UsageError
        When somebody did: they could read the key.
    """
    try:
        # To be had when nobody else has the file open (fcntl(2)); of files alone.
        fcntl.fcntl(sys.stdout, fcntl.F_SETLEASE, fcntl.F_WRLCK)
        fcntl.fcntl(sys.stdout, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except BlockingIOError:
        raise UsageError(
            "the file of standard output is open elsewhere, where the kernel's key could be read; "
            "next: yarnkernel connect -f FILE"
        ) from None
    except (OSError, ValueError):
        return  # a terminal, a pipe, or a file system without leases
