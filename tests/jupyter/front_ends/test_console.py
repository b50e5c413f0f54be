"""jupyter console at a terminal: with a kernel of its own, and on one that runs already."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pexpect

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Shell
    from tests.jupyter.front_ends.conftest import RunningKernel


@contextlib.contextmanager
def console(shell: Shell, *options: str) -> Iterator[pexpect.spawn[str]]:
    terminal = pexpect.spawn(
        "jupyter",
        ["console", "--simple-prompt", *options],
        env={**shell.environment, "TERM": "dumb"},
        cwd=str(shell.directory),
        encoding="utf-8",
        timeout=60,
        dimensions=(40, 120),
    )
    try:
        terminal.expect(r"In \[\d+\]: ")
        yield terminal
    finally:
        terminal.close(force=True)


def begin_loop(terminal: pexpect.spawn[str]) -> None:
    terminal.sendline("import time; print('be' + 'gin', flush=True); time.sleep(600)")
    terminal.expect_exact("begin\r\n")


def try_to_work(terminal: pexpect.spawn[str]) -> None:
    terminal.sendline("print('the answer is', 6 * 7)")
    terminal.expect_exact("the answer is 42")
    terminal.expect(r"In \[\d+\]: ")
    terminal.sendline("'Hello ' + input('Who? ')")
    terminal.expect_exact("Who? ")
    terminal.sendline("Ada")
    terminal.expect_exact("'Hello Ada'")
    terminal.expect(r"In \[\d+\]: ")


def leave(terminal: pexpect.spawn[str]) -> None:
    """Ctrl-D: a console that did not start its kernel leaves it alone."""
    terminal.sendcontrol("d")
    terminal.expect_exact("Do you really want to exit")
    terminal.sendline("y")
    terminal.expect(pexpect.EOF)


def test_kernel_of_its_own(jupyter: Shell, kernel_name: str) -> None:
    with console(jupyter, "--kernel", kernel_name) as terminal:
        try_to_work(terminal)
        begin_loop(terminal)
        terminal.sendintr()
        terminal.expect_exact("KeyboardInterrupt")
        terminal.expect(r"In \[\d+\]: ")
        leave(terminal)


def test_kernel_that_runs(jupyter: Shell, running_kernel: RunningKernel) -> None:
    """Such a console cannot interrupt; ``yarnkernel interrupt`` can."""
    with console(jupyter, "--existing", str(running_kernel.connection_file)) as terminal:
        try_to_work(terminal)
        begin_loop(terminal)
        terminal.sendintr()
        terminal.expect_exact("Cannot interrupt kernels we didn't start.")
        jupyter.yarnkernel("interrupt", running_kernel.app_id).ok()
        terminal.expect_exact("KeyboardInterrupt")
        terminal.expect(r"In \[\d+\]: ")
        leave(terminal)
    with running_kernel.client() as client:
        assert client.run("6 * 7") == "42"
