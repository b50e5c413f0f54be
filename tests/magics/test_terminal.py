"""``%remote`` where people type: in IPython's terminal, and in jupyter console."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pexpect
import pytest

from tests.conftest import BIN, PATIENCE
from tests.jobs.conftest import own_shell

if TYPE_CHECKING:
    from tests.conftest import Shell

__all__ = ["own_shell"]


@pytest.mark.parametrize("program", ["ipython", "jupyter-console"])
def test_terminal(own_shell: Shell, program: str) -> None:
    command = f"{BIN}/{program} --simple-prompt"
    variables = {**own_shell.environment, "TERM": "dumb"}
    with contextlib.closing(
        pexpect.spawn(
            command,
            cwd=str(own_shell.directory),
            env=variables,
            timeout=30 * PATIENCE,
            encoding="utf-8",
            dimensions=(40, 120),
        )
    ) as terminal:

        def type_line(number: int, text: str) -> None:
            terminal.expect(rf"In \[{number}\]: ")
            terminal.sendline(text)

        type_line(1, "%load_ext yarnkernel")
        type_line(2, "%remote -k python3,ir print(6*7)")
        shown = (r"\[python3\] 42", r"\[ir\] \[1\] 42")
        first = terminal.expect([*shown])
        terminal.expect(shown[1 - first])
        type_line(3, "%remote -k python3 print('Hello', input('Who? '))")
        terminal.expect(r"Who\? '")  # what was typed
        terminal.expect(r"Who\? ")
        terminal.sendline("Ada")
        terminal.expect("Hello Ada")
        type_line(
            4, "%remote -k python3 import time; print('be' + 'gun', flush=True); time.sleep(600)"
        )
        terminal.expect("begun")
        terminal.sendintr()
        terminal.expect("is interrupted")
        terminal.expect("GroupError: KeyboardInterrupt")
        type_line(5, "exit")
        terminal.expect(pexpect.EOF)
