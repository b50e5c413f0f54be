"""Starts that are given up while the agent of a front end carries them out."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

from tests.conftest import finish
from tests.support.kernels import wait_until_none_is_active
from yarnkernel.jupyter.messages import Cancel, Done, Failed, Start, Started, decode, encode

if TYPE_CHECKING:
    from typing_extensions import Self

    from tests.conftest import Shell
    from yarnkernel.jupyter.messages import Message, Request

#: Seconds from a start to its end: while it comes to it, while it is described to YARN, on its way
#: there, in its container, and when the kernel is ready.
MOMENTS = (*(step / 100 for step in range(16)), 0.4, 0.8, 1.6)


class Agent:
    """An agent's process, asked as a front end asks."""

    def __init__(self, shell: Shell) -> None:
        command = (sys.executable, "-m", "yarnkernel.jupyter.agent")
        self._process = shell.start(*command, stdin=subprocess.PIPE)

    def ask(self, number: int, request: Request[Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(encode(request, number) + "\n")

    def ask_for_kernel(self, number: int) -> None:
        keys = {"key": "0" * 32, "signature_scheme": "hmac-sha256"}
        self.ask(number, Start(options={}, recipe_options=[], keys=keys, keep=False))

    def flush(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.flush()

    def await_answers(self, count: int) -> dict[int | None, Message]:
        assert self._process.stdout is not None
        found: dict[int | None, Message] = {}
        while len(found) < count:
            number, message = decode(self._process.stdout.readline())
            if isinstance(message, (Done, Started, Failed)):
                found[number] = message
        return found

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        _, err = finish(self._process)
        assert self._process.returncode == 0, err


def test_start_that_is_cancelled(private_shell: Shell) -> None:
    """At any moment, also in one breath with the start."""
    with Agent(private_shell) as agent:
        for number, seconds in enumerate(MOMENTS):
            agent.ask_for_kernel(number)
            if seconds:
                agent.flush()
                time.sleep(seconds)
            agent.ask(100 + number, Cancel(number))
            agent.flush()
        answers = agent.await_answers(2 * len(MOMENTS))
        assert answers[0] == Failed("the start was given up")
        for number in range(len(MOMENTS)):
            assert isinstance(answers[100 + number], Done), answers
        wait_until_none_is_active(private_shell)


def test_front_end_that_ends_in_one_breath_with_a_start(private_shell: Shell) -> None:
    with Agent(private_shell) as agent:
        for number in range(3):
            agent.ask_for_kernel(number)
    wait_until_none_is_active(private_shell)
