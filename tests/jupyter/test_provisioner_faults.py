"""Front ends that are killed, cancelled or held up: what they started is not left behind."""

from __future__ import annotations

import contextlib
import functools
import json
import signal
import subprocess
import sys
import textwrap
import time
from typing import TYPE_CHECKING, Any, cast

import psutil
import pytest
import zmq

from tests.conftest import REPOSITORY, finish, wait_for
from tests.support.kernels import RECIPE, Kernel, ended, write_spec

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Shell

#: A front end: starts a kernel, tells the application's id and waits for what comes.
FRONT_END = """
import sys, time
from jupyter_client.manager import KernelManager
manager = KernelManager(kernel_name=sys.argv[1])
manager.start_kernel()
print(manager.provisioner._kernel, manager.connection_file, flush=True)
{body}
"""


@pytest.fixture(scope="module")
def specs(shell: Shell, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Kernelspecs of the user: one as it comes, one that is kept, for six seconds."""
    shell.yarnkernel("kernelspec", "add", "--name", "plain").ok()
    directory = tmp_path_factory.mktemp("specs")
    script = f"unset JDK_JAVA_OPTIONS\n{RECIPE} --orphan-timeout 6"
    kept = write_spec(directory, script, resources="{memory: 1 GiB, vcores: 1}")
    found = shell.yarnkernel("kernelspec", "add", kept, "--name", "kept", "--json").ok().document
    path = REPOSITORY / found["directory"] / "kernel.json"
    content = json.loads(path.read_text())
    content["metadata"]["kernel_provisioner"]["config"]["keep"] = True
    path.write_text(json.dumps(content))


def start(shell: Shell, name: str, body: str) -> tuple[subprocess.Popen[str], str, str]:
    """Start a front end; return its process, and the id and the file of its kernel."""
    program = FRONT_END.format(body=textwrap.dedent(body))
    process = shell.start(sys.executable, "-c", program, name)
    assert process.stdout is not None
    app_id, _, path = process.stdout.readline().strip().partition(" ")
    assert app_id, finish(process)
    return process, app_id, path


@pytest.mark.parametrize(
    ("body", "number"),
    [
        ("pass", 0),  # it ends and has not shut its kernel down
        # As nbclient does; no thread and no executor can be started then.
        ("import atexit; atexit.register(manager.shutdown_kernel)", 0),
        ("time.sleep(100)", signal.SIGKILL),
    ],
)
@pytest.mark.usefixtures("specs")
def test_front_end_that_ends(shell: Shell, body: str, number: int) -> None:
    process, app_id, _ = start(shell, "plain", body)
    if number:
        process.send_signal(number)
    finish(process)
    wait_for(lambda: ended(shell, app_id), 20, f"{app_id} has ended")


@pytest.mark.usefixtures("specs")
def test_kernel_that_is_kept(shell: Shell) -> None:
    """It can be found again, and ends by itself when nobody comes: a stranger is nobody.

    The agent keeps it, without any connection to the kernel, while its front end lives.
    """
    process, app_id, path = start(shell, "kept", "time.sleep(100)")
    own = json.loads((REPOSITORY / path).read_text())
    with zmq.Context() as context, context.socket(zmq.SUB) as stranger:
        stranger.subscribe(b"")
        stranger.connect(f"tcp://{own['ip']}:{own['iopub_port']}")
        with Kernel(own) as kernel:
            assert kernel.run("6 * 7") == "42"
        time.sleep(10)
        assert ended(shell, app_id) is None
        process.kill()
        finish(process)
        listed = shell.yarnkernel("list", "--json").ok().document
        assert app_id in [one["id"] for one in listed]
        info = shell.yarnkernel("connect", app_id).ok().document
        assert info["key"] == own["key"]
        with Kernel(info) as kernel:
            assert kernel.run("6 * 7") == "42"
            # Longer than it is kept without anybody.
            assert kernel.run("import time; time.sleep(8); 43") == "43"
            assert ended(shell, app_id) is None
        status = wait_for(lambda: ended(shell, app_id), 20, f"{app_id} has ended")
    assert "no client was connected for 6 s (--orphan-timeout)" in status["reason"]


@pytest.mark.usefixtures("specs")
def test_start_that_is_interrupted(shell: Shell) -> None:
    """Killed, or Ctrl-C, while the kernel starts."""
    for number in (signal.SIGKILL, signal.SIGINT):
        before = {one["id"] for one in applications(shell)}
        process = shell.start(
            sys.executable, "-c", FRONT_END.format(body="time.sleep(100)"), "plain"
        )
        wait_for(functools.partial(submitted_since, shell, before), 30, "it is submitted")
        process.send_signal(number)
        finish(process)
        wait_for(lambda: not active(shell), 30, "no application is left")


def submitted_since(shell: Shell, before: set[str]) -> bool:
    return any(one["id"] not in before for one in applications(shell))


def applications(shell: Shell) -> list[dict[str, Any]]:
    return cast("list[dict[str, Any]]", shell.yarnkernel("list", "--all", "--json").ok().document)


def active(shell: Shell) -> list[dict[str, Any]]:
    return cast("list[dict[str, Any]]", shell.yarnkernel("list", "--json").ok().document)


def test_no_cluster(user_shell: Shell, tmp_path: Path) -> None:
    """What the user reads is one clear text, with the next step."""
    nowhere = user_shell.using(XDG_STATE_HOME=str(tmp_path), JUPYTER_PATH=str(tmp_path))
    added = nowhere.yarnkernel("kernelspec", "add", "--name", "lost", "--prefix", tmp_path).ok()
    assert "warning: no kernel can be started now: no cluster" in added.err
    (tmp_path / "kernels").symlink_to(tmp_path / "share/jupyter/kernels")
    failed = nowhere.run(sys.executable, "-c", FRONT_END.format(body=""), "lost")
    assert failed.code == 1
    last = failed.err.strip().splitlines()[-1]
    assert last.startswith("yarnkernel.jupyter.kernel_manager.KernelLaunchError: no cluster")
    assert "yarnkernel cluster start" in last


#: Starts a kernel as servers do, and ends without a word.
SCRIPT = """
import sys
from jupyter_client.multikernelmanager import MultiKernelManager
managers = MultiKernelManager()
kernel_id = managers.start_kernel(kernel_name="plain")
print(managers.get_kernel(kernel_id).provisioner._kernel, flush=True)
if sys.argv[1:]:
    import os, signal
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.usefixtures("specs")
def test_script_with_many_kernels(private_shell: Shell) -> None:
    """One that ends in good order leaves nothing; one that is killed leaves what can be found."""
    done = private_shell.run(sys.executable, "-c", SCRIPT).ok()
    app_id = done.out.strip()
    wait_for(lambda: ended(private_shell, app_id), 20, f"{app_id} has ended")
    killed = private_shell.run(sys.executable, "-c", SCRIPT, "killed")
    time.sleep(3)
    status = private_shell.yarnkernel("status", killed.out.strip(), "--json").ok().document
    assert status["state"] == "RUNNING"
    private_shell.yarnkernel("stop", killed.out.strip()).ok()


#: Starts several kernels at once and gives up on some of them.
MANY = """
import asyncio, json, sys
from jupyter_client.manager import AsyncKernelManager

async def start(manager):
    try:
        await manager.start_kernel()
    except asyncio.CancelledError:
        if manager.has_kernel:  # it was started: jupyter_client sleeps for 10 ms after that
            await manager.shutdown_kernel(now=True)
        return "cancelled"
    return manager.provisioner._kernel

async def main():
    managers = [AsyncKernelManager(kernel_name="plain") for _ in range(4)]
    starts = [asyncio.create_task(start(manager)) for manager in managers]
    held_up = 0.0
    loop = asyncio.get_running_loop()
    for step in range(10_000):
        if all(one.done() for one in starts[:2]):
            break
        if step == 20:
            starts[2].cancel()
        before = loop.time()
        await asyncio.sleep(0.02)
        held_up = max(held_up, loop.time() - before - 0.02)
    starts[3].cancel()
    found = await asyncio.gather(*starts)
    print(json.dumps({"found": found, "held up": held_up}), flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    await asyncio.gather(*(manager.shutdown_kernel() for manager in managers[:2]))

asyncio.run(main())
"""


@pytest.mark.usefixtures("specs")
def test_several_at_once_and_cancelled(private_shell: Shell, via: str) -> None:
    """At most one driver, no loop that is held up, and nothing left of those given up."""
    process = private_shell.start(sys.executable, "-c", MANY, stdin=subprocess.PIPE)
    with contextlib.ExitStack() as stack:
        stack.callback(finish, process)
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line
        check_several(private_shell, process.pid, json.loads(line), via)
    wait_for(lambda: not active(private_shell), 30, "none is left")


def check_several(shell: Shell, pid: int, document: dict[str, Any], via: str) -> None:
    started = {app_id for app_id in document["found"] if app_id != "cancelled"}
    assert len(started) >= 2
    assert document["found"][2] == "cancelled"
    # A start takes longer, the more so when there are four.
    assert document["held up"] < 1
    drivers = [
        one
        for one in psutil.Process(pid).children(recursive=True)
        if "com.anaconda.skein.Driver" in one.cmdline()
    ]
    assert len(drivers) == (via == "skein")
    wait_for(lambda: {one["id"] for one in active(shell)} == started, 30, "two are left")
