"""The command line: ``yarnkernel``, a module for each group of commands.

Only the code of commands belongs here; code that others share does not.
Standard output has only the result, as text or JSON; everything else goes to standard error.
Exit codes: 0 done, 1 failed, 2 usage or specification, 3 the deadline passed,
130 Ctrl-C. Modules of the command groups import what they need when they run.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING, NoReturn

from yarnkernel import __version__
from yarnkernel.arguments import Parser
from yarnkernel.cli import (
    applications,
    cluster,
    completion,
    control,
    demo,
    doctor,
    environments,
    kernels,
    kernelspecs,
    stop,
    sync,
)
from yarnkernel.cli.output import Output
from yarnkernel.errors import YarnKernelError
from yarnkernel.hadoop.user import PROXY_VARIABLE
from yarnkernel.interrupts import SIGNALS, ignore

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence
    from types import FrameType

EXIT_INTERRUPTED = 128 + signal.SIGINT


def build_parser() -> Parser:
    """Build the parser of the whole command line."""
    parser = Parser(
        prog="yarnkernel",
        description="Run Jupyter kernels where the data is: in Hadoop YARN containers, in jobs of "
        "Slurm, Grid Engine and PBS, on ssh hosts, on this machine.",
        epilog="Which cluster: YARN_CONF_DIR or HADOOP_CONF_DIR, else the one that `yarn` on PATH "
        "is configured for, else that of HADOOP_HOME, else the running local cluster.",
    )
    parser.add_argument("--version", action="version", version=f"yarnkernel {__version__}")
    parser.add_argument(
        "--user",
        dest="acting_for",
        metavar="NAME",
        help="do it for this user, where the cluster lets you act for others (default: "
        f"${PROXY_VARIABLE})",
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    for group in (
        kernels,
        kernelspecs,
        control,
        sync,
        applications,
        stop,
        environments,
        cluster,
        doctor,
        demo,
    ):
        group.add_commands(commands)
    completion.add_commands(commands, parser)
    return parser


def _parse(words: Sequence[str]) -> argparse.Namespace:
    """Read a command line; ``help COMMAND`` and an empty line print help."""
    parser = build_parser()
    if not words or words[0] == "help":
        words = [*words[1:], "--help"]
    options, unknown = parser.parse_known_args(words)
    of_command: Parser = getattr(options, "parser", parser)
    if unknown:
        of_command.refuse(unknown)
    if not hasattr(options, "run"):
        parser.error("which command?")
    return options


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments. By default those of the process.

    Returns
    -------
    int
        The exit code.
    """
    try:
        options = _parse(sys.argv[1:] if argv is None else argv)
    except SystemExit as exc:  # argparse's, after --help or a usage error
        return int(exc.code or 0)
    if options.acting_for:
        os.environ[PROXY_VARIABLE] = options.acting_for
    output = Output(
        quiet=options.quiet,
        as_json=options.json,
        verbose=getattr(options, "verbose", False),
    )
    try:
        return int(options.run(options, output) or 0)
    except YarnKernelError as exc:
        output.error(str(exc))
        return exc.exit_code
    except KeyboardInterrupt:
        output.error("interrupted")
        return EXIT_INTERRUPTED
    except BrokenPipeError:  # not an error, unlike those below
        # The reader of our output has closed it; nothing may be written at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    except OSError as exc:
        output.error(f"{exc.strerror or exc}" + (f": {exc.filename}" if exc.filename else ""))
        return 1
    finally:
        output.close()


def _terminate(number: int, _frame: FrameType | None) -> NoReturn:
    """Exit as after an error, so that cleanup runs; it all has deadlines."""
    for other in SIGNALS:
        signal.signal(other, ignore)  # once is enough: a second signal must not stop the cleanup
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    print(f"yarnkernel: ended by {signal.Signals(number).name}", file=sys.stderr)  # noqa: T201
    raise SystemExit(128 + number)


def run() -> NoReturn:
    """Run one command as a process: the entry point."""
    # gRPC reads this on import; otherwise each refused connection prints a line.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    for number in SIGNALS:
        signal.signal(number, _terminate)
    sys.exit(main())
