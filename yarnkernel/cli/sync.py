"""``yarnkernel sync``: synchronises a directory with its copy beside a kernel."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from yarnkernel.arguments import add_timeout
from yarnkernel.cli.arguments import Commands, add_command, add_kernel
from yarnkernel.cli.kernels import find_id
from yarnkernel.deadline import Deadline
from yarnkernel.printable import printable

if TYPE_CHECKING:
    import argparse

    from yarnkernel.cli.output import Output

#: Seconds.
SYNC_TIMEOUT = 600.0
#: Exit code if something was left alone.
CONFLICTS = 1


def add_commands(commands: Commands) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        "sync",
        _sync,
        "synchronise a kernel's directory in both directions",
        "For the directory that the kernel was started with (--sync). Changes on one side since "
        "the last time are transferred. Files that changed on both sides are reported and left "
        "alone, and the exit code is 1. Prints one line per file.",
    )
    add_kernel(parser)
    parser.add_argument("--dry-run", action="store_true", help="only print what would be done")
    parser.add_argument(
        "--delete",
        action="store_true",
        help="delete files on one side that were deleted on the other and have not changed since",
    )
    add_timeout(parser, "how long it may take", SYNC_TIMEOUT)


def _sync(options: argparse.Namespace, output: Output) -> int:
    from yarnkernel.kernels.places import synchronise  # noqa: PLC0415  (protobuf)

    deadline = Deadline(options.timeout)
    result = synchronise(
        find_id(options.kernel), deadline, delete=options.delete, dry_run=options.dry_run
    )
    rows = {
        "sent": result.sent,
        "fetched": result.fetched,
        "removed here": result.removed_here,
        "removed there": result.removed_there,
        "conflict": list(result.conflicts),
    }
    lines = [f"{what}: {printable(path)}" for what, paths in rows.items() for path in paths]
    output.result("\n".join(lines), asdict(result))
    for path, why in result.left_out.items():
        output.progress(f"left out: {printable(path)}: {why}")
    if result.kept:
        output.progress(
            f"{len(result.kept)} files are gone on one side, and kept on the other; see --delete"
        )
    for path, why in result.conflicts.items():
        output.error(f"{printable(path)} is left alone: {why}")
    if not result.conflicts:
        return 0
    output.error("next: rename or remove it on one side, and try again")
    return CONFLICTS
