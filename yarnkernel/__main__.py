"""``yarnkernel`` and ``python -m yarnkernel``."""

from __future__ import annotations

import os
import signal
import sys
from typing import NoReturn


def main() -> NoReturn:
    """Run one command; Ctrl-C works from the start, even while modules are imported."""
    if "" in sys.path[:1] or sys.path[:1] == [os.environ.get("PWD")]:
        del sys.path[0]  # `python -m`: modules in this directory are not ours
    try:
        from yarnkernel.cli import run  # noqa: PLC0415
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
    run()


if __name__ == "__main__":
    main()
