"""interrupt, restart, console, list, status and stop --all, on kernels of ours and of skein's."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import sys
import time
from typing import TYPE_CHECKING, Any

import pexpect
import psutil
import pytest

from tests.conftest import REPOSITORY, Shell, frozen, wait_for
from tests.support.kernels import NEVER, Kernel, final_status, start_kernel, write_spec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

#: C code that never looks for signals and keeps Python's lock: it waits for a lock of its own.
NATIVE = """
import ctypes
lock = ctypes.create_string_buffer(64)
for _ in range(2):
    ctypes.PyDLL(None).pthread_mutex_lock(lock)
"""
STOCK = "exec python -m skein.recipes.ipython_kernel"


def state(shell: Shell, app_id: str) -> str:
    return str(shell.yarnkernel("status", app_id, "--json").ok().document["kernel"]["state"])


@pytest.fixture
def kernel(shell: Shell) -> Iterator[tuple[str, Kernel]]:
    app_id, info = start_kernel(shell, REPOSITORY / "specs/ipython.yaml")
    with Kernel(info) as client:
        yield app_id, client
    shell.yarnkernel("stop", "--force", app_id)


@pytest.mark.both_ways
def test_list_interrupt_and_restart(shell: Shell, kernel: tuple[str, Kernel], via: str) -> None:
    """Also while somebody who would have to answer is frozen."""
    app_id, client = kernel
    list_and_status(shell, app_id, client)
    interrupt(shell, app_id, client)
    restart_from_native_code(shell, app_id, client)
    if via != "skein":  # the supervisor makes one of them, who may have told it
        several_at_once(shell, app_id, client)
    frozen_processes(shell, app_id, client, via)


def list_and_status(shell: Shell, app_id: str, client: Kernel) -> None:
    client.run("x = 1")

    def row() -> list[str]:
        lines = shell.yarnkernel("list").ok().out.splitlines()
        assert lines[0].split() == [
            "ID", "NAME", "USER", "STATE", "KERNEL", "IDLE", "MEMORY", "HOST", "QUEUE", "TIME",
        ]  # fmt: skip
        (line,) = [line for line in lines if line.startswith(app_id)]
        return line.split()

    wait_for(lambda: "0:00:0" in row()[5], 10, "idle for some seconds")
    assert row()[4] == "idle"
    assert row()[7:11] == ["of", "1344", "MiB", "127.0.0.1"]
    text = shell.yarnkernel("status", app_id).ok().out
    moments = [line.rpartition("+")[2] for line in text.splitlines() if " +" in line]
    seconds = [float(moment.removesuffix(" s")) for moment in moments]
    assert len(seconds) == len(("submitted", "container", "recipe", "kernel", "published"))
    assert seconds == sorted(seconds)
    document: dict[str, Any] = shell.yarnkernel("list", "--json").ok().document[0]
    assert document["kernel"]["memory_limit"] == 1344 << 20
    assert document["kernel"]["memory"] > 100 << 20
    assert shell.yarnkernel("list", "--ids").ok().out.split() == [app_id]


def interrupt(shell: Shell, app_id: str, client: Kernel) -> None:
    assert "is idle: there is nothing to interrupt" in shell.yarnkernel("interrupt", app_id).err
    message_id = client.client.execute("import time; time.sleep(100)")
    wait_for(lambda: state(shell, app_id) == "busy", 10, "it is busy")
    result = shell.yarnkernel("interrupt", app_id, "--json").ok()
    assert result.document == {"id": app_id, "result": "interrupted"}
    reply = client.client.get_shell_msg(timeout=10)
    assert reply["parent_header"]["msg_id"] == message_id
    assert reply["content"]["ename"] == "KeyboardInterrupt"
    assert client.run("6 * 7") == "42"


def restart_from_native_code(shell: Shell, app_id: str, client: Kernel) -> None:
    """A kernel that no interrupt reaches."""
    client.run("x = 1")
    client.client.execute(NATIVE)
    error = shell.yarnkernel("interrupt", app_id).error(1)
    assert "the kernel goes on all the same" in error
    assert f"next: yarnkernel restart {app_id}" in error
    document = shell.yarnkernel("restart", app_id, "--json").ok().document
    assert document["result"] == "restarted"
    client.wait()
    assert client.run("'x' in globals()") == "False"


def several_at_once(shell: Shell, app_id: str, client: Kernel) -> None:
    """Everybody gets an answer; what is asked while the kernel restarts is done by that restart."""
    processes = [
        shell.start("yarnkernel", verb, app_id)
        for verb in ("restart", "restart", "interrupt", "restart")
    ]
    for process in processes:
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, out + err
    client.wait()
    assert client.run("6 * 7") == "42"


def test_application_that_waits(
    shell: Shell, tmp_path: Path, stop_later: Callable[[str], str]
) -> None:
    big = "{memory: 1500 MiB, vcores: 1}"
    spec = write_spec(tmp_path, NEVER, queue="small", resources=big)
    stop_later(shell.yarnkernel("submit", spec).ok().out)
    waiting = stop_later(shell.yarnkernel("submit", spec).ok().out)
    error = shell.yarnkernel("interrupt", waiting).error(1)
    assert f"{waiting} is ACCEPTED; there is no kernel" in error
    assert re.search(r"^waits +\S", shell.yarnkernel("status", waiting).ok().out, re.MULTILINE)
    assert f"next: yarnkernel connect {waiting}" in error


def frozen_processes(shell: Shell, app_id: str, client: Kernel, via: str) -> None:
    supervisor = psutil.Process(int(client.run("import os; os.getppid()")))
    application_master_that_does_not_answer(shell, app_id, supervisor, via)
    wait_for(lambda: state(shell, app_id) == "idle", 20, "it answers again")
    supervisor_that_does_not_answer(shell, app_id, supervisor, via)


def supervisor_that_does_not_answer(
    shell: Shell, app_id: str, supervisor: psutil.Process, via: str
) -> None:
    with frozen(supervisor):
        restart = shell.yarnkernel("restart", app_id, "--timeout", "8")
        error = restart.error(3 if via == "skein" else 1)
    who = "supervisor" if via == "skein" else "ApplicationMaster at localhost:"
    assert f"{app_id}: " in error
    assert f"its {who}" in error
    assert "does not answer" in error


def application_master_that_does_not_answer(
    shell: Shell, app_id: str, supervisor: psutil.Process, via: str
) -> None:
    """Everything has its deadline, and says who it was that did not answer."""
    master = supervisor.parent() if via == "skein" else supervisor
    assert master is not None
    name = "skein.ApplicationMaster" if via == "skein" else "yarnkernel.recipe"
    assert name in " ".join(master.cmdline())
    with frozen(master):
        error = shell.yarnkernel("interrupt", app_id).error(1)
        assert "its ApplicationMaster at localhost:" in error
        assert "does not answer" in error
        listed = shell.yarnkernel("list").ok()
        assert app_id in listed.out
        assert "does not answer" in shell.yarnkernel("status", app_id).ok().out
        late = shell.yarnkernel("connect", app_id, "--timeout", "8").error(3)
        assert "does not answer" in late


@pytest.mark.way("skein")
def test_kernel_of_skeins_recipe(
    shell: Shell, tmp_path: Path, stop_later: Callable[[str], str]
) -> None:
    """It can be connected on hosts where it publishes an address of use."""
    spec = write_spec(tmp_path, f"{STOCK} --ip=127.0.0.1")
    app_id = stop_later(shell.yarnkernel("start", spec).ok().out)
    with Kernel(shell.yarnkernel("connect", app_id).ok().document) as client:
        assert client.run("6 * 7") == "42"
        interrupt_by_message(shell, app_id, client)


def interrupt_by_message(shell: Shell, app_id: str, client: Kernel) -> None:
    message_id = client.client.execute("import time; time.sleep(100)")
    client.client.get_iopub_msg(timeout=10)
    assert "asked to interrupt itself" in shell.yarnkernel("interrupt", app_id).ok().err
    reply = client.client.get_shell_msg(timeout=10)
    assert reply["parent_header"]["msg_id"] == message_id
    assert reply["content"]["ename"] == "KeyboardInterrupt"
    error = shell.yarnkernel("restart", app_id).error(1)
    assert "was not started by yarnkernel's recipe" in error
    assert "RUNNING" in shell.yarnkernel("status", app_id).ok().out
    client.client.execute(NATIVE)
    error = shell.yarnkernel("interrupt", app_id).error(3)
    assert "the kernel does not answer; it may be in native code" in error


@contextlib.contextmanager
def open_console(shell: Shell, kernel: str) -> Iterator[pexpect.spawn[str]]:
    console = pexpect.spawn(
        "yarnkernel",
        ["console", kernel],
        env={**shell.environment, "TERM": "dumb"},
        cwd=str(shell.directory),
        encoding="utf-8",
        timeout=30,
    )
    try:
        yield console
    finally:
        console.close(force=True)


def try_console(console: pexpect.spawn[str]) -> None:
    console.expect_exact("In [1]: ")
    console.sendline("import time; print('begin', flush=True); time.sleep(100)")
    console.expect_exact("begin\r\n")
    console.sendintr()
    console.expect_exact("KeyboardInterrupt")
    console.expect_exact("In [2]: ")
    console.sendline("print('the answer is', 6 * 7)")
    console.expect_exact("the answer is 42")
    console.expect_exact("In [3]: ")


def asked_to_leave(console: pexpect.spawn[str]) -> bool:
    console.sendcontrol("d")
    return console.expect_exact(["Do you really want to exit", pexpect.TIMEOUT], timeout=1) == 0


def test_console(shell: Shell, kernel: tuple[str, Kernel]) -> None:
    """Ctrl-C interrupts; a restart is told; Ctrl-D leaves the kernel alone."""
    app_id, client = kernel
    with open_console(shell, app_id) as console:
        try_console(console)
        console.sendline("import os; os._exit(3)")
        console.expect_exact("The kernel was restarted: its variables are gone.")
        console.expect(r"In \[\d+\]: ")
        console.sendline("print('and again', 6 * 7)")
        console.expect_exact("and again 42")
        console.expect(r"In \[\d+\]: ")
        shell.yarnkernel("restart", app_id).ok()
        console.sendline("print('once more', 6 * 7)")
        console.expect_exact("The kernel was restarted: its variables are gone.")
        console.expect_exact("once more 42")
        console.expect(r"In \[\d+\]: ")
        wait_for(lambda: asked_to_leave(console), 20, "Ctrl-D, at a prompt that listens already")
        console.sendline("y")
        console.expect(pexpect.EOF)
    assert state(shell, app_id) == "idle"
    client.wait()
    console_of_a_kernel_that_pauses(shell, app_id, client)


def console_of_a_kernel_that_pauses(shell: Shell, app_id: str, client: Kernel) -> None:
    """Longer than its heartbeat may fail to come: the cell's output is shown all the same."""
    process = psutil.Process(int(client.run("import os; os.getpid()")))
    with open_console(shell, app_id) as console:
        console.expect(r"In \[\d+\]: ")
        console.sendline("import time; print('begin', flush=True); time.sleep(1); print(6 * 7)")
        console.expect_exact("begin\r\n")
        with frozen(process):
            time.sleep(3)
        console.expect_exact("42\r\n")


@pytest.mark.way("skein")
def test_console_of_a_connection_file(
    shell: Shell, tmp_path: Path, stop_later: Callable[[str], str]
) -> None:
    """A kernel of skein's recipe, by the file that start wrote; `exit` ends it."""
    app_id = stop_later(shell.yarnkernel("start", write_spec(tmp_path, STOCK)).ok().out)
    with open_console(shell, f"kernel-{app_id}.json") as console:
        try_console(console)
        console.sendline("exit")
        console.expect(pexpect.EOF)
    assert final_status(shell, app_id) == "SUCCEEDED"


@pytest.mark.way("auto")
@pytest.mark.parametrize(
    ("content", "code", "words"),
    [
        (None, 2, "there is no connection file 'some.json'"),
        ("{", 1, "some.json: the connection info is not JSON"),
        ("{}", 1, "some.json: the connection info lacks ip"),
    ],
)
def test_console_of_a_wrong_file(
    user_shell: Shell, tmp_path: Path, content: str | None, code: int, words: str
) -> None:
    if content is not None:
        (tmp_path / "some.json").write_text(content)
    assert words in user_shell.yarnkernel("console", "some.json", cwd=tmp_path).error(code)


@pytest.mark.way("auto")
def test_console_of_a_dead_kernel(user_shell: Shell, tmp_path: Path) -> None:
    info = {
        "ip": "127.0.0.1", "key": "k", "transport": "tcp", "signature_scheme": "hmac-sha256",
        "shell_port": 1, "iopub_port": 2, "stdin_port": 3, "control_port": 4, "hb_port": 5,
    }  # fmt: skip
    (tmp_path / "dead.json").write_text(json.dumps(info))
    error = user_shell.yarnkernel("console", "dead.json", cwd=tmp_path).error(1)
    assert (
        "the kernel on 127.0.0.1 did not answer within 10 s: it is busy, or it has ended" in error
    )


def test_stop_all(shell: Shell) -> None:
    app_ids = [shell.yarnkernel("submit", "specs/ipython.yaml", cwd=REPOSITORY).ok().out.strip()]
    app_ids += [shell.yarnkernel("start").ok().out.strip()]
    stopped = shell.yarnkernel("stop", "--all", "--json").ok().document
    assert {status["id"] for status in stopped} == set(app_ids)
    assert "has no kernel here" in shell.yarnkernel("stop", "--all").ok().err
    assert "name the kernels to stop, or say --all" in shell.yarnkernel("stop").error(2)
    assert "or say --all" in shell.yarnkernel("stop", "--all", app_ids[0]).error(2)


@pytest.mark.way("auto")
def test_completion(shell: Shell, kernel: tuple[str, Kernel]) -> None:
    """Typed with the tab key at a real shell, or asked of one."""
    app_id, _ = kernel
    complete(shell, app_id, "bash")
    there = {name for name in ("fish", "zsh") if shutil.which(name)}
    if "fish" in there:
        completion_of_fish(shell, app_id)
    if "zsh" in there:
        complete(shell, app_id, "zsh")
    if missing := {"fish", "zsh"} - there:
        pytest.skip(f"needs {', '.join(missing)}, too")


def completion_of_fish(shell: Shell, app_id: str) -> None:
    for line, word in (
        ("yarnkernel interr", "interrupt"),
        ("yarnkernel interrupt app", app_id),
        ("yarnkernel start --queue sm", "small"),
    ):
        ask = f"yarnkernel completion fish | source; complete -C '{line}'"
        done = shell.run("fish", "--no-config", "-c", ask).ok().out
        assert word in [found.partition("\t")[0] for found in done.splitlines()]


def complete(shell: Shell, app_id: str, shell_name: str) -> None:
    arguments = {"bash": ["--norc", "--noprofile", "-i"], "zsh": ["-f", "-i"]}[shell_name]
    environment = {**shell.environment, "TERM": "dumb", "PS1": "ready> ", "INPUTRC": "/dev/null"}
    typed = pexpect.spawn(
        shell_name,
        arguments,
        env=environment,
        encoding="utf-8",
        timeout=30,
        logfile=sys.stdout,
        dimensions=(40, 200),
    )
    typed.expect_exact("ready> ")
    if shell_name == "zsh":
        typed.sendline("autoload -U compinit; compinit -D -u; echo comp''init")
        typed.expect_exact("compinit\r\n")
    typed.sendline(f'eval "$(yarnkernel completion {shell_name})"; echo d""one')
    typed.expect_exact("done\r\n")
    typed.send("yarnkernel interr\t")
    typed.expect_exact("interrupt ")
    typed.send("application_\t")
    typed.expect_exact(app_id)
    typed.sendcontrol("u")  # Ctrl-C may come while the shell still completes
    typed.send("yarnkernel start --queue sm\t")
    typed.expect_exact("small")
    typed.sendcontrol("c")
    typed.close(force=True)
