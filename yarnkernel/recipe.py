"""What runs in the container: ``python -m yarnkernel.recipe``.

It starts a kernel, publishes the connection info in the application's key-value store, restarts the
kernel after a crash or on request, and ends with it.
"""

from __future__ import annotations

import os
import sys

if __name__ == "__main__" and os.getcwd() in sys.path[:1]:  # noqa: PTH109  (imports nothing)
    # The specification's files are here and may have any name, such as queue.py.
    del sys.path[0]

import argparse
import asyncio
import dataclasses
import logging
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from yarnkernel.announcement import DIRECTORY_VARIABLE, FILES_VARIABLE
from yarnkernel.arguments import add_option
from yarnkernel.connection import (
    CONNECTION_FILE,
    ENCRYPTIONS,
    KERNEL_INFO_KEY,
    NEVER,
    RECIPE_DIRECTORY,
    RECIPE_OPTIONS,
)
from yarnkernel.container.further_options import FurtherOptions
from yarnkernel.container.limits import Limits
from yarnkernel.container.spark_home import EXTENSION, SparkLaunch
from yarnkernel.container_status import NUMBER_VARIABLE
from yarnkernel.errors import RECIPE_LINE, UsageError, YarnKernelError
from yarnkernel.port_range import parse_ports
from yarnkernel.recipe_options import (
    IDLE,
    LIFETIME,
    MAX_CONTAINERS,
    MAX_RESTARTS,
    MEMORY_GUARD,
    ORPHAN,
    PORTS,
    START,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from yarnkernel.container.supervisor import SupervisorOptions

#: Keeps Python 3.11 and newer from looking for modules in the working directory.
SAFE_PATH = "PYTHONSAFEPATH"
#: Directories that Python searches for modules first.
PATH = "PYTHONPATH"
#: Seconds for which a kernel is kept after its launcher was killed, as nobody else knows its id.
ORPHAN_TIMEOUT_ONCE = 300.0


def build_parser() -> argparse.ArgumentParser:
    """Build the command line's parser; ``--kernel-info-key`` is an option of skein's own recipe."""
    parser = argparse.ArgumentParser(
        prog="python -m yarnkernel.recipe",
        usage="%(prog)s [OPTION ...] [ARGUMENT ...]\n"
        "       %(prog)s [OPTION ...] -- COMMAND ... {connection_file} ...",
        description="Run a kernel in a container of skein's and publish its connection info. "
        "Without a COMMAND an IPython kernel in this Python, which gets the further ARGUMENTs.",
        epilog="A kernel that is busy is ended by none of the timeouts. "
        f"The environment variable {RECIPE_OPTIONS} has further options, which come last, and "
        "perhaps another COMMAND.",
        allow_abbrev=False,
    )
    add = parser.add_argument
    add(
        "--kernel-info-key",
        default=KERNEL_INFO_KEY,
        metavar="KEY",
        help="key that the connection info is published under (default: %(default)s)",
    )
    add_option(parser, START, START.default)
    add(
        "--directory",
        type=Path,
        help="working directory of the kernel (default: the container's)",
    )
    add(
        "--prefer-directory",
        type=Path,
        help="its working directory on hosts that have this one, unless --directory says another",
    )
    add(
        "--key-file",
        type=Path,
        metavar="FILE",
        help="JSON file with the keys of the connection info that the kernel has to use (default: "
        "a new key)",
    )
    add(
        "--encryption",
        choices=ENCRYPTIONS,
        default=NEVER,
        help="whether kernel and clients encrypt what they say (CurveZMQ): jupyter console "
        "--existing, for one, cannot (default: %(default)s)",
    )
    add_option(parser, PORTS, "")
    add(
        "--any-host",
        action="store_true",
        help="let clients connect from any host; else only from those where the connection info "
        "has been read from the key-value store (of skein's own ApplicationMaster that cannot be "
        "known: then any can)",
    )
    add(
        "--once",
        action="store_true",
        help="end when the kernel ends, also when it crashes or a client asks it to restart",
    )
    add(
        "--owned",
        action="store_true",
        help="a front end owns the kernel and lets it know all the time: --orphan-timeout counts "
        "from when none does any more, and nobody with the kernel's key uses it",
    )
    add(
        "--pre-command",
        action="append",
        default=[],
        metavar="SHELL",
        help="lines of bash to run before the kernel, and again before each restart; the kernel "
        "gets the environment that they leave; may be given again",
    )
    add(
        "--interrupt-mode",
        choices=("signal", "message"),
        default="signal",
        help="how the kernel is interrupted, as its kernelspec says (default: signal)",
    )
    add(
        "--spark",
        action="store_true",
        help="make ready for Spark: its settings for this container, and in IPython `spark` and "
        "`sc`, which are made when a cell reads them",
    )
    add(
        "--spark-place",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="setting of Spark that wins over the node's, as of the queue; may be given again",
    )
    add(
        "--spark-conf",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="setting of Spark that wins over all others; may be given again",
    )
    add_option(parser, MAX_RESTARTS, MAX_RESTARTS.default)
    add_option(parser, MEMORY_GUARD, MEMORY_GUARD.default)
    add_option(parser, MAX_CONTAINERS, MAX_CONTAINERS.default)
    limits = parser.add_argument_group("when to end an application that nobody uses")
    once = f"{ORPHAN.default_text}; with --once {ORPHAN_TIMEOUT_ONCE:.0f} s"
    add_option(limits, dataclasses.replace(ORPHAN, unset=once), None)
    add_option(limits, IDLE, IDLE.default)
    add_option(limits, LIFETIME, LIFETIME.default)
    add("-v", "--verbose", action="store_true", help="write each step into the container's log")
    return parser


def read_options(argv: Sequence[str]) -> SupervisorOptions:
    """Read the command line.

    Raises
    ------
    SystemExit
        For a usage error (2), or after ``--help``.
    """
    from yarnkernel.container.kernel_process import (  # noqa: PLC0415  (after --help)
        KernelLaunch,
        ipykernel_command,
    )
    from yarnkernel.container.supervisor import SupervisorOptions  # noqa: PLC0415

    parser = build_parser()
    own, command = _split(argv)
    options, arguments = parser.parse_known_args(own)
    if command and arguments:
        parser.error(f"unrecognized arguments: {' '.join(arguments)}")
    further, other_command = _split(shlex.split(os.environ.pop(RECIPE_OPTIONS, "")))
    options, further_arguments = parser.parse_known_args(further, options)
    if other_command:
        command, arguments = other_command, []
    if command:
        command += tuple(further_arguments)
    else:
        arguments += further_arguments
    if command and not any(CONNECTION_FILE in part for part in command):
        parser.error(f"the kernel's command has no {CONNECTION_FILE} in it: {' '.join(command)}")
    if options.spark and not command:
        arguments = [f"--ext={EXTENSION}", *arguments]
    try:
        ports = parse_ports(options.ports)
    except UsageError as exc:
        parser.error(str(exc))
    launch = KernelLaunch(
        command=command or ipykernel_command(arguments),
        chooses_ports=not command,
        directory=_directory(options).absolute(),
        home=Path.cwd() / "home",
        pre_commands=tuple(options.pre_command),
        key_file=options.key_file,
        encryption=options.encryption,
        ports=ports,
        spark=_spark(options),
    )
    return SupervisorOptions(
        launch=launch,
        kernel_info_key=options.kernel_info_key,
        start_timeout=options.start_timeout,
        interrupt_mode=options.interrupt_mode,
        max_restarts=0 if options.once else options.max_restarts,
        once=options.once,
        owned=options.owned,
        any_host=options.any_host,
        memory_guard=options.memory_guard / 100,
        limits=Limits(
            orphan=_orphan_timeout(options),
            idle=options.idle_timeout,
            lifetime=options.max_lifetime,
        ),
        further=FurtherOptions(
            options.max_containers, (options.key_file.name,) if options.key_file else ()
        ),
        verbose=options.verbose,
    )


def _orphan_timeout(options: argparse.Namespace) -> float:
    if options.orphan_timeout is not None:
        return float(options.orphan_timeout)
    return ORPHAN_TIMEOUT_ONCE if options.once else float(ORPHAN.default)


def _split(argv: Sequence[str]) -> tuple[Sequence[str], tuple[str, ...]]:
    """Split options from the kernel's command."""
    end = argv.index("--") if "--" in argv else len(argv)
    return argv[:end], tuple(argv[end + 1 :])


def _spark(options: argparse.Namespace) -> SparkLaunch | None:
    if not options.spark:
        return None
    return SparkLaunch(Path.cwd(), tuple(options.spark_place), tuple(options.spark_conf))


def _directory(options: argparse.Namespace) -> Path:
    directory, preferred = options.directory, options.prefer_directory
    if directory is None and preferred is not None and os.access(preferred, os.R_OK | os.X_OK):
        directory = preferred
    if directory is None and DIRECTORY_VARIABLE in os.environ:  # outside YARN
        beside = os.environ.get(FILES_VARIABLE) if preferred is not None else None
        return Path(beside) if beside else Path.home()
    return directory or Path()


def _leave_to_kernel() -> None:
    """Remove our own search path, so that the kernel finds only its environment's modules."""
    os.environ.pop(SAFE_PATH, None)
    if PATH in os.environ:
        parts = os.environ.pop(PATH).split(os.pathsep)
        if kept := [part for part in parts if Path(part).name != RECIPE_DIRECTORY]:
            os.environ[PATH] = os.pathsep.join(kept)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the recipe.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments. By default those of the process.

    Returns
    -------
    int
        The exit code, which becomes the application's.
    """
    options = read_options(sys.argv[1:] if argv is None else argv)
    _leave_to_kernel()
    logging.basicConfig(format=f"{RECIPE_LINE}%(message)s", stream=sys.stdout)
    logging.getLogger("yarnkernel").setLevel(logging.INFO if options.verbose else logging.WARNING)
    try:
        if NUMBER_VARIABLE in os.environ:
            from yarnkernel.container.further_command import become_command  # noqa: PLC0415

            become_command(options.launch)
        return _supervise(options)
    except YarnKernelError as exc:
        print(f"{RECIPE_LINE}{exc}", file=sys.stderr)  # noqa: T201
        return exc.exit_code


def _supervise(options: SupervisorOptions) -> int:
    # Before any secret is read.
    from yarnkernel.container.own_process import (  # noqa: PLC0415  (after --help)
        adopt_orphans,
        close_to_others,
        raise_file_limit,
    )

    close_to_others()
    raise_file_limit()
    adopt_orphans()
    from yarnkernel.container.supervisor import Supervisor  # noqa: PLC0415  (after --help)

    return asyncio.run(Supervisor(options).run())


if __name__ == "__main__":
    sys.exit(main())
