"""What the supervisor does for a kernel while it runs: restarts in place, other kernels, limits."""

from __future__ import annotations

import contextlib
import shutil
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from tests.conftest import Shell, wait_for
from tests.support.containers import one_of
from tests.support.kernels import RECIPE, Kernel, ended, final_status, start_kernel, write_spec
from tests.support.resource_manager import ask

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

#: More than the container has, and less than a machine has.
GREEDY = "import time; kept = bytearray(900 << 20); time.sleep(100)"


def kernel_status(shell: Shell, app_id: str) -> dict[str, Any]:
    document = shell.yarnkernel("status", app_id, "--json").ok().document
    kernel: dict[str, Any] = document["kernel"]
    return kernel


def await_restarts(shell: Shell, app_id: str, restarts: int) -> dict[str, Any]:
    def restarted() -> dict[str, Any] | None:
        kernel = kernel_status(shell, app_id)
        return kernel if kernel["restarts"] == restarts else None

    kernel: dict[str, Any] = wait_for(restarted, 20, f"{restarts} restarts")
    return kernel


def ended_diagnostics(shell: Shell, app_id: str, timeout: float = 30) -> tuple[str, str]:
    status = wait_for(lambda: ended(shell, app_id), timeout, f"{app_id} has ended")
    assert status["state"] == "FINISHED", status
    return status["final_status"], status["reason"]


def test_restart_in_place(shell: Shell, stop_later: Callable[[str], str]) -> None:
    """One client, never reconnected, through every way in which a kernel is restarted."""
    app_id = stop_later(shell.yarnkernel("start").ok().out)
    info = shell.yarnkernel("connect", app_id).ok().document
    ways: dict[str, Callable[[Any], object]] = {
        "was asked to restart": lambda _: shell.yarnkernel("restart", app_id).ok(),
        "was asked to restart by a client": lambda client: client.shutdown(restart=True),
        "ended with exit code 7": lambda client: client.execute("import os; os._exit(7)"),
        "was ended by signal 11 (SIGSEGV)": lambda client: client.execute(
            "import os; os.kill(os.getpid(), 11)"
        ),
    }
    with Kernel(info) as kernel:
        for restarts, (reason, restart) in enumerate(ways.items(), start=1):
            kernel.run("x = 1")
            pid = kernel.run("import os; os.getpid()")
            restart(kernel.client)
            found = await_restarts(shell, app_id, restarts)
            assert found["last_end"] == reason
            kernel.wait()
            assert kernel.run("'x' in globals()") == "False"
            assert kernel.run("import os; os.getpid()") == str(found["pid"]) != pid
    assert shell.yarnkernel("connect", app_id).ok().document == info


def test_out_of_memory(shell: Shell, tmp_path: Path, stop_later: Callable[[str], str]) -> None:
    """The kernel is ended alone, with the figures, and its container goes on."""
    app_id, info = start_kernel(shell, write_spec(tmp_path, RECIPE))
    stop_later(app_id)
    with Kernel(info) as kernel:
        kernel.client.execute(GREEDY)
        found = await_restarts(shell, app_id, 1)
        assert "was ended because its container used" in found["last_end"]
        assert "of 512 MiB (--memory-guard); next: more --memory" in found["last_end"]
        kernel.wait()
        assert kernel.run("6 * 7") == "42"
        out_of_memory_of_a_child(shell, app_id, kernel)
    assert shell.yarnkernel("status", app_id, "--json").document["state"] == "RUNNING"


def out_of_memory_of_a_child(shell: Shell, app_id: str, kernel: Kernel) -> None:
    """What the kernel's children use counts, as it does for YARN."""
    code = "import time; kept = bytearray(400 << 20); time.sleep(100)"
    kernel.client.execute(f"import subprocess; subprocess.run(['python', '-c', '{code}'])")
    assert "--memory-guard" in await_restarts(shell, app_id, 2)["last_end"]


def test_children_with_a_session_of_their_own(
    shell: Shell, tmp_path: Path, stop_later: Callable[[str], str]
) -> None:
    """They outlive an interrupt, as in a terminal, and neither a restart nor the kernel's end.

    Neither do those whose parent has ended, and who have thrown their environment away.
    """
    app_id, info = start_kernel(shell, write_spec(tmp_path, RECIPE))
    stop_later(app_id)
    code = (
        "import subprocess\n"
        "one = subprocess.Popen(['sleep', '999'], start_new_session=True)\n"
        "leave = 'sleep 999 >&- 2>&- & echo $!'\n"
        "told = subprocess.run(['setsid', 'env', '-i', 'sh', '-c', leave],\n"
        "                      capture_output=True, text=True).stdout\n"
        "print(one.pid, told)"
    )
    with Kernel(info) as kernel:
        for end in ("restart", "stop"):
            children = [psutil.Process(int(pid)) for pid in kernel.run(code).split()]
            kernel.client.execute("import time; time.sleep(99)")
            wait_for(lambda: kernel_status(shell, app_id)["state"] == "busy", 10, "it is busy")
            shell.yarnkernel("interrupt", app_id).ok()
            assert len(children) == 2
            assert all(child.is_running() for child in children)
            shell.yarnkernel(end, app_id).ok()
            _, left = psutil.wait_procs(children, timeout=10)
            assert left == []
            if end == "restart":
                kernel.wait()


def test_home_of_the_users_choice(
    shell: Shell, tmp_path: Path, stop_later: Callable[[str], str]
) -> None:
    """YARN has another one, which nobody can write to."""
    names = ("HOME", "IPYTHONDIR", "JUPYTER_DATA_DIR")
    code = f"import os; print(*(os.environ[name] for name in {names}))"
    home, data = str(tmp_path / "me"), str(tmp_path / "data")
    start = ("start", "--env", f"HOME={home}", "--env", f"JUPYTER_DATA_DIR={data}")
    app_id = stop_later(shell.yarnkernel(*start).ok().out)
    with Kernel(shell.yarnkernel("connect", app_id).ok().document) as kernel:
        assert kernel.run(code) == f"{home} {home}/.ipython {data}\n"


def test_memory_guard_can_be_left_to_yarn(shell: Shell, tmp_path: Path) -> None:
    """YARN ends the whole container, and who was faster says so: it, or skein's AM."""
    app_id, info = start_kernel(shell, write_spec(tmp_path, f"{RECIPE} --memory-guard 0"))
    with Kernel(info) as kernel:
        kernel.client.execute(GREEDY)

        def failed() -> str | None:
            status = shell.yarnkernel("status", app_id, "--json").ok().document
            return str(status["reason"]) if status["final_status"] == "FAILED" else None

        assert "memory limit" in wait_for(failed, 40, "killed by YARN")


def test_other_kernel(shell: Shell, tmp_path: Path, stop_later: Callable[[str], str]) -> None:
    """bash_kernel, with a shell's lines before it that are run again at a restart."""
    command = "python -m bash_kernel -f {connection_file}"
    before = "export GREETING=hello$((RANDOM * 0))\ncd /tmp"
    script = f"{RECIPE} -v --pre-command '{before}' -- {command}"
    app_id, info = start_kernel(shell, write_spec(tmp_path, script))
    stop_later(app_id)
    with Kernel(info) as kernel:
        assert kernel.run("echo $GREETING from bash in $PWD") == "hello0 from bash in /tmp\n"
        shell.yarnkernel("restart", app_id).ok()
        kernel.wait()
        assert kernel.run("echo $GREETING again") == "hello0 again\n"
        kernel.client.execute("sleep 100")
        wait_for(lambda: kernel_status(shell, app_id)["state"] == "busy", 10, "it is busy")
        assert "was interrupted" in shell.yarnkernel("interrupt", app_id).ok().err
        assert kernel.run("echo done") == "done\n"
    log = shell.yarnkernel("logs", app_id).ok().out
    assert f"starting {command} on 127.0.0.1" in log
    assert info["key"] not in log


@pytest.mark.skipif(shutil.which("R") is None, reason="needs R with IRkernel (r-cran-irkernel)")
def test_kernel_of_r(shell: Shell, tmp_path: Path, stop_later: Callable[[str], str]) -> None:
    script = f"{RECIPE} -- R --slave -e 'IRkernel::main()' --args {{connection_file}}"
    app_id, info = start_kernel(shell, write_spec(tmp_path, script))
    stop_later(app_id)
    with Kernel(info) as kernel:
        assert "42" in kernel.run("x <- 6; cat(x * 7)")
        shell.yarnkernel("restart", app_id).ok()
        kernel.wait()
        assert "FALSE" in kernel.run("exists('x')")
        kernel.client.execute("Sys.sleep(100)")
        wait_for(lambda: kernel_status(shell, app_id)["state"] == "busy", 10, "it is busy")
        assert "was interrupted" in shell.yarnkernel("interrupt", app_id).ok().err
        assert "42" in kernel.run("cat(6 * 7)")


def test_ports_that_are_taken(
    shell: Shell, tmp_path: Path, stop_later: Callable[[str], str]
) -> None:
    """Another process takes a port that was picked; the first kernel finds it so and ends."""
    thief = tmp_path / "kernel.py"
    thief.write_text(
        f"""\
import json, os, pathlib, socket, subprocess, sys
path, seen = sys.argv[1], pathlib.Path({str(tmp_path / "stolen")!r})
if not seen.exists():
    port = json.load(open(path))["shell_port"]
    seen.write_text(str(port))
    code = (f"import os, socket, time; s = socket.socket(); s.bind(('127.0.0.1', {{port}}));"
            " s.listen(); print(os.getpid(), flush=True); time.sleep(150)")
    shell = subprocess.Popen(["sh", "-c", '"$@" &', "sh", sys.executable, "-c", code],
                             stdout=subprocess.PIPE, start_new_session=True)
    pathlib.Path({str(tmp_path / "pid")!r}).write_bytes(shell.stdout.readline())
    shell.wait()
os.execv(sys.executable, [sys.executable, "-m", "ipykernel_launcher", "-f", path])
"""
    )
    script = f"{RECIPE} -- python '{thief}' {{connection_file}}"
    app_id, info = start_kernel(shell, write_spec(tmp_path, script))
    stop_later(app_id)
    try:
        assert str(info["shell_port"]) != (tmp_path / "stolen").read_text()
        with Kernel(info) as kernel:
            assert kernel.run("6 * 7") == "42"
        assert "trying others" in shell.yarnkernel("logs", app_id).ok().out
    finally:
        with contextlib.suppress(psutil.NoSuchProcess):  # it ended with its kernel
            psutil.Process(int((tmp_path / "pid").read_text())).kill()


def test_directory_and_arguments(
    shell: Shell, tmp_path: Path, stop_later: Callable[[str], str]
) -> None:
    script = f"{RECIPE} --directory '{tmp_path}' --IPKernelApp.exec_lines='answer = 42'"
    app_id, info = start_kernel(shell, write_spec(tmp_path, script))
    stop_later(app_id)
    with Kernel(info) as kernel:
        assert kernel.run("import os; print(os.getcwd(), answer)") == f"{tmp_path} 42\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("--directory /no/such", "The kernel cannot be started: there is no directory /no/such."),
        (
            "-- nosuchkernel {connection_file}",
            "The kernel cannot be started: there is no command 'nosuchkernel' on this host",
        ),
        ("--pre-command 'if then'", "syntax error near unexpected token `then'"),
        ("--pre-command 'exit 4'", "The kernel ended with exit code 4 before it could be used."),
        ("-- sleep {connection_file}", "invalid time interval"),
        ("-- python -m nosuchmodule {connection_file}", "No module named nosuchmodule"),
        (
            "--start-timeout 2 -- python -c 'import time; time.sleep(99)' {connection_file}",
            "The kernel cannot be used: it did not answer within 2 s",
        ),
        ("-- python -m bash_kernel", "the kernel's command has no {connection_file} in it"),
        ("--max-restarts -1", "argument --max-restarts: '-1' is not a whole number from 0 to"),
    ],
)
def test_kernels_that_cannot_start(
    shell: Shell, tmp_path: Path, arguments: str, words: str
) -> None:
    error = shell.yarnkernel("start", write_spec(tmp_path, f"{RECIPE} {arguments}")).error(1)
    assert words in error
    assert "application_" in error


def test_startup_file_with_a_syntax_error(
    shell: Shell, tmp_path: Path, stop_later: Callable[[str], str]
) -> None:
    """IPython tells of it and goes on; so do we, and the log has it."""
    (tmp_path / "startup.py").write_text("def broken(:\n")
    script = f"{RECIPE} --IPKernelApp.exec_files='{tmp_path}/startup.py'"
    app_id, info = start_kernel(shell, write_spec(tmp_path, script))
    stop_later(app_id)
    with Kernel(info) as kernel:
        assert kernel.run("6 * 7") == "42"
    assert "its start-up: SyntaxError: invalid syntax" in shell.yarnkernel("logs", app_id).ok().out


def test_environment_without_ipykernel(shell: Shell, tmp_path: Path) -> None:
    """An interpreter that finds our package and those that the recipe needs, but no ipykernel."""
    hide = "import sys; sys.modules['ipykernel_launcher'] = None"
    (tmp_path / "sitecustomize.py").write_text(hide)
    script = f"export PYTHONPATH='{tmp_path}'\n{RECIPE}"
    error = shell.yarnkernel("start", write_spec(tmp_path, script)).error(1)
    assert "The kernel ended with exit code 1 before it could be used." in error
    assert "ipykernel" in error
    assert "next: " in error


def test_orphan(shell: Shell, tmp_path: Path) -> None:
    app_id, _ = start_kernel(shell, write_spec(tmp_path, f"{RECIPE} --orphan-timeout 3"))
    outcome, diagnostics = ended_diagnostics(shell, app_id)
    assert outcome == "SUCCEEDED"
    assert diagnostics == (
        "The kernel was ended: nobody connected to it within 3 s (--orphan-timeout)."
    )


def test_idle(shell: Shell, tmp_path: Path) -> None:
    """A kernel that is busy is not idle, however long its cell takes."""
    app_id, info = start_kernel(shell, write_spec(tmp_path, f"{RECIPE} --idle-timeout 3"))
    with Kernel(info) as kernel:
        assert kernel.run("import time; time.sleep(6); 'still here'") == "'still here'"
        request = kernel.client.execute("2")
        told = kernel.next_message("stream", request)["content"]
        outcome, diagnostics = ended_diagnostics(shell, app_id)
    assert outcome == "SUCCEEDED"
    assert diagnostics == "The kernel was ended: nobody used it for 3 s (--idle-timeout)."
    # Below the last cell of who comes back after the weekend.
    assert told == {"name": "stderr", "text": f"{diagnostics} Its variables are gone.\n"}


def test_lifetime(shell: Shell, tmp_path: Path) -> None:
    app_id, info = start_kernel(shell, write_spec(tmp_path, f"{RECIPE} --max-lifetime 4"))
    with Kernel(info) as kernel:
        assert kernel.run("import time; time.sleep(6); 'still here'") == "'still here'"
    assert ended_diagnostics(shell, app_id) == (
        "SUCCEEDED",
        "The kernel was ended: it is 4 s old (--max-lifetime).",
    )


def test_kernel_dies_while_it_restarts(shell: Shell, tmp_path: Path) -> None:
    """A kernel that does not come up again ends its application, which says why."""
    script = f"touch alive\n{RECIPE} --pre-command 'test -e alive || exit 9'"
    app_id, info = start_kernel(shell, write_spec(tmp_path, script))
    with Kernel(info) as kernel:
        kernel.run("import os; os.remove('alive')")
    error = shell.yarnkernel("restart", app_id).error(1)
    assert f"{app_id} has ended: FINISHED FAILED" in error
    assert "The kernel ended with exit code 9 before it could be used." in error


def test_supervisor_that_is_told_to_end_while_the_kernel_starts(
    shell: Shell, tmp_path: Path
) -> None:
    command = f"-- python -c \"open('{tmp_path}/up', 'w'); import time; time.sleep(99)\""
    spec = write_spec(tmp_path, f"{RECIPE} {command} {{connection_file}}")
    app_id = shell.yarnkernel("submit", spec).ok().out.strip()
    wait_for((tmp_path / "up").exists, 20, "the kernel runs")

    def is_registered() -> bool:
        return bool(ask(shell, f"apps/{app_id}")["app"]["state"] == "RUNNING")

    wait_for(is_registered, 20, "YARN knows of the supervisor, and leaves the end to it")
    shell.yarnkernel("stop", app_id).ok()
    assert final_status(shell, app_id) == "SUCCEEDED"


def test_key_and_ports_are_nobodys_business(shell: Shell, stop_later: Callable[[str], str]) -> None:
    """The key is in no process' arguments; kernel and supervisor listen on its address alone."""
    app_id = stop_later(shell.yarnkernel("start").ok().out)
    info = shell.yarnkernel("connect", app_id).ok().document
    pid = kernel_status(shell, app_id)["pid"]
    for process in (psutil.Process(pid), *psutil.Process(pid).parents()):
        assert info["key"] not in " ".join(process.cmdline())
    for process in (psutil.Process(pid), one_of(app_id, "yarnkernel.recipe")):
        sockets = process.net_connections()
        assert {one.laddr.ip for one in sockets if one.status == "LISTEN"} == {info["ip"]}
