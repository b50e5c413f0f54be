"""The main road: a kernel in a container, connected from here."""

from __future__ import annotations

import json
import shlex
import stat
import time
from typing import TYPE_CHECKING, Any

import pexpect
import psutil
import pytest

from tests.conftest import BIN, REPOSITORY, Shell
from tests.support.kernels import RECIPE, Kernel, final_status, write_spec
from yarnkernel.container.supervisor import STOPPED

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SPECS = REPOSITORY / "specs"
LAYOUTS = ("ipython.yaml", "ipython-service.yaml")


@pytest.mark.way("skein")
@pytest.mark.parametrize("spec", LAYOUTS)
def test_stock_skein_submits_and_we_connect(
    shell: Shell, stock: Shell, spec: str, stop_later: Callable[[str], str]
) -> None:
    app_id = stop_later(stock.run("skein", "application", "submit", SPECS / spec).ok().out)
    info = shell.yarnkernel("connect", app_id).ok().document
    # skein's page, which its ApplicationMaster serves on Java 17 too.
    status = shell.yarnkernel("status", app_id, "--json").ok().document
    page = f"{status['details']['web_page']}kv?user.name={status['user']}"
    cookies = ("-c", "cookies", "-b", "cookies")
    assert "ipython.kernel.info" in shell.run("curl", "-fsSL", *cookies, "-m", "20", page).ok().out
    key = "ipython.kernel.info"
    assert stock.run("skein", "kv", "get", app_id, "--key", key, "--wait").ok().document == info
    with Kernel(info) as kernel:
        assert kernel.run("print(6 * 7)") == "42\n"
        kernel.shut_down()
    assert final_status(shell, app_id) == "SUCCEEDED"


@pytest.mark.both_ways
def test_we_start(shell: Shell, tmp_path: Path, stop_later: Callable[[str], str]) -> None:
    """Also where the environment has proxies: they are not asked, neither here nor there."""
    proxy = "http://127.0.0.1:9"
    behind = shell.using(http_proxy=proxy, https_proxy=proxy, grpc_proxy=proxy)
    app_id, info = start(behind, tmp_path, "ipython.yaml", "--env", f"http_proxy={proxy}")
    stop_later(app_id)
    with Kernel(info) as kernel:
        assert kernel.run("6 * 7") == "42"
        request = kernel.client.execute("2")
        kernel.client.get_shell_msg(timeout=60)
        behind.yarnkernel("stop", app_id).ok()
        # Below the last cell, of who has not stopped it.
        assert kernel.next_message("stream", request)["content"]["text"] == STOPPED
    assert final_status(behind, app_id) == "SUCCEEDED"


def test_we_start_a_service(shell: Shell, tmp_path: Path, stop_later: Callable[[str], str]) -> None:
    """Which there is but one way for."""
    app_id, info = start(shell, tmp_path, "ipython-service.yaml")
    stop_later(app_id)
    with Kernel(info) as kernel:
        assert kernel.run("6 * 7") == "42"
    shell.yarnkernel("stop", app_id).ok()
    assert final_status(shell, app_id) == "SUCCEEDED"


def start(shell: Shell, directory: Path, spec: str, *options: str) -> tuple[str, dict[str, Any]]:
    """Start a kernel with a connection file at a place of the user's."""
    target = directory / "a 'kernel' file.json"
    result = shell.yarnkernel("start", SPECS / spec, "-f", target, "--json", *options).ok()
    app_id = result.document["id"]
    assert result.document["connection_file"] == str(target)
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert [path.name for path in directory.iterdir()] == [target.name]
    for state in ("submitted to queue default", "ACCEPTED", "RUNNING on", "kernel is ready"):
        assert state in result.err
    steps = {one["step"]: one for one in result.document["progress"]}
    assert steps["submitted"]["kernel"] == app_id
    assert 0 < steps["submitted"]["seconds"] <= steps["running"]["seconds"]
    return app_id, json.loads(target.read_text())


def test_specification_of_another_kernel(shell: Shell, stop_later: Callable[[str], str]) -> None:
    app_id = stop_later(shell.yarnkernel("start", SPECS / "bash.yaml").ok().out)
    with Kernel(shell.yarnkernel("connect", app_id).ok().document) as kernel:
        assert kernel.run("echo $((6 * 7))") == "42\n"


def test_console_exit_ends_the_application(shell: Shell, stop_later: Callable[[str], str]) -> None:
    app_id = stop_later(shell.yarnkernel("start").ok().out)
    # In Jupyter's runtime directory, where its commands look for a bare name.
    console = pexpect.spawn(
        "jupyter",
        ["console", "--existing", f"kernel-{app_id}.json"],
        env={**shell.environment, "TERM": "dumb"},
        encoding="utf-8",
        timeout=60,
    )
    console.expect_exact("In [1]: ")
    console.sendline("print('the answer is', 6 * 7)")
    console.expect_exact("the answer is 42")
    console.expect_exact("In [2]: ")
    console.sendline("exit")
    console.expect(pexpect.EOF)
    console.close()
    assert final_status(shell, app_id) == "SUCCEEDED"


def connect_to_a_redirected_file(shell: Shell, app_id: str, target: Path) -> dict[str, Any]:
    """The file is hidden, and the key stands nowhere else."""
    command = f"umask 022; yarnkernel connect {app_id} > '{target}'"
    shell.run("sh", "-c", command).ok()
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    info: dict[str, Any] = json.loads(target.read_text())
    page = shell.yarnkernel("status", app_id, "--json").ok().document["details"]["web_page"]
    shown = shell.run("curl", "-sSL", "--max-time", "20", f"{page}kv").out
    assert info["key"] not in shown
    assert info["key"] not in shell.yarnkernel("logs", app_id, "--all").ok().out
    assert not [
        p for p in psutil.process_iter(["cmdline"]) if info["key"] in str(p.info["cmdline"])
    ]
    return info


def test_file_that_is_open_elsewhere(
    shell: Shell, stop_later: Callable[[str], str], tmp_path: Path
) -> None:
    """Whoever opened the file behind `connect >` before it was hidden gets no key."""
    app_id = stop_later(shell.yarnkernel("start").ok().out)
    file = tmp_path / "kernel.json"
    file.touch(0o644)
    connect = f"exec {shlex.quote(str(BIN / 'yarnkernel'))} connect {app_id} > kernel.json"
    with file.open() as stranger:
        refused = shell.run("sh", "-c", connect, cwd=tmp_path)
        assert "is open elsewhere" in refused.error(2)
        assert stranger.read() == ""
    shell.run("sh", "-c", connect, cwd=tmp_path).ok()
    assert file.stat().st_mode & 0o777 == 0o600
    assert json.loads(file.read_text())["key"]


#: Options of `submit` for which the specification says something else.
OVERRIDES = (
    *("--queue", "small", "--memory", "512 MiB", "--vcores", "1", "--name", "mine"),
    *("--env", "GREETING=hello world", "--env", "EMPTY="),
)


def overrides_reach_the_container(shell: Shell, app_id: str, kernel: Kernel) -> None:
    (listed,) = shell.yarnkernel("list", "--json").ok().document
    assert (listed["id"], listed["name"]) == (app_id, "mine")
    assert listed["queue"].endswith("small")
    # 512 MiB for the kernel and 300 for the ApplicationMaster, in YARN's steps of 64.
    assert listed["resources"]["memory"] == 832 << 20
    code = "import os; print(os.environ['GREETING'], repr(os.environ['EMPTY']))"
    assert kernel.run(code) == "hello world ''\n"
    assert app_id in shell.yarnkernel("list").ok().out


def container_is_the_kernels_home(kernel: Kernel) -> None:
    code = "import os, sys, json; print(json.dumps([dict(os.environ), os.getcwd(), sys.prefix]))"
    environment, directory, prefix = json.loads(kernel.run(code))
    assert environment["CONTAINER_ID"] in directory
    for name in ("HOME", "IPYTHONDIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_DATA_DIR"):
        assert environment[name].startswith(directory)
    assert "JDK_JAVA_OPTIONS" not in environment
    assert prefix == str(BIN.parent)
    kernel.run("open(os.path.expanduser('~/mine'), 'w').close()")


def token_of_the_application_master_is_not_the_kernels(kernel: Kernel) -> None:
    """Spark would give it to its executors; skein filters for services alone."""
    code = (
        "import os; path = os.environ.get('HADOOP_TOKEN_FILE_LOCATION', os.devnull)\n"
        "b'YARN_AM_RM_TOKEN' in open(path, 'rb').read()"
    )
    assert kernel.run(code) == "False"


@pytest.mark.both_ways
def test_status_and_logs_of_a_running_and_a_finished_kernel(
    shell: Shell, stop_later: Callable[[str], str], via: str, tmp_path: Path
) -> None:
    app_id = stop_later(shell.yarnkernel("submit", *OVERRIDES).ok().out)
    info = connect_to_a_redirected_file(shell, app_id, tmp_path / "kernel.json")
    assert "RUNNING" in shell.yarnkernel("status", app_id).ok().out
    with Kernel(info) as kernel:
        overrides_reach_the_container(shell, app_id, kernel)
        container_is_the_kernels_home(kernel)
        token_of_the_application_master_is_not_the_kernels(kernel)
        kernel.run("import os; os.system('echo a line for the log')")
        assert "a line for the log" in shell.yarnkernel("logs", app_id).ok().out
        kernel.shut_down()
    assert final_status(shell, app_id) == "SUCCEEDED"
    kernel_log = shell.yarnkernel("logs", app_id).ok().out
    assert "a line for the log" in kernel_log
    assert "skein.ApplicationMaster" not in kernel_log
    files = shell.yarnkernel("logs", app_id, "--all", "--json").ok().document
    names = {"application.driver.log", *(["application.master.log"] if via == "skein" else [])}
    assert names <= {f["name"] for f in files}
    status = shell.yarnkernel("status", app_id).ok().out
    assert "FINISHED SUCCEEDED" in status
    assert app_id not in shell.yarnkernel("list").ok().out
    assert app_id in shell.yarnkernel("list", "--all").ok().out
    assert "had ended already" in shell.yarnkernel("stop", app_id).ok().err
    for verb in ("interrupt", "restart"):
        error = shell.yarnkernel(verb, app_id).error(1)
        assert f"{app_id} has ended: FINISHED SUCCEEDED; there is no kernel" in error


def test_script_has_the_stock_flag_for_the_key(
    shell: Shell, tmp_path: Path, stop_later: Callable[[str], str]
) -> None:
    script = f"{RECIPE} --kernel-info-key my.key --matplotlib=inline"
    spec = write_spec(tmp_path, script)
    app_id = stop_later(shell.yarnkernel("start", spec, "--kernel-info-key", "my.key").ok().out)
    with Kernel(
        shell.yarnkernel("connect", app_id, "--kernel-info-key", "my.key").ok().document
    ) as k:
        assert k.run("6 * 7") == "42"


@pytest.mark.way("skein")
@pytest.mark.parametrize("own", [True, False])
def test_global_driver_is_used_when_there_is_one(
    shell: Shell,
    private_shell: Shell,
    tmp_path: Path,
    own: bool,  # noqa: FBT001
) -> None:
    """That the ResourceManager refuses the application tells that there was a driver to ask it."""
    command = ("yarnkernel", "submit", write_spec(tmp_path, "exit 0"), "--queue", "nowhere")
    process = (private_shell if own else shell).start(*command)
    started = set()
    while process.poll() is None:
        for child in psutil.process_iter():
            if _parent(child) == process.pid and "skein.Driver" in _command(child):
                started.add(child.pid)
        time.sleep(0.2)  # less than a JVM takes to start
    _, err = process.communicate()
    assert process.returncode == 1
    assert "nowhere" in err
    assert len(started) == own
    assert not [pid for pid in started if psutil.pid_exists(pid)]


def _parent(process: psutil.Process) -> int | None:
    try:
        return process.ppid()
    except psutil.Error:
        return None


def _command(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def test_demo(user_shell: Shell) -> None:
    result = user_shell.yarnkernel("demo", "--json").ok()
    assert result.document["output"][-1] == "Out:  42"
    assert list(result.document["seconds"].values()) == sorted(result.document["seconds"].values())
    assert "FINISHED SUCCEEDED" in result.err
    names = [c["name"] for c in user_shell.yarnkernel("cluster", "status", "--json").document]
    assert not [name for name in names if name.startswith("demo")]
