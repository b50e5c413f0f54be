"""``yarnkernel`` and ``python -m yarnkernel``."""

from __future__ import annotations

import signal
import sys
from typing import NoReturn


def main() -> NoReturn:
    """Run one command; Ctrl-C is one from the first moment on, while modules are imported."""
    try:
        from yarnkernel.cli import run  # noqa: PLC0415
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
    run()


if __name__ == "__main__":
    main()
