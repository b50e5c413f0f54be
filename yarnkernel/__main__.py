"""``python -m yarnkernel``."""

from yarnkernel.cli import run

run()
