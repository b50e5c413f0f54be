"""Commands for a running kernel: interrupt, restart, console."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yarnkernel.arguments import add_kernel_info_key, add_timeout
from yarnkernel.cli.arguments import Commands, add_command, add_kernel
from yarnkernel.cli.kernels import find_id, find_kernel, place_of, start
from yarnkernel.connection import (
    find_connection_file,
    is_encrypted,
    is_loopback,
    read_connection_file,
)
from yarnkernel.deadline import START_TIMEOUT, Deadline
from yarnkernel.errors import UsageError, YarnKernelError
from yarnkernel.kernels.options import LaunchOptions

if TYPE_CHECKING:
    import argparse

    from yarnkernel.cli.output import Output

#: Seconds for an interrupt by Ctrl-C at a console.
CONSOLE_INTERRUPT_TIMEOUT = 10.0
#: Seconds to fetch missed output before a prompt.
MISSED_TIMEOUT = 5.0


def add_commands(commands: Commands) -> None:
    """Add the commands of this module."""
    parser = add_command(
        commands,
        "interrupt",
        _interrupt,
        "interrupt what a kernel does",
        "It gets the signal of Ctrl-C. Kernels that skein's own recipe started are asked by a "
        "message.",
    )
    add_kernel(parser)
    add_kernel_info_key(parser)
    add_timeout(parser, "how long it may take", 15.0)

    parser = add_command(
        commands,
        "restart",
        _restart,
        "restart a kernel in place",
        "In the same container, with the same ports and key: clients stay connected, variables "
        "are gone. A kernel that does not end by itself within 3 s is ended.",
    )
    add_kernel(parser)
    add_timeout(parser, "how long it may take", 60.0)

    parser = add_command(
        commands,
        "console",
        _console,
        "show a prompt at a kernel",
        "Ctrl-C interrupts the kernel, Ctrl-D leaves it alone, `exit` ends it.",
        has_json=False,
    )
    parser.add_argument(
        "kernel",
        metavar="KERNEL|FILE",
        nargs="?",
        default="",
        help="id of the kernel, the number at its end, its name, or a connection file; a bare name "
        "is looked for in Jupyter's runtime directory too (default: the newest kernel, else a new "
        "one)",
    )
    parser.add_argument(
        "--no-encrypt",
        dest="encrypt",
        action="store_false",
        help="do not encrypt the connection to a kernel that does not encrypt itself",
    )
    add_kernel_info_key(parser)
    add_timeout(parser, "how long to wait for the kernel of an application", START_TIMEOUT)


def _interrupt(options: argparse.Namespace, output: Output) -> None:
    with find_kernel(options.kernel) as kernel:
        result = kernel.interrupt(options.timeout, key=options.kernel_info_key)
    words = {
        "idle": "is idle: there is nothing to interrupt",
        "asked": "has been asked to interrupt itself",
    }
    output.progress(f"{kernel.id}: the kernel {words.get(result, 'was ' + result)}")
    _tell(output, kernel.id, result=result)


def _restart(options: argparse.Namespace, output: Output) -> None:
    with find_kernel(options.kernel) as kernel:
        seconds, _ = kernel.restart(options.timeout)
    output.progress(f"{kernel.id}: the kernel was restarted in {seconds:.1f} s")
    _tell(output, kernel.id, result="restarted", seconds=round(seconds, 3))


def _tell(output: Output, app_id: str, **result: Any) -> None:
    if output.as_json:
        output.result("", {"id": app_id, **result})


def _console(options: argparse.Namespace, output: Output) -> None:
    found = _kernel_or_file(options.kernel) if options.kernel else _newest_or_new(options, output)
    if isinstance(found, Path):
        _console_at_file(found, output)
    else:
        _console_at_kernel(found, options, output)


def _kernel_or_file(text: str) -> str | Path:
    """Return the kernel's id, or the connection file."""
    if text.endswith(".json") or Path(text).is_file():
        return find_connection_file(text)
    try:
        return find_id(text)
    except UsageError:
        with contextlib.suppress(UsageError):
            return find_connection_file(text)
        raise


def _newest_or_new(options: argparse.Namespace, output: Output) -> str:
    from yarnkernel.kernels.naming import newest  # noqa: PLC0415  (protobuf)

    if kernel := newest():
        return kernel
    return start(LaunchOptions(timeout=options.timeout), output)


def _console_at_file(path: Path, output: Output) -> None:
    from yarnkernel.kernels.console import run_console  # noqa: PLC0415  (jupyter_console)

    info = read_connection_file(path)
    if not is_encrypted(info) and not is_loopback(info["ip"]):
        output.progress("the connection is not encrypted")
    run_console(info)


def _console_at_kernel(kernel_id: str, options: argparse.Namespace, output: Output) -> None:
    from yarnkernel.kernels.console import run_console  # noqa: PLC0415  (jupyter_console)
    from yarnkernel.kernels.control import ENCRYPT_TIMEOUT  # noqa: PLC0415  (skein)

    key = options.kernel_info_key

    def interrupt_application() -> None:
        try:
            with kernel.again() as own:  # in a thread
                own.interrupt(CONSOLE_INTERRUPT_TIMEOUT, key=key)
        except YarnKernelError as exc:
            output.error(str(exc))

    place = place_of(kernel_id)
    with place.find(kernel_id) as kernel:
        output.progress(str(place.introduction))
        info = kernel.wait(Deadline(options.timeout), key=key, report=output.report)
        if options.encrypt and not is_encrypted(info):
            info = kernel.other_info(ENCRYPT_TIMEOUT, encrypted=True) or info
    if not is_encrypted(info):
        output.progress("the connection is not encrypted")
    output.settle()

    def show_missed() -> None:
        with contextlib.suppress(YarnKernelError), kernel.again() as own:
            if text := own.missed(MISSED_TIMEOUT).text:
                output.part(f"While nobody was connected:\n{text}\n\n")

    run_console(info, interrupt_application, show_missed)
