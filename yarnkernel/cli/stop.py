"""``yarnkernel stop``."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from yarnkernel.arguments import add_timeout
from yarnkernel.cli.arguments import Commands, add_command
from yarnkernel.cli.kernels import find_id, place_of
from yarnkernel.errors import ApplicationError, PlaceError, UsageError
from yarnkernel.kernels.model import KernelModel
from yarnkernel.printable import printable

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence

    from yarnkernel.cli.output import Output
    from yarnkernel.kernels.handle import Status

#: Kernels stopped at the same time.
_AT_ONCE = 8


def add_commands(commands: Commands) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        "stop",
        _stop,
        "end kernels, and their applications and jobs",
        "A kernel ends in good order; when that takes too long, its place kills it.",
    )
    parser.add_argument(
        "kernels",
        nargs="*",
        metavar="KERNEL",
        help="its id, the number at the end of it, or its name",
    )
    parser.add_argument(
        "--all", action="store_true", help="all your kernels, at all places that list shows"
    )
    parser.add_argument(
        "-y",
        "--yes",
        action="store_true",
        help="do not ask for confirmation of --all on a terminal",
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="only print which kernels would be ended"
    )
    parser.add_argument("--force", action="store_true", help="have it killed at once")
    add_timeout(parser, "how long a kernel may take to end", 15.0)


def _stop(options: argparse.Namespace, output: Output) -> int:
    if bool(options.kernels) == options.all:
        raise UsageError("name the kernels to stop, or say --all; next: yarnkernel list")
    names = _names_of_all(output) if options.all else {}
    ids = list(names) if options.all else [_checked_id(text) for text in options.kernels]
    ids = list(dict.fromkeys(ids))
    if options.dry_run:
        lines = [f"{one}  {printable(names[one])}" if one in names else one for one in ids]
        output.result("\n".join(lines), ids)
        return 0
    if options.all and ids and not options.yes and not _is_confirmed(names):
        output.error("nothing was ended")
        return 1
    ended, failed = _end(ids, options, output)
    if output.as_json:
        output.result("", [KernelModel(status).document() for status in ended])
    return failed


def _checked_id(text: str) -> str:
    kernel = find_id(text)
    return place_of(kernel).check_id(kernel)


def _names_of_all(output: Output) -> dict[str, str]:
    from yarnkernel.kernels import places  # noqa: PLC0415  (protobuf)

    names = {status.id: status.name for status in places.list_kernels(user=None)}
    if not names:
        output.progress(f"{places.own_name()} has no kernel here")
    return names


def _is_confirmed(names: Mapping[str, str]) -> bool:
    """Ask for confirmation at a terminal; scripts are not asked."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return True
    for kernel, name in names.items():
        print(f"{kernel}  {printable(name)}", file=sys.stderr)  # noqa: T201
    print(f"end {_counted(len(names))}? [y/N] ", end="", file=sys.stderr, flush=True)  # noqa: T201
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _counted(kernels: int) -> str:
    return "1 kernel" if kernels == 1 else f"all {kernels} kernels"


def _end(
    ids: Sequence[str], options: argparse.Namespace, output: Output
) -> tuple[list[Status], int]:
    """End kernels in parallel; return their statuses and the exit code."""

    def end(kernel_id: str) -> Status | ApplicationError | PlaceError:
        try:
            with place_of(kernel_id).find(kernel_id) as kernel:
                return kernel.stop(
                    force=options.force, timeout=options.timeout, report=output.report
                )
        except (ApplicationError, PlaceError) as exc:  # the others can still be stopped
            output.error(str(exc))
            return exc

    from yarnkernel.cli.connection_files import remove_of  # noqa: PLC0415  (protobuf)

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        results = list(pool.map(end, ids))
    remove_of(one.id for one in results if not isinstance(one, Exception))
    failures = [one.exit_code for one in results if isinstance(one, Exception)]
    return [one for one in results if not isinstance(one, Exception)], (failures or [0])[-1]
