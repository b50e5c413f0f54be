"""Commands for a kernel that runs: interrupt, restart, console."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from yarnkernel.arguments import add_kernel_info_key, add_timeout
from yarnkernel.cli.arguments import FILES, Commands, add_app_id, add_command, completed_by
from yarnkernel.cli.kernels import find_kernel, place_of
from yarnkernel.connection import (
    find_connection_file,
    is_encrypted,
    is_loopback,
    read_connection_file,
)
from yarnkernel.deadline import START_TIMEOUT, Deadline
from yarnkernel.errors import YarnKernelError

if TYPE_CHECKING:
    import argparse

    from yarnkernel.cli.output import Output

#: Seconds that the interrupt of Ctrl-C at a console may take.
CONSOLE_INTERRUPT_TIMEOUT = 10.0


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
    add_app_id(parser)
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
    add_app_id(parser)
    add_timeout(parser, "how long it may take", 60.0)

    parser = add_command(
        commands,
        "console",
        _console,
        "show a prompt at a kernel",
        "Ctrl-C interrupts the kernel, Ctrl-D leaves it alone, `exit` ends it.",
    )
    action = parser.add_argument(
        "kernel",
        metavar="APP_ID|FILE",
        help="id of the application, or a connection file; a bare name is looked for in Jupyter's "
        "runtime directory too",
    )
    completed_by(action, FILES)
    parser.add_argument(
        "--no-encrypt",
        dest="encrypt",
        action="store_false",
        help="do not encrypt what is said with a kernel that does not do so itself",
    )
    add_kernel_info_key(parser)
    add_timeout(parser, "how long to wait for the kernel of an application", START_TIMEOUT)


def _interrupt(options: argparse.Namespace, output: Output) -> None:
    with find_kernel(options.app_id) as kernel:
        result = kernel.interrupt(options.timeout, key=options.kernel_info_key)
    words = {
        "idle": "is idle: there is nothing to interrupt",
        "asked": "has been asked to interrupt itself",
    }
    output.progress(f"{kernel.id}: the kernel {words.get(result, 'was ' + result)}")
    _tell(output, kernel.id, result=result)


def _restart(options: argparse.Namespace, output: Output) -> None:
    with find_kernel(options.app_id) as kernel:
        seconds, _ = kernel.restart(options.timeout)
    output.progress(f"{kernel.id}: the kernel was restarted in {seconds:.1f} s")
    _tell(output, kernel.id, result="restarted", seconds=round(seconds, 3))


def _tell(output: Output, app_id: str, **result: Any) -> None:
    if output.as_json:
        output.result("", {"application_id": app_id, **result})


def _console(options: argparse.Namespace, output: Output) -> None:
    from yarnkernel.kernels.console import run_console  # noqa: PLC0415  (jupyter_console)
    from yarnkernel.kernels.places import is_kernel  # noqa: PLC0415  (protobuf)

    if not is_kernel(options.kernel):
        info = read_connection_file(find_connection_file(options.kernel))
        if not is_encrypted(info) and not is_loopback(info["ip"]):
            output.progress("what is said is not encrypted on its way")
        run_console(info)
        return
    from yarnkernel.kernels.control import ENCRYPT_TIMEOUT  # noqa: PLC0415  (skein)

    key = options.kernel_info_key

    def interrupt_application() -> None:
        try:
            with kernel.again() as own:  # in a thread
                own.interrupt(CONSOLE_INTERRUPT_TIMEOUT, key=key)
        except YarnKernelError as exc:
            output.error(str(exc))

    place = place_of(options.kernel)
    with place.find(options.kernel) as kernel:
        output.progress(str(place.introduction))
        info = kernel.wait(Deadline(options.timeout), key=key, report=output.report)
        if options.encrypt and not is_encrypted(info):
            info = kernel.other_info(ENCRYPT_TIMEOUT, encrypted=True) or info
    if not is_encrypted(info):
        output.progress("what is said is not encrypted on its way")
    run_console(info, interrupt_application)
