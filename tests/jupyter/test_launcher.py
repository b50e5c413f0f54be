"""Front ends that run a kernelspec's command and choose ports and key themselves: VS Code's way."""

from __future__ import annotations

import hashlib
import json
import signal
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import KernelManager

from tests.conftest import Shell, wait_for
from tests.support.kernels import RECIPE, ended, write_spec
from tests.support.recorder import Recorder, needs_recorder
from tests.support.vs_code import FrontEnd, answers, connection_info
from yarnkernel.connection import PORT_NAMES

if TYPE_CHECKING:
    from collections.abc import Iterator

LAUNCHER = (sys.executable, "-m", "yarnkernel.jupyter.launcher")
CONNECTION_FILE = "{connection_file}"
#: What a NodeManager and the shell of a container would change.
NASTY = 'it\'s "$HOME" `id` \\n {{PATH}}<CPS>\n ü'


def add_kernelspec(shell: Shell, name: str, *options: str | Path) -> dict[str, Any]:
    """Install a kernelspec and return its kernel.json."""
    added = shell.yarnkernel(
        "kernelspec", "add", *options, "--name", name, "--argv", "--json", "--replace"
    )
    path = Path(added.ok().document["directory"], "kernel.json")
    content: dict[str, Any] = json.loads(path.read_text())
    return content


def unfinished(shell: Shell) -> list[str]:
    return [app["id"] for app in shell.yarnkernel("list", "--json").ok().document]


def await_gone(shell: Shell, app_id: str, timeout: float) -> dict[str, Any]:
    gone: dict[str, Any] = wait_for(lambda: ended(shell, app_id), timeout, f"{app_id} has ended")
    return gone


def test_vs_code(shell: Shell, tmp_path: Path) -> None:
    content = add_kernelspec(shell, "vs-code")
    assert "kernel_provisioner" not in content["metadata"]
    assert sum(CONNECTION_FILE in part for part in content["argv"]) == 1
    travelling = {"KERNEL_USERNAME": NASTY, "JPY_SESSION_NAME": f"/home/{NASTY}.ipynb"}
    with FrontEnd(shell.using(**travelling), tmp_path, content["argv"]) as front:
        front.await_ports()
        # Not before the kernel is ready: it answers at once.
        assert "kernel is ready" in front.err
        front.await_kernel()
        app_id = front.app_id
        assert front.run("6 * 7") == "42"
        # The notebook's directory, which this node has.
        assert front.run("import os; print(os.getcwd())") == f"{tmp_path}\n"

        names = list(travelling)
        code = f"import json; print(json.dumps([os.environ[name] for name in {names}]))"
        assert json.loads(front.run(code)) == list(travelling.values())

        def send_signals() -> None:
            for _ in range(2):
                front.send_signal(signal.SIGINT)

        for interrupt in (
            send_signals,
            lambda: front.send("control", "interrupt_request", {}),
        ):
            # A second interrupt would strike in the handler of the first one.
            request = front.execute(
                "import time\n"
                "print('begun', flush=True)\n"
                "try:\n    time.sleep(60)\n"
                "except KeyboardInterrupt:\n    print('once'); time.sleep(1.5); print('done')"
            )
            front.await_output("begun")
            interrupt()
            assert front.output(request) == "once\ndone\n"
            assert front.reply("shell", request)["status"] == "ok"

        request = front.execute(
            "import os\ntext = os.urandom(25 << 20).hex()\ndisplay({'text/plain': text}, raw=True)"
        )
        text = front.output(request, timeout=60)
        assert len(text) == 50 << 20
        code = "import hashlib; print(hashlib.sha256(text.encode()).hexdigest())"
        assert front.run(code) == f"{hashlib.sha256(text.encode()).hexdigest()}\n"

        front.send_signal(signal.SIGTERM)
        assert front.end(timeout=10) == 128 + signal.SIGTERM
        assert await_gone(shell, app_id, 5)["final_status"] == "SUCCEEDED"
        assert front.file.read_text() == front.text
        assert not answers(front.info["shell_port"])
        assert front.out == []
        assert "Traceback" not in front.err


@needs_recorder
def test_launcher_encrypts(shell: Shell, tmp_path: Path) -> None:
    """What it says with the kernel; the front end's own side is on the front end's machine."""
    words = "correct horse staple"
    with FrontEnd(shell, tmp_path, [*LAUNCHER, CONNECTION_FILE]) as front:
        with Recorder() as recorder:
            front.await_kernel()
            assert front.run("print('correct ' + 'horse staple')") == f"{words}\n"
        info = shell.yarnkernel("connect", "--encrypt", front.app_id).ok().document
    ports = [info[name] for name in PORT_NAMES]
    assert "curve_publickey" in info
    assert len(recorder.heard(ports)) > 1000
    assert not recorder.hears(words, ports)
    assert recorder.hears(words, [front.info["iopub_port"]])


def test_exit_code(shell: Shell, tmp_path: Path) -> None:
    with FrontEnd(shell, tmp_path, [*LAUNCHER, CONNECTION_FILE]) as front:
        front.await_kernel()
        front.execute("import os; os._exit(7)")
        assert front.end(timeout=20) == 7
        assert "The kernel ended with exit code 7" in front.err
        assert await_gone(shell, front.app_id, 5)["final_status"] == "FAILED"


def test_other_kernel(shell: Shell, tmp_path: Path) -> None:
    """bash_kernel: without interrupt_request, and with braces that are not the front end's."""
    content = add_kernelspec(
        shell,
        "bash",
        *("--kernel-cmd", "python -m bash_kernel -f {connection_file}", "--language", "bash"),
        *("--precmd", "resource_dir=mine; export GREETING=${resource_dir}{=x}"),
    )
    assert content["interrupt_mode"] == "signal"
    with FrontEnd(shell, tmp_path, content["argv"]) as front:
        front.await_kernel()
        assert front.run("echo $GREETING") == "mine{=x}\n"
        request = front.execute("echo begun; sleep 60; echo slept")
        front.await_output("begun")
        front.send_signal(signal.SIGINT)
        assert "slept" not in front.output(request)
        assert front.run("echo goes on") == "goes on\n"
        front.execute("kill -9 $PPID")
        assert front.end(timeout=20) == 128 + signal.SIGKILL
        assert "was ended by signal 9" in front.err
        await_gone(shell, front.app_id, 5)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"key": ""}, "the kernel has no key"),
        ({"transport": "ipc", "ip": "/run/kernel"}, "transport is 'ipc', not 'tcp'"),
        ({"ip": "192.0.2.1"}, "listens on loopback addresses alone"),
        ({"ip": "*"}, "'*', which is no host"),
        ({"hb_port": 0}, "hb_port 0, not a TCP port"),
    ],
)
def test_connection_file_that_cannot_be_used(
    user_shell: Shell, tmp_path: Path, changes: dict[str, Any], reason: str
) -> None:
    with FrontEnd(
        user_shell, tmp_path, [*LAUNCHER, CONNECTION_FILE], connection_info(**changes)
    ) as front:
        error = front.error(2)
    assert reason in error
    assert str(front.file) in error
    assert len(error.splitlines()) == 1


def test_no_connection_file(user_shell: Shell) -> None:
    error = user_shell.run(*LAUNCHER, "/no/such.json").error(2)
    assert "/no/such.json: No such file" in error
    result = user_shell.run(*LAUNCHER)
    assert (result.code, len(result.err.splitlines())) == (2, 1)


def test_port_that_is_taken(user_shell: Shell, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        info = connection_info(stdin_port=server.getsockname()[1])
        with FrontEnd(user_shell, tmp_path, [*LAUNCHER, CONNECTION_FILE], info) as front:
            error = front.error(2)
    assert f"127.0.0.1:{info['stdin_port']}, the stdin_port" in error
    assert "Address already in use" in error


def test_port_that_is_taken_during_the_start(shell: Shell, tmp_path: Path) -> None:
    """Others may still bind the port, as ZeroMQ does; who listens first has it."""
    with FrontEnd(shell, tmp_path, [*LAUNCHER, CONNECTION_FILE]) as front:
        front.await_line("submitted")
        with socket.create_server(("127.0.0.1", front.info["shell_port"])):
            assert "Address already in use" in front.error(2)
        await_gone(shell, front.app_id, 5)


@pytest.mark.parametrize(
    ("arguments", "code", "reason"),
    [
        (("--queue", "nosuch"), 1, "there is no queue 'nosuch'; queues of this cluster: default"),
        (("--spec", "gone.yaml"), 2, "cannot read the specification gone.yaml"),
        (("--environment", "/no/such"), 2, "/no/such"),
        (("--memory", "lots"), 2, "--memory 'lots'"),
        (("--kernel-cmd", "R --slave"), 2, "has no {connection_file} in it"),
        (("--workdir", "/no/such"), 1, "there is no directory /no/such"),
    ],
)
def test_start_that_cannot_succeed(
    shell: Shell, tmp_path: Path, arguments: tuple[str, ...], code: int, reason: str
) -> None:
    with FrontEnd(shell, tmp_path, [*LAUNCHER, *arguments, CONNECTION_FILE]) as front:
        assert reason in front.error(code)
    if front.app_id:
        await_gone(shell, front.app_id, 5)


@pytest.mark.parametrize(
    ("variables", "code", "reason"),
    [
        ({"KERNEL_YARN_QUEUE": "nosuch"}, 1, "there is no queue 'nosuch'"),
        (
            {"KERNEL_YARN_VCORES": "many"},
            2,
            "KERNEL_YARN_VCORES, the option 'vcores': 'many' is not a whole",
        ),
        ({"KERNEL_YARN_NOSUCH": "1"}, 2, "is no setting of a kernel; there are KERNEL_YARN_GPUS"),
    ],
)
def test_settings_of_one_launch(
    shell: Shell, tmp_path: Path, variables: dict[str, str], code: int, reason: str
) -> None:
    with FrontEnd(shell.using(**variables), tmp_path, [*LAUNCHER, CONNECTION_FILE]) as front:
        assert reason in front.error(code)


def test_cluster_that_is_down(user_shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "yarn-site.xml").write_text(
        "<configuration><property><name>yarn.resourcemanager.address</name>"
        "<value>localhost:1</value></property></configuration>"
    )
    shell = user_shell.using(HADOOP_CONF_DIR=str(tmp_path))
    with FrontEnd(shell, tmp_path, [*LAUNCHER, CONNECTION_FILE]) as front:
        assert "localhost:1: Connection refused; is it running?" in front.error(1)
    shell = user_shell.using(HOME=str(tmp_path))
    with FrontEnd(shell, tmp_path, [*LAUNCHER, CONNECTION_FILE]) as front:
        assert "yarnkernel cluster start" in front.error(1)


#: More than the queue "small" has: the application waits.
TOO_BIG = ("--queue", "small", "--memory", "1500 MiB")


def test_queue_that_is_full(shell: Shell, tmp_path: Path) -> None:
    argv = [*LAUNCHER, *TOO_BIG, "--timeout", "4", CONNECTION_FILE]
    with FrontEnd(shell, tmp_path, argv) as front:
        error = front.error(3)
        assert "still ACCEPTED (queue root.small)" in error
        assert "next: " in error
        assert await_gone(shell, front.app_id, 5)["state"] == "KILLED"


@pytest.fixture
def endless(tmp_path: Path) -> Path:
    """The specification of an application that never has a kernel."""
    return write_spec(tmp_path, "exec sleep 600")


@pytest.mark.parametrize("line", ["cluster: ", "ACCEPTED", "RUNNING"])
def test_sigterm_during_the_start(
    private_shell: Shell, tmp_path: Path, endless: Path, line: str
) -> None:
    options = TOO_BIG if line == "ACCEPTED" else ()
    argv = [*LAUNCHER, "--spec", str(endless), *options, CONNECTION_FILE]
    with FrontEnd(private_shell, tmp_path, argv) as front:
        front.await_line(line)
        front.send_signal(signal.SIGTERM)
        assert front.end(timeout=20) == 128 + signal.SIGTERM
        assert "Traceback" not in front.err
    assert unfinished(private_shell) == []


def test_launcher_that_is_killed(shell: Shell, tmp_path: Path) -> None:
    """The application ends by itself; its specification says when."""
    spec = write_spec(tmp_path, f"{RECIPE} --orphan-timeout 2")
    with FrontEnd(shell, tmp_path, [*LAUNCHER, "--spec", str(spec), CONNECTION_FILE]) as front:
        front.await_kernel()
        front.process.kill()
        gone = await_gone(shell, front.app_id, 20)
        assert "no client was connected for 2 s (--orphan-timeout)" in gone["reason"]


#: Starts a process and hands on what it says.
PARENT = """
import subprocess, sys
process = subprocess.Popen(sys.argv[1:], stderr=subprocess.PIPE, text=True)
for line in process.stderr:
    print(line, end="", file=sys.stderr, flush=True)
"""


@pytest.mark.parametrize(
    ("options", "line"), [(TOO_BIG, "ACCEPTED"), ((), "kernel is ready")], ids=["start", "ready"]
)
def test_front_end_that_is_killed(
    shell: Shell, tmp_path: Path, options: tuple[str, ...], line: str
) -> None:
    argv = [sys.executable, "-c", PARENT, *LAUNCHER, *options, CONNECTION_FILE]
    with FrontEnd(shell, tmp_path, argv) as front:
        front.await_line(line)
        (launcher,) = psutil.Process(front.process.pid).children()
        front.process.kill()
        await_gone(shell, front.app_id, 10)
        launcher.wait(10)


@pytest.fixture
def manager(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[KernelManager]:
    """jupyter_client's own, with a kernelspec that has no provisioner."""
    content = add_kernelspec(shell, "argv", "--prefix", tmp_path)
    assert content["argv"][0] == sys.executable
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path))
    specs = KernelSpecManager(kernel_dirs=[str(tmp_path / "share/jupyter/kernels")])
    manager = KernelManager(kernel_name="argv", kernel_spec_manager=specs)
    yield manager
    if manager.has_kernel:
        manager.shutdown_kernel(now=True)
    manager.context.destroy(linger=0)


def test_jupyter_client(shell: Shell, tmp_path: Path, manager: KernelManager) -> None:
    """A restart is another launcher, with the same ports and key."""
    with (tmp_path / "stderr").open("w") as stderr:
        manager.start_kernel(env=shell.environment, stderr=stderr)
        info = dict(manager.get_connection_info())
        client = manager.client()
        client.start_channels()
        client.wait_for_ready(timeout=60)
        assert client.execute_interactive("x = 1", timeout=20)["content"]["status"] == "ok"
        manager.restart_kernel()
        client.wait_for_ready(timeout=60)
        assert client.execute_interactive("x", timeout=20)["content"]["ename"] == "NameError"
        assert dict(manager.get_connection_info()) == info
        client.execute("import time; print('begun', flush=True); time.sleep(60)")
        while client.get_iopub_msg(timeout=20)["msg_type"] != "stream":
            pass
        manager.interrupt_kernel()
        while (reply := client.get_shell_msg(timeout=20))["msg_type"] != "execute_reply":
            pass  # wait_for_ready leaves replies behind
        assert reply["content"]["ename"] == "KeyboardInterrupt"
        client.stop_channels()
        manager.shutdown_kernel()
    wait_for(lambda: not unfinished(shell), 10, "all has ended")
    assert "Traceback" not in (tmp_path / "stderr").read_text()
