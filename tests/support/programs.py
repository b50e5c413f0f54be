"""All commands that there are, by their parsers."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from yarnkernel.cli import build_parser

if TYPE_CHECKING:
    from collections.abc import Iterator


def programs(parser: argparse.ArgumentParser | None = None) -> Iterator[argparse.ArgumentParser]:
    parser = parser or build_parser()
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                yield from programs(command)
