"""What goes for each command: examples that can be typed, JSON that is written down."""

from __future__ import annotations

import json
import shlex

from tests.conftest import REPOSITORY
from tests.support.documents import code_blocks
from tests.support.output_schema import schema, validator
from tests.support.programs import programs
from yarnkernel.cli import build_parser
from yarnkernel.cli.examples import examples


def test_examples() -> None:
    whole, found = build_parser(), 0
    for program in programs():
        for line in examples(program.prog):
            assert line in program.format_help()
            options = whole.parse_args(shlex.split(line.partition(" > ")[0])[1:])
            assert options.parser.prog == program.prog
            found += 1
    assert found > 30


def test_schema() -> None:
    """It has each command with ``--json``, no other, and the page's example of a kernel."""
    commands = {
        program.prog.removeprefix("yarnkernel ")
        for program in programs()
        if any("--json" in action.option_strings for action in program._actions)
    }
    shared = {"id", "bytes", "seconds", "time", "text", "words", "kernel", "environment",
              "kernelspec", "used", "cluster"}  # fmt: skip
    assert {*schema()["$defs"]} - shared == commands
    example, _ = code_blocks(REPOSITORY / "docs/json.rst", "json")
    validator("kernel").validate(json.loads(example))
