"""Kernels outside YARN, by the commands that there are for all kernels."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest
import zmq

from tests.conftest import BIN, finish, wait_for
from tests.support.kernels import Kernel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Shell
    from tests.support.ssh_host import SshHost

#: Says so, and goes on.
SLEEP = "import time\nprint('begun', flush=True)\ntime.sleep(120)"


#: For tests of what is the same at all places: at the one that has the longest way.
SSH = pytest.mark.parametrize("hosted", ["ssh"], indirect=True)


class Hosted:
    """A place, as a user's commands name it."""

    def __init__(self, shell: Shell, *options: str, python: Path | None = None) -> None:
        self.shell = shell
        self.options = options
        self.python = python

    def start(self, *more: str, **options: float) -> str:
        """Start a kernel, and return its id."""
        started = self.shell.yarnkernel("start", *self.options, *more, **options).ok()
        return started.out.strip()

    def ids(self) -> list[str]:
        """The kernels that there are; who has none, and no cluster, is told of that."""
        return self.shell.yarnkernel("list", "--ids").out.split()

    def kernel(self, kernel: str) -> Kernel:
        return Kernel(self.shell.yarnkernel("connect", kernel).ok().document)


#: By the interface: the fixture with its user, and the options that name the place.
PLACES = {
    "local": ("own_shell", []),
    "ssh": ("ssh_shell", ["--host", "box"]),
    "slurm": ("slurm_shell", ["--host", "login", "--memory", "1 GiB"]),
    "sge": ("sge_shell", ["--pe", "smp", "--cpus", "2"]),
}


@pytest.fixture(scope="module", params=PLACES)
def hosted(request: pytest.FixtureRequest) -> Iterator[Hosted]:
    """All places, for what may differ."""
    shell, options = PLACES[request.param]
    python = None if request.param == "local" else request.getfixturevalue("bare_python")
    if python is not None:
        options = [*options, "--python", str(python)]
    user = request.getfixturevalue(shell)
    hosted = Hosted(user, "--interface", request.param, *options, python=python)
    yield hosted
    hosted.shell.yarnkernel("stop", "--all").ok()


@pytest.fixture(scope="module")
def kernel(hosted: Hosted) -> str:
    """A kernel that no test ends."""
    return hosted.start()


def test_all_commands(hosted: Hosted) -> None:
    shell = hosted.shell
    kernel = hosted.start("--name", "mine", "--env", "SECRET=it's a secret", "--memory", "2 GiB")
    assert kernel in hosted.ids()
    status = shell.yarnkernel("status", kernel, "--json").ok().document
    assert (status["state"], status["name"]) == ("RUNNING", "mine")
    assert status["kernel"]["memory_limit"] == 2 << 30
    with hosted.kernel(kernel) as client:
        assert client.run("import os; os.environ['SECRET']").strip() == repr("it's a secret")
        home = client.run("(os.getcwd() == os.path.expanduser('~'), os.getpid())")
        assert home.startswith("(True, ")
        ours = ("YARNKERNEL_ADDRESS", "YARNKERNEL_DIRECTORY", "YARNKERNEL_HOME")
        left = f"[name for name in os.environ if name in {ours} or 'RECIPE' in name]"
        assert client.run(left).strip() == "[]"
        request = client.client.execute(SLEEP)
        client.next_message("stream", request)
        assert "was interrupted" in shell.yarnkernel("interrupt", kernel).ok().err
        assert client.next_message("error", request)["content"]["ename"] == "KeyboardInterrupt"
        client.run("x = 42")
        assert "was restarted in" in shell.yarnkernel("restart", kernel).ok().err
        client.wait()
        assert client.run("'x' in globals()").strip() == "False"
        client.run("import os; os.system('echo a line for the log')")
    wait_for(
        lambda: "a line for the log" in shell.yarnkernel("logs", kernel).ok().out, 10, "its log"
    )
    assert shell.yarnkernel("logs", kernel, "--tail", "1").ok().out.count("\n") == 1
    assert "FINISHED SUCCEEDED" in shell.yarnkernel("stop", kernel).ok().err
    assert kernel not in hosted.ids()
    (row,) = [one for one in shell.yarnkernel("list", "--all", "--json").ok().document
              if one["id"] == kernel]  # fmt: skip
    assert (row["final_status"], row["reason"]) == (
        "SUCCEEDED",
        "Stopped by yarnkernel stop.",
    )
    assert "a line for the log" in shell.yarnkernel("logs", kernel).ok().out


@SSH
def test_console(hosted: Hosted) -> None:
    kernel = hosted.start()
    done = hosted.shell.yarnkernel("console", kernel, given="6 * 7\nexit\n", timeout=60)
    assert "42" in done.out, done.err
    wait_for(lambda: kernel not in hosted.ids(), 20, "its end")


def test_kernel_that_fails(hosted: Hosted) -> None:
    command = "sh -c 'echo I cannot >&2; exit 3' {connection_file}"
    failed = hosted.shell.yarnkernel("start", *hosted.options, "--kernel-cmd", command)
    error = failed.error(1)
    assert "ended with exit code 3 before it could be used" in error
    assert "I cannot" in error
    assert "next: yarnkernel logs" in error


@SSH
def test_python_that_is_missing(hosted: Hosted) -> None:
    options = hosted.options[: hosted.options.index("--python")] if hosted.python else ()
    wrong = [*(options or hosted.options), "--python", "/usr/nowhere/python"]
    error = hosted.shell.yarnkernel("start", *wrong).error(1)
    assert "none of /usr/nowhere/python on this host" in error
    assert "next: --python PATH" in error


def test_interrupted_start_leaves_nothing(hosted: Hosted) -> None:
    command = "sh -c 'exec sleep 600' {connection_file}"
    before = hosted.ids()
    process = hosted.shell.start(
        BIN / "yarnkernel", "start", *hosted.options, "--kernel-cmd", command
    )
    assert process.stderr is not None
    for line in process.stderr:
        if "RUNNING" in line or "started on" in line:
            break
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    _, err = finish(process)
    assert process.returncode == 130
    assert "killed" in err
    assert "cannot be killed" not in err
    assert hosted.ids() == before


def test_supervisor_that_is_killed(hosted: Hosted) -> None:
    kernel = hosted.start()
    with hosted.kernel(kernel) as client:
        own = psutil.Process(int(client.run("import os; os.getpid()")))
        supervisor = psutil.Process(int(client.run("os.getppid()")))
    assert "yarnkernel.recipe" in " ".join(supervisor.cmdline())
    supervisor.kill()
    status = wait_for(lambda: ended(hosted, kernel), 20, "that it has ended")
    assert status["state"] == "FAILED"
    assert re.search("its process is gone, without a word|signal 9", status["reason"])
    assert "next: yarnkernel logs" in hosted.shell.yarnkernel("interrupt", kernel).error(1)
    wait_for(lambda: not own.is_running(), 20, "the kernel's end")


def ended(hosted: Hosted, kernel: str) -> dict[str, str] | None:
    status: dict[str, str] = hosted.shell.yarnkernel("status", kernel, "--json").ok().document
    return status if status["state"] in ("FINISHED", "FAILED", "KILLED") else None


@SSH
def test_nobody_else_asks_its_store(hosted: Hosted, kernel: str) -> None:
    """Who has not the key of this machine for this kernel is not answered."""
    state = Path(hosted.shell.environment["HOME"], ".local/state/yarnkernel/records")
    path = state / f"{kernel}.json"
    assert path.stat().st_mode & 0o77 == 0
    record = path.read_text()
    public, secret = (part.decode() for part in zmq.curve_keypair())
    other = {**json.loads(record), "public": public, "secret": secret}
    path.write_text(json.dumps(other))
    try:
        assert "does not answer" in hosted.shell.yarnkernel("interrupt", kernel).error(1)
    finally:
        path.write_text(record)
    assert "is idle" in hosted.shell.yarnkernel("interrupt", kernel).ok().err


@SSH
def test_wrong_ids(hosted: Hosted) -> None:
    for wrong in ("local-12345678", "foo", "../x", "ssh-box-", "."):
        assert "next: yarnkernel list" in hosted.shell.yarnkernel("status", wrong).error(2)


@SSH
def test_options_of_other_interfaces(hosted: Hosted) -> None:
    for option in ("--via=skein", "--node-label=gpu", "--files-from=/", "--priority=1"):
        error = hosted.shell.yarnkernel("start", *hosted.options, option).error(2)
        assert "is nothing for --interface" in error


def test_provisioner(hosted: Hosted) -> None:
    """A kernelspec of such a place starts, interrupts, restarts and ends kernels."""
    shell = hosted.shell
    shell.yarnkernel("kernelspec", "add", "--name", "there", *hosted.options, "--replace").ok()
    before = hosted.ids()
    code = """
import sys, time
from jupyter_client.manager import start_new_kernel
manager, client = start_new_kernel(kernel_name="there", startup_timeout=60)
def run(code):
    shown = []
    def show(message):
        content = message["content"]
        shown.append(content.get("text") or content.get("data", {}).get("text/plain", ""))
    client.execute_interactive(code, output_hook=show, timeout=60)
    return "".join(shown).strip()
print(run("6 * 7"))
run("x = 1")
manager.restart_kernel()
client.wait_for_ready(timeout=60)
print(run("'x' in globals()"))
client.execute("import time; time.sleep(100)")
time.sleep(0.5)
manager.interrupt_kernel()
print(client.get_shell_msg(timeout=60)["content"]["ename"])
client.stop_channels()
manager.shutdown_kernel()
"""
    done = shell.run(sys.executable, "-c", code).ok()
    assert done.out.split("\n")[:3] == ["42", "False", "KeyboardInterrupt"]
    wait_for(lambda: hosted.ids() == before, 20, "its end")


@SSH
def test_launcher(hosted: Hosted) -> None:
    """Front ends without provisioners run the kernelspec's command."""
    shell = hosted.shell
    shell.yarnkernel(
        "kernelspec", "add", "--name", "by-argv", *hosted.options, "--argv", "--replace",
        "--env", "WORD=a word",
    ).ok()  # fmt: skip
    script = shell.directory / "cell.py"
    script.write_text("import os; print(os.environ['WORD'])\n")
    done = shell.run(BIN / "jupyter", "run", "--kernel", "by-argv", script).ok()
    assert "a word" in done.out
    assert os.environ.get("WORD") is None


@SSH
@pytest.mark.usefixtures("kernel")
def test_what_travels_is_kept(hosted: Hosted, request: pytest.FixtureRequest) -> None:
    """The recipe is there once, by its content, whoever has brought it."""
    cache = Path(hosted.shell.environment["XDG_CACHE_HOME"])
    if "--host" in hosted.options:
        host: SshHost = request.getfixturevalue(hosted.options[hosted.options.index("--host") + 1])
        cache = host.home / ".cache"
    found = {path: path.stat().st_mtime for path in cache.glob("yarnkernel/recipe-*")}
    another = hosted.start()
    assert found == {path: path.stat().st_mtime for path in cache.glob("yarnkernel/recipe-*")}
    assert found
    hosted.shell.yarnkernel("stop", another).ok()
