"""What can go wrong on the direct way: each daemon, the ApplicationMaster and the kernel, killed.

Damaged answers are in test_hadoop_rpc.py.
"""

from __future__ import annotations

import contextlib
import glob
import re
import shutil
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from tests.conftest import Shell, finish, own_processes, wait_for
from tests.kernels import Kernel, final_status, write_spec

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator

    from tests.conftest import Result

RECIPE = "exec python -m yarnkernel.recipe"
#: A kernel that starts when a file is there.
HELD = (
    RECIPE + " -- sh -c 'until [ -e {go} ]; do sleep 0.05; done;"
    ' exec python -m ipykernel_launcher -f "$0"\' {{connection_file}}'
)
CLUSTER = "direct-faults"


@pytest.fixture
def direct(shell: Shell) -> Shell:
    """A user who takes the direct way alone."""
    return shell.using(YARNKERNEL_VIA="direct")


@pytest.fixture(scope="module")
def mortal(user_shell: Shell) -> Iterator[Shell]:
    """The same with a cluster whose daemons may be killed."""
    start = ("cluster", "start", "--name", CLUSTER)
    # Killed NodeManagers come back in time, also on a busy machine.
    user_shell.yarnkernel(*start, "--set", "yarn.nm.liveness-monitor.expiry-interval-ms=30000").ok()
    environment = user_shell.yarnkernel("cluster", "env", "--name", CLUSTER, "--json").ok().document
    # As a cluster that is not ours: what has ended would be noticed at once.
    yield user_shell.using(**environment, YARNKERNEL_VIA="direct")
    user_shell.yarnkernel("cluster", "stop", "--name", CLUSTER).ok()


def in_containers(app_id: str) -> list[psutil.Process]:
    """All processes of an application's containers."""
    ending = app_id.removeprefix("application_")
    found = []
    for process in own_processes():
        with contextlib.suppress(psutil.Error):
            if f"_{ending}_" in process.environ().get("CONTAINER_ID", ""):
                found.append(process)
    return found


def one_of(app_id: str, module: str) -> psutil.Process:
    """The process of an application that runs a module."""

    def find() -> psutil.Process | None:
        for process in in_containers(app_id):
            with contextlib.suppress(psutil.Error):
                if process.cmdline()[1:3] == ["-m", module]:
                    return process
        return None

    found: psutil.Process = wait_for(find, 30, f"{module} of {app_id}")
    return found


def await_nothing_left(app_id: str) -> None:
    wait_for(lambda: not in_containers(app_id), 60, f"no process of {app_id}")


def started(process: subprocess.Popen[str]) -> str:
    """The id of the application that `yarnkernel start` tells of."""
    assert process.stderr
    while "submitted" not in (line := process.stderr.readline()):
        assert process.poll() is None, line
    return next(word for word in line.split() if word.startswith("application_"))


def daemon(shell: Shell, name: str) -> psutil.Process:
    (status,) = shell.yarnkernel("cluster", "status", "--name", CLUSTER, "--json").ok().document
    (pid,) = [entry["pid"] for entry in status["daemons"] if entry["name"] == name]
    return psutil.Process(pid)


def restart(shell: Shell, name: str) -> None:
    """Kill a daemon and start it again, on its ports and with its state."""
    code = f"""
import time
from yarnkernel.local.daemons import restart_daemon, wait_until_ready
from yarnkernel.local.state import read_state
wait_until_ready(restart_daemon(read_state({CLUSTER!r}), {name!r}), time.monotonic() + 90)
"""
    shell.run("python", "-c", code).ok()


def held_spec(directory: Path) -> tuple[Path, Path]:
    go = directory / "go"
    return write_spec(directory, HELD.format(go=go)), go


@pytest.mark.parametrize("phase", ["starting", "running"])
def test_killed_master_takes_its_kernel_along(direct: Shell, phase: str, tmp_path: Path) -> None:
    spec, go = held_spec(tmp_path)
    process = direct.start("yarnkernel", "start", spec)
    app_id = started(process)
    if phase == "running":
        go.touch()
        finish(process)
        assert one_of(app_id, "ipykernel_launcher").is_running()
    one_of(app_id, "yarnkernel.recipe").kill()
    if phase == "starting":
        _, err = finish(process)
        assert process.returncode == 1, err
        assert "ended before its kernel could be used" in err
    await_nothing_left(app_id)
    status = direct.yarnkernel("status", app_id, "--json").ok().document
    assert status["state"] == "FAILED"
    assert "137" in status["diagnostics"], "the exit code of what was killed"


@pytest.mark.parametrize("phase", ["starting", "running"])
def test_killed_kernel_that_is_not_to_be_restarted(
    direct: Shell, phase: str, tmp_path: Path
) -> None:
    spec, go = held_spec(tmp_path)
    spec.write_text(spec.read_text().replace("recipe --", "recipe --max-restarts 0 --"))
    process = direct.start("yarnkernel", "start", spec)
    app_id = started(process)
    master = one_of(app_id, "yarnkernel.recipe")
    if phase == "running":
        go.touch()
        finish(process)
    # The shell of the script, which becomes the kernel.
    (kernel,) = wait_for(master.children, 30, "a kernel")
    kernel.kill()
    if phase == "starting":
        _, err = finish(process)
        assert process.returncode == 1, err
        assert "SIGKILL" in err
    await_nothing_left(app_id)
    status = direct.yarnkernel("status", app_id, "--json").ok().document
    assert (status["state"], status["final_status"]) == ("FINISHED", "FAILED")
    assert "SIGKILL" in status["diagnostics"]


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ('rm "$HADOOP_TOKEN_FILE_LOCATION"', "No such file"),
        ('echo no token > "$HADOOP_TOKEN_FILE_LOCATION"', "token"),
        (': > "$HADOOP_TOKEN_FILE_LOCATION"', "token"),
        ('truncate --size 40 "$HADOOP_TOKEN_FILE_LOCATION"', "token"),
    ],
    ids=["missing", "another file", "empty", "cut off"],
)  # fmt: skip
def test_token_file(direct: Shell, damage: str, said: str, tmp_path: Path) -> None:
    error = direct.yarnkernel("start", write_spec(tmp_path, f"{damage}\n{RECIPE}")).error(1)
    assert "ended before its kernel could be used: FAILED" in error
    assert said in error
    assert 'File "' not in error, "no traceback"


def skewed_spec(directory: Path, seconds: int) -> Path:
    """A container whose clock is wrong by so much."""
    found = glob.glob("/usr/lib/*/faketime/libfaketime.so.1")  # noqa: PTH207  (of the system)
    if not found:
        pytest.skip("no libfaketime: scripts/setup-extras installs it where it may")
    clock = f"export LD_PRELOAD={found[0]} FAKETIME={seconds:+d} FAKETIME_DONT_RESET=1"
    return write_spec(directory, f"{clock}\n{RECIPE}")


@pytest.mark.parametrize("seconds", [3600, -3600])
def test_clock_that_is_wrong(
    direct: Shell, stop_later: Callable[[str], str], seconds: int, tmp_path: Path
) -> None:
    """It matters to certificates alone: tokens have no times that an ApplicationMaster reads."""
    spec = skewed_spec(tmp_path, seconds)
    if seconds > 0:
        app_id = stop_later(direct.yarnkernel("start", spec).ok().out)
        with Kernel(direct.yarnkernel("connect", app_id).ok().document) as kernel:
            shift = float(kernel.run("import time; time.time()")) - time.time()
            assert abs(shift - seconds) < 60
            assert kernel.run("6 * 7") == "42"
        return
    # A certificate that was made just now.
    start = ("start", spec, "--own-credentials", "--timeout", "15")
    error = direct.yarnkernel(*start).error(3)
    assert re.search(r"this host's clock is 3\d{3} s behind", error)
    assert "certificate is not yet valid" in error
    assert "next: yarnkernel logs" in error


def test_two_clients(direct: Shell, stop_later: Callable[[str], str]) -> None:
    """Who asks at the same time is answered as others are; other credentials open nothing."""
    app_id = stop_later(direct.yarnkernel("start").ok().out)
    results: list[Result] = []

    def ask(command: str) -> None:
        results.append(direct.yarnkernel(command, app_id))

    commands = ("restart", "restart", "status", "connect")
    threads = [threading.Thread(target=ask, args=(command,)) for command in commands]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [result.code for result in results] == [0] * len(commands), results
    with Kernel(direct.yarnkernel("connect", app_id).ok().document) as kernel:
        assert kernel.run("6 * 7") == "42"
        stranger = direct.using(SKEIN_CONFIG=str(direct.directory / "other credentials"))
        for command in ("connect", "interrupt", "restart"):
            assert "credentials" in stranger.yarnkernel(command, app_id).error(1)
        assert kernel.run("6 * 7") == "42"


def test_killed_resourcemanager(mortal: Shell, tmp_path: Path) -> None:
    """Before the kernel is there, and while it ends."""
    spec, go = held_spec(tmp_path)
    process = mortal.start("yarnkernel", "start", spec)
    app_id = started(process)
    one_of(app_id, "yarnkernel.recipe")
    restart(mortal, "resourcemanager")
    go.touch()
    _, err = finish(process, 120)
    assert process.returncode == 0, err
    with Kernel(mortal.yarnkernel("connect", app_id).ok().document) as kernel:
        assert kernel.run("value = 6 * 7; value") == "42"
        daemon(mortal, "resourcemanager").kill()
        assert kernel.run("value") == "42"
        kernel.shut_down()
    # Its ApplicationMaster waits for somebody whom it can tell how it went.
    master = one_of(app_id, "yarnkernel.recipe")
    restart(mortal, "resourcemanager")
    assert final_status(mortal, app_id) == "SUCCEEDED"
    assert master.wait(30) in (0, None)
    await_nothing_left(app_id)


def test_killed_nodemanager(mortal: Shell, tmp_path: Path) -> None:
    """One that comes back finds its containers; with one that does not, no kernel stays."""
    spec, go = held_spec(tmp_path)
    process = mortal.start("yarnkernel", "start", spec)
    app_id = started(process)
    one_of(app_id, "yarnkernel.recipe")
    restart(mortal, "nodemanager0")
    go.touch()
    _, err = finish(process, 120)
    assert process.returncode == 0, err
    with Kernel(mortal.yarnkernel("connect", app_id).ok().document) as kernel:
        assert kernel.run("6 * 7") == "42"
        # YARN gives the node up after 30 s; only the ApplicationMaster can then end the kernel.
        daemon(mortal, "nodemanager0").kill()
        assert kernel.run("6 * 7") == "42"
    await_nothing_left(app_id)
    restart(mortal, "nodemanager0")
    ended = mortal.yarnkernel("status", app_id, "--json").ok().document
    assert ended["state"] == "FAILED"


@contextlib.contextmanager
def frozen(process: psutil.Process) -> Iterator[None]:
    process.suspend()
    try:
        yield
    finally:
        process.resume()


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


def with_patience(shell: Shell, milliseconds: int, directory: Path) -> str:
    """Site files by which an ApplicationMaster waits so long for a ResourceManager."""
    conf = Path(shutil.copytree(shell.environment["HADOOP_CONF_DIR"], directory / "conf"))
    site = conf / "yarn-site.xml"
    wait = "yarn.resourcemanager.connect.max-wait.ms</name><value>"
    assert f"{wait}60000" in site.read_text()
    site.write_text(site.read_text().replace(f"{wait}60000", f"{wait}{milliseconds}"))
    return str(conf)


def test_resourcemanager_that_is_waited_for_ever(mortal: Shell, tmp_path: Path) -> None:
    """As -1 says in Hadoop."""
    shell = mortal.using(HADOOP_CONF_DIR=with_patience(mortal, -1, tmp_path))
    app_id = shell.yarnkernel("start").ok().out.strip()
    with Kernel(shell.yarnkernel("connect", app_id).ok().document) as kernel:
        with frozen(daemon(mortal, "resourcemanager")):
            time.sleep(3)
            assert kernel.run("6 * 7") == "42"
        shell.yarnkernel("stop", app_id).ok()
    assert final_status(shell, app_id) == "SUCCEEDED"


def test_resourcemanager_that_never_comes_back(mortal: Shell, tmp_path: Path) -> None:
    """Given up after the time that the site files give all ApplicationMasters."""
    shell = mortal.using(HADOOP_CONF_DIR=with_patience(mortal, 3000, tmp_path))
    app_id = shell.yarnkernel("start").ok().out.strip()
    with frozen(daemon(mortal, "resourcemanager")):
        await_nothing_left(app_id)
    wait_for(lambda: "FAILED" in shell.yarnkernel("status", app_id).out, 60, "it is FAILED")
    logs = shell.yarnkernel("logs", app_id).ok().out
    assert "no ResourceManager has answered for 3 s" in logs
