"""The Python API: kernels that are started, asked and ended by a program."""

from __future__ import annotations

import asyncio
import inspect
import os
import re
import signal
import subprocess
import sys
import typing
from typing import TYPE_CHECKING

import pytest

import yarnkernel
from tests.conftest import finish, wait_for
from tests.support.kernels import NEVER, active, write_spec

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conftest import Shell

#: Waits, and says so.
SLEEP = "import time\nprint('begun', flush=True)\ntime.sleep(120)"


@pytest.fixture(scope="module", autouse=True)
def environment(private_shell: Shell) -> Iterator[None]:
    """This process is one of a user with a cluster."""
    with pytest.MonkeyPatch.context() as patch:
        for name in os.environ.keys() - private_shell.environment.keys():
            if not name.startswith("PYTEST"):
                patch.delenv(name)
        for name, value in private_shell.environment.items():
            patch.setenv(name, value)
        yield


@pytest.fixture(scope="module")
def kernel(environment: None) -> Iterator[yarnkernel.Kernel]:  # noqa: ARG001
    with yarnkernel.start(memory="640 MiB", name="api") as kernel:
        yield kernel


def test_start_and_end(private_shell: Shell) -> None:
    steps: list[yarnkernel.Progress] = []
    with yarnkernel.start(vcores=1, on_progress=steps.append) as kernel:
        assert [status.id for status in yarnkernel.list()] == [kernel.id]
        assert kernel.execute("6 * 7").value == "42"
        assert {one.step for one in steps} >= {"place", "submitted", "running"}
        assert all(one.kernel == kernel.id for one in steps if one.state)
    assert kernel.id not in active(private_shell)
    assert yarnkernel.list(ended=True)[-1].succeeded


def test_outputs_are_values(kernel: yarnkernel.Kernel) -> None:
    heard: list[yarnkernel.Output] = []
    result = kernel.execute(
        "import sys\nprint('a'); print('b'); print('c', file=sys.stderr)\n"
        "from IPython.display import display, HTML\ndisplay(HTML('<b>d</b>'))\n'e'",
        on_output=heard.append,
    )
    assert result.ok
    assert result.check() is result
    streams = {one.name: one.text for one in result.outputs if isinstance(one, yarnkernel.Stream)}
    assert streams == {"stdout": "a\nb\n", "stderr": "c\n"}
    shown = [one for one in result.outputs if isinstance(one, yarnkernel.Display)]
    assert [one.is_value for one in shown] == [False, True]
    assert shown[0].data["text/html"] == "<b>d</b>"
    assert result.value == "'e'"
    assert heard[-1] == shown[-1]


def test_outputs_that_change(kernel: yarnkernel.Kernel) -> None:
    code = """
from IPython.display import display, clear_output
print("gone")
clear_output(wait=True)
handle = display("old", display_id=True)
handle.update("new")
"""
    (shown,) = kernel.execute(code).outputs
    assert isinstance(shown, yarnkernel.Display)
    assert shown.text == "'new'"


def test_errors_are_values(kernel: yarnkernel.Kernel) -> None:
    result = kernel.execute("print('before')\n1 / 0")
    assert not result.ok
    assert result.error is not None
    assert (result.error.name, result.error.value) == ("ZeroDivisionError", "division by zero")
    assert "1 / 0" in str(result.error)
    assert "\x1b" not in str(result.error)
    assert result.text == "before\n"
    with pytest.raises(yarnkernel.CodeError, match="division by zero"):
        result.check()


def test_cell_that_takes_too_long(kernel: yarnkernel.Kernel) -> None:
    with pytest.raises(yarnkernel.ExecutionTimeoutError, match="longer than 1 s"):
        kernel.execute(SLEEP, timeout=1)
    assert kernel.execute("1 + 1", timeout=60).value == "2"


def test_interrupt_and_restart(kernel: yarnkernel.Kernel) -> None:
    begun: list[yarnkernel.Output] = []
    running = kernel.execute_soon(SLEEP, on_output=begun.append)
    wait_for(lambda: begun, 30, "the cell runs")
    assert kernel.interrupt() == "interrupted"
    error = running.result(60).error
    assert error is not None
    assert error.name == "KeyboardInterrupt"
    kernel.execute("kept = 1")
    assert kernel.restart() > 0
    assert kernel.execute("'kept' in dir()").value == "False"


def test_kernel_that_dies(kernel: yarnkernel.Kernel) -> None:
    result = kernel.execute("import os\nos._exit(3)")
    assert result.error is not None
    assert "exit code 3" in result.error.value
    assert kernel.execute("1 + 1", timeout=60).value == "2"


def test_kernel_that_is_ended_under_a_cell(private_shell: Shell) -> None:
    kernel = yarnkernel.start()
    begun: list[yarnkernel.Output] = []
    running = kernel.execute_soon(SLEEP, on_output=begun.append)
    wait_for(lambda: begun, 30, "the cell runs")
    private_shell.yarnkernel("stop", "--force", kernel.id).ok()
    error = running.result(60).error
    assert error is not None
    assert error.name == "KernelEnded"
    assert "KILLED" in error.value
    with pytest.raises(yarnkernel.YarnKernelError, match="has ended: KILLED"):
        kernel.execute("1")
    kernel.close()


def test_connect_to_another_ones(kernel: yarnkernel.Kernel) -> None:
    kernel.execute("shared = 7")
    with yarnkernel.connect(kernel.id) as other:
        assert other.execute("shared").value == "7"
    assert kernel.execute("shared").value == "7", "it goes on"
    status = kernel.status()
    assert status is not None
    assert status.state in ("idle", "busy"), "it may not have heard of the cell's end yet"
    assert isinstance(kernel.logs(), str)


def test_several_at_once_without_blocking() -> None:
    async def work() -> list[str | None]:
        async with yarnkernel.aio.start_several(2, memory="512 MiB") as kernels:
            assert len({one.id for one in kernels}) == 2
            running = [one.execute("import os\nos.environ['CONTAINER_ID']") for one in kernels]
            results = await asyncio.gather(*running)
        return [one.value for one in results]

    values = asyncio.run(work())
    assert len(set(values)) == 2
    assert yarnkernel.list(user=os.environ.get("USER", "")) == [] or all(
        status.name == "api" for status in yarnkernel.list()
    )


def test_all_or_none(private_shell: Shell) -> None:
    """One that cannot be started takes the others with it."""
    before = set(active(private_shell))
    with pytest.raises(yarnkernel.YarnKernelError, match="no queue"):
        yarnkernel.start_several(2, queue="nowhere")
    assert set(active(private_shell)) == before


@pytest.mark.parametrize(
    ("options", "reason"),
    [({"memoy": "1 GiB"}, "memoy"), ({"memory": 5}, "memory"), ({"vcores": "2"}, "vcores")],
)
def test_options_are_checked(options: dict[str, typing.Any], reason: str) -> None:
    with pytest.raises(yarnkernel.UsageError, match=reason):
        yarnkernel.start(**options)


def test_wrong_id() -> None:
    with pytest.raises(yarnkernel.UsageError, match="not an application id"):
        yarnkernel.connect("foo")


def test_ctrl_c_ends_what_starts(private_shell: Shell, tmp_path: Path) -> None:
    before = set(active(private_shell))
    spec = write_spec(tmp_path, NEVER)
    code = """
import signal, sys, yarnkernel
signal.signal(signal.SIGINT, signal.default_int_handler)  # who runs tests may have it ignored
yarnkernel.start(sys.argv[1], on_progress=print)
"""
    process = private_shell.start(sys.executable, "-u", "-c", code, spec, stdin=subprocess.DEVNULL)
    assert process.stdout is not None
    for line in process.stdout:
        if " RUNNING" in line:
            break
    process.send_signal(signal.SIGINT)
    _, err = finish(process)
    assert "KeyboardInterrupt" in err
    wait_for(lambda: set(active(private_shell)) == before, 30, "it was killed")


def test_all_names_can_be_seen() -> None:
    """What a signature names is there at the top, and completion shows it."""
    assert set(yarnkernel.__all__) <= set(dir(yarnkernel))
    options = inspect.signature(yarnkernel.start).parameters
    assert {"memory", "queue", "environment", "timeout"} <= options.keys()
    for function in (yarnkernel.start, yarnkernel.connect, yarnkernel.list, yarnkernel.aio.start):
        assert function.__doc__
    known = {"str", "int", "float", "bool", "None", "Self", "dict", "Any", "object", "tuple"}
    known |= {"Callable", "Sequence", "Opening", "concurrent", "futures", "Future", "list"}
    for owner in (yarnkernel.Kernel, yarnkernel.aio.Kernel):
        for name, method in inspect.getmembers(owner, inspect.isfunction):
            if name.startswith("_"):
                continue
            for annotation in method.__annotations__.values():
                words = set(re.findall(r"[A-Za-z]\w+", str(annotation)))
                assert words <= known | set(dir(yarnkernel)), (owner, name, annotation)
