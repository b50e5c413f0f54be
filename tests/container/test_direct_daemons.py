"""The direct way, mostly, while the cluster's daemons are killed, hang, or are cut off."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from tests.conftest import Shell, finish, frozen, wait_for
from tests.support.containers import await_nothing_left, held_spec, one_of, started
from tests.support.kernels import RECIPE, Kernel, final_status, write_spec
from tests.support.site_files import with_setting
from tests.support.wire import Wire
from yarnkernel.container.master import GIVE_UP_SETTING, HEARTBEAT_TIMEOUT
from yarnkernel.hadoop.site_files import load_configuration

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CLUSTER = "direct-daemons"
CLIENTS = "yarn.resourcemanager.address"
SCHEDULER = "yarn.resourcemanager.scheduler.address"


@pytest.fixture(scope="module")
def mortal(user_shell: Shell) -> Iterator[Shell]:
    """A user of a cluster whose daemons may be killed, who takes the direct way unless asked."""
    start = ("cluster", "start", "--name", CLUSTER)
    # Killed NodeManagers come back in time, also on a busy machine.
    user_shell.yarnkernel(*start, "--set", "yarn.nm.liveness-monitor.expiry-interval-ms=30000").ok()
    environment = user_shell.yarnkernel("cluster", "env", "--name", CLUSTER, "--json").ok().document
    # As a cluster that is not ours: what has ended would be noticed at once.
    yield user_shell.using(**environment, YARNKERNEL_VIA="direct")
    user_shell.yarnkernel("cluster", "stop", "--name", CLUSTER).ok()


def daemon(shell: Shell, name: str) -> psutil.Process:
    (status,) = shell.yarnkernel("cluster", "status", "--name", CLUSTER, "--json").ok().document
    (pid,) = [entry["pid"] for entry in status["daemons"] if entry["name"] == name]
    return psutil.Process(pid)


@contextlib.contextmanager
def killed(shell: Shell, name: str) -> Iterator[None]:
    """Kill a daemon, and keep its ports for it: other sessions start clusters meanwhile."""
    (status,) = shell.yarnkernel("cluster", "status", "--name", CLUSTER, "--json").ok().document
    ports = [port for use, port in status["ports"].items() if use.partition("-")[0] == name]
    assert len(ports) > 2, "its own, its web page's, another one"
    with contextlib.ExitStack() as stack:
        process = daemon(shell, name)
        process.kill()
        process.wait(10)
        for port in ports:
            kept = stack.enter_context(socket.socket())
            with contextlib.suppress(OSError):  # a connection of the daemon's is in TIME_WAIT
                kept.bind(("127.0.0.1", port))
        yield


def restart(shell: Shell, name: str) -> None:
    """Kill a daemon and start it again, on its ports and with its state."""
    code = f"""
import time
from yarnkernel.local.daemons import restart_daemon, wait_until_ready
from yarnkernel.local.state import read_state
wait_until_ready(restart_daemon(read_state({CLUSTER!r}), {name!r}), time.monotonic() + 90)
"""
    shell.run("python", "-c", code).ok()


def start_across_a_restart(shell: Shell, name: str, directory: Path) -> str:
    """Start a kernel that is there only after a daemon was killed and is back."""
    spec, go = held_spec(directory)
    process = shell.start("yarnkernel", "start", spec)
    app_id = started(process)
    one_of(app_id, "yarnkernel.recipe")
    restart(shell, name)
    go.touch()
    _, err = finish(process, 120)
    assert process.returncode == 0, err
    return app_id


#: A front end whose kernel works on a cell that no interrupt ends.
STUBBORN = """
import sys, time
from jupyter_client.manager import KernelManager
manager = KernelManager(kernel_name="stubborn")
manager.start_kernel()
client = manager.client()
client.start_channels()
client.wait_for_ready(timeout=60)
app_id = manager.provisioner._kernel
print(app_id, flush=True)
sys.stdin.readline()
manager.restart_kernel(now=True)
client.wait_for_ready(timeout=60)
assert manager.provisioner._kernel == app_id
client.execute('''
while True:
    try:
        print("at it", flush=True)
        time.sleep(1)
    except (KeyboardInterrupt, NameError):
        import time
''')
while client.get_iopub_msg(timeout=60)["msg_type"] != "stream":
    pass
manager.shutdown_kernel(now=True)
print("shut down", flush=True)
sys.stdin.readline()
"""


@contextlib.contextmanager
def start_of_the_skein_way(shell: Shell, directory: Path) -> Iterator[None]:
    """A start that the body happens to: RUNNING before its recipe, and no word of the kernel."""
    go = directory / "go"
    spec = write_spec(directory, f"until [ -e '{go}' ]; do sleep 0.1; done\n{RECIPE}")
    process = shell.start("yarnkernel", "start", spec, "--via", "skein")
    assert process.stderr
    while "RUNNING" not in process.stderr.readline():
        assert process.poll() is None
    yield
    go.touch()
    out, err = finish(process, 120)
    assert process.returncode == 0, err
    assert "killed" not in err
    app_id = out.strip()
    status = shell.yarnkernel("status", app_id, "--json").ok().document
    assert status["details"]["application_master"]
    shell.yarnkernel("stop", app_id).ok()


def test_killed_resourcemanager(mortal: Shell, tmp_path: Path) -> None:
    """Before the kernel is there, whichever way it is submitted, and while it ends.

    A front end that goes on meanwhile asks the ApplicationMaster for a restart and for the end,
    and YARN when it is back.
    """
    (directory := tmp_path / "skein").mkdir()
    with start_of_the_skein_way(mortal, directory):
        app_id = start_across_a_restart(mortal, "resourcemanager", tmp_path)
    mortal.yarnkernel("kernelspec", "add", "--name", "stubborn").ok()
    front_end = mortal.start(sys.executable, "-c", STUBBORN, stdin=subprocess.PIPE)
    assert front_end.stdin is not None
    assert front_end.stdout is not None
    stubborn = front_end.stdout.readline().strip()
    with Kernel(mortal.yarnkernel("connect", app_id).ok().document) as kernel:
        assert kernel.run("value = 6 * 7; value") == "42"
        daemon(mortal, "resourcemanager").kill()
        assert kernel.run("value") == "42"
        kernel.shut_down()
    front_end.stdin.write("\n")
    front_end.stdin.flush()
    assert front_end.stdout.readline() == "shut down\n"
    # Its ApplicationMaster waits for somebody whom it can tell how it went.
    master = one_of(app_id, "yarnkernel.recipe")
    restart(mortal, "resourcemanager")
    assert master.wait(30) in (0, None)
    for ended in (app_id, stubborn):
        await_nothing_left(ended)
        assert final_status(mortal, ended) == "SUCCEEDED"
    finish(front_end)


#: Two fit into the cluster, and the third has to wait; so has what is asked for after it.
ASK = """
from yarnkernel import containers
three = [containers.start(1, ["sleep", "600"], memory="3 GiB") for _ in range(3)]
for one in three[:2]:
    one.wait_running(60)
def states():
    print(*(one.state for several in three for one in several.statuses()))
states()
"""


def test_further_containers_while_the_resourcemanager_restarts(
    mortal: Shell, tmp_path: Path
) -> None:
    """Those that run go on; what is outstanding is asked for again, and what is given back is."""
    app_id = mortal.yarnkernel("start", write_spec(tmp_path, RECIPE)).ok().out.strip()
    with Kernel(mortal.yarnkernel("connect", app_id).ok().document) as kernel:
        assert kernel.run(ASK) == "running running waiting\n"
        daemon(mortal, "resourcemanager").kill()
        kernel.run("three += [containers.start(1, ['sleep', '600'], memory='300 MiB')]")
        restart(mortal, "resourcemanager")
        assert kernel.run("states()") == "running running waiting waiting\n"
        kernel.run("three[0].release()")
        then = "ended running running running\n"
        wait_for(lambda: kernel.run("states()") == then, 60, "one has ended, the others run")
    mortal.yarnkernel("stop", app_id).ok()
    await_nothing_left(app_id)


def test_killed_nodemanager(mortal: Shell, tmp_path: Path) -> None:
    """One that comes back finds its containers; with one that does not, no kernel stays."""
    app_id = start_across_a_restart(mortal, "nodemanager0", tmp_path)
    with Kernel(mortal.yarnkernel("connect", app_id).ok().document) as kernel:
        assert kernel.run("6 * 7") == "42"
        # YARN gives the node up after 30 s; only the ApplicationMaster can then end the kernel.
        with killed(mortal, "nodemanager0"):
            assert kernel.run("6 * 7") == "42"
            await_nothing_left(app_id)
    restart(mortal, "nodemanager0")
    ended = mortal.yarnkernel("status", app_id, "--json").ok().document
    assert ended["state"] == "FAILED"


def test_frozen_resourcemanager_while_submitting(mortal: Shell) -> None:
    resourcemanager = daemon(mortal, "resourcemanager")
    with frozen(resourcemanager):
        late = mortal.yarnkernel("start", "--timeout", "3")
        assert "does not answer" in late.error(3)
        assert late.seconds < 12
        process = mortal.start("yarnkernel", "start")
        waiting = psutil.Process(process.pid)
        # It has connected: the system does that for a process that is frozen.
        wait_for(lambda: waiting.net_connections("tcp"), 30, "it asks the ResourceManager")
    out, err = finish(process, 120)
    assert process.returncode == 0, err
    mortal.yarnkernel("stop", out.strip()).ok()
    # Nothing has come of the one that was too late.
    wait_for(lambda: mortal.yarnkernel("list", "--json").ok().document == [], 30, "no application")


def test_frozen_resourcemanager_while_heart_beating(mortal: Shell) -> None:
    app_id = mortal.yarnkernel("start").ok().out.strip()
    resourcemanager = daemon(mortal, "resourcemanager")
    with Kernel(mortal.yarnkernel("connect", app_id).ok().document) as kernel:
        log = logs_of(mortal, app_id)
        with frozen(resourcemanager):
            wait_for(lambda: "no heartbeat" in log(), 60, "a heartbeat without an answer")
            assert kernel.run("6 * 7") == "42"
        again = Kernel(mortal.yarnkernel("connect", app_id).ok().document)
        with again:
            assert again.run("6 * 7") == "42"
    mortal.yarnkernel("stop", app_id).ok()
    assert final_status(mortal, app_id) == "SUCCEEDED"


def logs_of(shell: Shell, app_id: str) -> Callable[[], str]:
    """What an application has written so far: of files, as no daemon may be able to answer."""
    from pathlib import Path

    (status,) = shell.yarnkernel("cluster", "status", "--name", CLUSTER, "--json").ok().document
    directory = Path(status["directory"], "logs/containers/nodemanager0", app_id)

    def read() -> str:
        return "".join(path.read_text(errors="replace") for path in directory.glob("*/*.log"))

    assert read() or directory.exists()
    return read


def test_submission_that_is_overtaken(mortal: Shell, tmp_path: Path) -> None:
    """YARN may get an application after it was asked to kill it, and knew of none."""
    kills = threading.Semaphore(0)

    def hold(content: bytes) -> None:
        if b"submitApplication" in content:
            for _ in range(2):  # a second one is sent when the first one was answered
                assert kills.acquire(timeout=60)
        elif b"forceKillApplication" in content:
            kills.release()

    cluster = load_configuration(Path(mortal.environment["HADOOP_CONF_DIR"]))
    with Wire(cluster, CLIENTS) as wire:
        wire.hold = hold
        shell = with_setting(mortal, CLIENTS, wire.address, tmp_path)
        late = shell.yarnkernel("start", "--timeout", "8")
        assert "did not answer in time" in late.error(3)
        assert "may have been submitted; killing it" in late.err
    assert mortal.yarnkernel("list", "--json").ok().document == []
    newest = mortal.yarnkernel("list", "--all", "--json").ok().document[-1]
    assert (newest["state"], newest["node"]) == ("KILLED", None)


def test_heartbeat_that_hangs(mortal: Shell, tmp_path: Path) -> None:
    """It holds up no end: a connection may bring nothing any more, and another one all."""
    cluster = load_configuration(Path(mortal.environment["HADOOP_CONF_DIR"]))
    with Wire(cluster, SCHEDULER) as wire:
        shell = with_setting(mortal, SCHEDULER, wire.address, tmp_path)
        app_id = shell.yarnkernel("start").ok().out.strip()
        wire.break_off()
        before = len(wire.frames)
        wait_for(lambda: len(wire.frames) > before, 30, "an answer that is not brought")
        stop = shell.yarnkernel("stop", app_id).ok()
    assert final_status(mortal, app_id) == "SUCCEEDED"
    assert stop.seconds < HEARTBEAT_TIMEOUT - 2


def test_resourcemanager_that_is_waited_for_ever(mortal: Shell, tmp_path: Path) -> None:
    """As -1 says in Hadoop."""
    shell = with_setting(mortal, GIVE_UP_SETTING, "-1", tmp_path)
    app_id = shell.yarnkernel("start").ok().out.strip()
    with Kernel(shell.yarnkernel("connect", app_id).ok().document) as kernel:
        with frozen(daemon(mortal, "resourcemanager")):
            time.sleep(3)
            assert kernel.run("6 * 7") == "42"
        shell.yarnkernel("stop", app_id).ok()
    assert final_status(shell, app_id) == "SUCCEEDED"


def test_resourcemanager_that_never_comes_back(mortal: Shell, tmp_path: Path) -> None:
    """Given up after the time that the site files give all ApplicationMasters."""
    shell = with_setting(mortal, GIVE_UP_SETTING, "3000", tmp_path)
    app_id = shell.yarnkernel("start").ok().out.strip()
    with frozen(daemon(mortal, "resourcemanager")):
        await_nothing_left(app_id)
    wait_for(lambda: "FAILED" in shell.yarnkernel("status", app_id).out, 60, "it is FAILED")
    logs = shell.yarnkernel("logs", app_id).ok().out
    assert "no ResourceManager has answered for 3 s" in logs
