"""What runs in the container: ``python -m yarnkernel.recipe``.

Starts an IPython kernel, publishes its connection info to the application's
key-value store and ends with it. Further arguments go to the kernel.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from typing import TYPE_CHECKING

from yarnkernel.connection import KERNEL_INFO_KEY

if TYPE_CHECKING:
    from collections.abc import Sequence


def build_parser() -> argparse.ArgumentParser:
    """Build the command line's parser; the flag is that of skein's own recipe."""
    parser = argparse.ArgumentParser(
        prog="python -m yarnkernel.recipe",
        description="Run an IPython kernel in a container of skein's and publish its "
        "connection info. Further arguments go to the kernel.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--kernel-info-key",
        default=KERNEL_INFO_KEY,
        metavar="KEY",
        help="key that the connection info is published under (default: %(default)s)",
    )
    parser.add_argument(
        "--start-timeout",
        type=float,
        default=60.0,
        metavar="SECONDS",
        help="how long the kernel may take to answer (default: %(default)s)",
    )
    return parser


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
    options, kernel_arguments = build_parser().parse_known_args(argv)
    from yarnkernel.container.supervisor import Supervisor  # noqa: PLC0415  (after --help)

    supervisor = Supervisor(
        kernel_arguments=kernel_arguments,
        kernel_info_key=options.kernel_info_key,
        start_timeout=options.start_timeout,
    )
    return asyncio.run(supervisor.run())


if __name__ == "__main__":
    sys.exit(main())
