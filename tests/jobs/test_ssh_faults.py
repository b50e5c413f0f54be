"""What goes wrong with ssh: lines that break, servers that forbid, shells that talk."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from tests.conftest import BIN, finish, wait_for
from tests.support.kernels import Kernel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Shell
    from tests.support.ssh_host import SshHost

#: Seconds after which ssh itself gives a line up that says nothing, and some more.
UNTIL_BROKEN = 24


@pytest.fixture(scope="module")
def place(ssh_shell: Shell, bare_python: Path) -> tuple[Shell, list[str]]:
    options = ["--interface", "ssh", "--host", "box", "--python", str(bare_python)]
    return ssh_shell, options


@pytest.fixture(scope="module")
def kernel(place: tuple[Shell, list[str]]) -> Iterator[str]:
    """A kernel that outlives whatever happens to the line to it."""
    shell, options = place
    kernel = shell.yarnkernel("start", *options).ok().out.strip()
    yield kernel
    shell.yarnkernel("stop", kernel).ok()


@pytest.fixture
def other_server(box: SshHost) -> Iterator[SshHost]:
    """The host for a test that changes its server; afterwards it is as it was."""
    end_keepers(box)
    yield box
    box.stop_sshd()
    (box.home / ".bashrc").unlink(missing_ok=True)
    end_keepers(box)
    box.start_sshd()


def keepers(box: SshHost) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if "yarnkernel.hosts.keeper" in words and any(str(box.directory) in one for one in words):
            found.append(process)
    return found


def end_keepers(box: SshHost) -> None:
    for process in keepers(box):
        process.kill()
        process.wait(10)
    for path in box.directory.glob("yarnkernel-*/*/forwards.json"):
        path.unlink()


def connected(shell: Shell, kernel: str) -> Kernel:
    return Kernel(shell.yarnkernel("connect", kernel).ok().document)


def test_line_that_is_down_for_a_moment(
    place: tuple[Shell, list[str]], kernel: str, box: SshHost
) -> None:
    shell, _ = place
    with connected(shell, kernel) as client:
        client.run("x = 42")
        box.cut()
        time.sleep(8)
        box.plug_in()
        client.wait()
        assert client.run("x").strip() == "42"


def test_one_deadline_over_everything(
    place: tuple[Shell, list[str]], kernel: str, box: SshHost
) -> None:
    shell, options = place
    box.cut()
    try:
        begin = time.monotonic()
        shell.yarnkernel("start", *options, "--timeout", "3").error(3)
        assert time.monotonic() - begin < 15
    finally:
        box.plug_in()
    assert "is idle" in shell.yarnkernel("interrupt", kernel, timeout=100).ok().err


def test_line_that_breaks(place: tuple[Shell, list[str]], kernel: str, box: SshHost) -> None:
    """The same ports lead to the kernel again; commands wait for the line meanwhile."""
    shell, _ = place
    before = shell.yarnkernel("connect", kernel).ok().document
    with Kernel(before) as client:
        client.run("x = 42")
        box.cut()
        time.sleep(UNTIL_BROKEN)
        error = shell.yarnkernel("status", kernel).error(3)
        assert "box" in error
        box.plug_in()
        client.wait()
        assert client.run("x").strip() == "42"
    assert shell.yarnkernel("connect", kernel).ok().document == before


def test_server_that_is_started_again(
    place: tuple[Shell, list[str]], kernel: str, box: SshHost
) -> None:
    shell, _ = place
    before = shell.yarnkernel("connect", kernel).ok().document
    with Kernel(before) as client:
        client.run("x = 42")
        box.stop_sshd()
        box.start_sshd()
        client.wait()
        assert client.run("x").strip() == "42"
    assert shell.yarnkernel("connect", kernel).ok().document == before


def test_keeper_that_is_killed(place: tuple[Shell, list[str]], kernel: str, box: SshHost) -> None:
    shell, _ = place
    before = shell.yarnkernel("connect", kernel).ok().document
    with Kernel(before) as client:
        client.run("x = 42")
        for process in keepers(box):
            process.kill()
        assert "is idle" in shell.yarnkernel("interrupt", kernel).ok().err
        client.wait()
        assert client.run("x").strip() == "42"
    assert shell.yarnkernel("connect", kernel).ok().document == before


def test_ssh_that_hangs(place: tuple[Shell, list[str]], kernel: str, box: SshHost) -> None:
    """As when a laptop sleeps: commands wait for so long, and work again afterwards."""
    shell, _ = place
    # Perhaps two: the master that a keeper before this one has left is used while it is there.
    hung = [
        process
        for process in psutil.process_iter(["name", "cmdline"])
        if process.info["name"] == "ssh"
        and any(
            part.startswith(f"{box.directory}/yarnkernel-")
            for part in process.info["cmdline"] or ()  # gone meanwhile
        )
    ]
    assert hung
    for process in hung:
        process.suspend()
    try:
        begin = time.monotonic()
        assert "box" in shell.yarnkernel("interrupt", kernel).error(3)
        assert time.monotonic() - begin < 60
    finally:
        for process in hung:
            process.resume()
    assert "is idle" in shell.yarnkernel("interrupt", kernel).ok().err


def test_connection_file_by_the_hosts_name(ssh_shell: Shell, bare_python: Path) -> None:
    """What ``jupyter console --existing root@box`` looks for."""
    options = ["--interface", "ssh", "--host", "root@box", "--python", str(bare_python)]
    kernel = ssh_shell.yarnkernel("start", *options).ok().out.strip()
    code = "from jupyter_client.connect import find_connection_file as f; print(f('root@box'))"
    found = ssh_shell.run(sys.executable, "-c", code).ok().out.strip()
    assert found.endswith(f"kernel-{kernel}.json")
    ssh_shell.yarnkernel("stop", kernel).ok()


def test_two_first_commands_at_once(
    place: tuple[Shell, list[str]], box: SshHost, tmp_path: Path
) -> None:
    """One line is enough for them."""
    shell, options = place
    end_keepers(box)
    commands = [
        shell.start(BIN / "yarnkernel", "start", *options, "-f", tmp_path / f"{number}.json")
        for number in range(2)
    ]
    kernels = []
    for command in commands:
        out, err = finish(command)
        assert command.returncode == 0, err
        kernels.append(out.strip())
    assert len(keepers(box)) == 1
    assert len(box.processes("sshd")) <= 3  # the server, and two for one connection
    shell.yarnkernel("stop", *kernels).ok()


def test_client_that_is_killed(place: tuple[Shell, list[str]], tmp_path: Path) -> None:
    """What it has started is known, and can be ended."""
    shell, options = place
    command = "sh -c 'exec sleep 600' {connection_file}"
    process = shell.start(
        BIN / "yarnkernel", "start", *options, "--kernel-cmd", command, "--name", "lost",
        "-f", tmp_path / "kernel.json",
    )  # fmt: skip
    assert process.stderr is not None
    for line in process.stderr:
        if "started on" in line:
            break
    process.kill()
    finish(process)
    found = shell.yarnkernel("list", "--json").ok().document
    (kernel,) = [one["id"] for one in found if one["name"] == "lost"]
    assert "KILLED" in shell.yarnkernel("stop", "--force", kernel).ok().err


def test_one_session_is_enough(place: tuple[Shell, list[str]], other_server: SshHost) -> None:
    shell, options = place
    other_server.stop_sshd()
    other_server.start_sshd("MaxSessions 1")
    kernel = shell.yarnkernel("start", *options).ok().out.strip()
    assert "is idle" in shell.yarnkernel("interrupt", kernel).ok().err
    shell.yarnkernel("stop", kernel).ok()


def test_server_that_forbids_forwards(
    place: tuple[Shell, list[str]], other_server: SshHost
) -> None:
    shell, options = place
    before = shell.yarnkernel("list", "--ids").out
    other_server.stop_sshd()
    other_server.start_sshd("AllowTcpForwarding no")
    begin = time.monotonic()
    error = shell.yarnkernel("start", *options).error(1)
    assert "administratively prohibited" in error
    assert time.monotonic() - begin < 60
    assert shell.yarnkernel("list", "--ids").out == before


def test_shell_that_talks(place: tuple[Shell, list[str]], other_server: SshHost) -> None:
    shell, options = place
    (other_server.home / ".bashrc").write_text("echo Welcome; echo 'motd of the day' >&2\n")
    kernel = shell.yarnkernel("start", *options).ok().out.strip()
    shell.yarnkernel("stop", kernel).ok()


@pytest.mark.parametrize("program", ["csh", "tcsh", "fish", "zsh"])
def test_other_login_shells(
    program: str, place: tuple[Shell, list[str]], other_server: SshHost
) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"there is no {program}")
    shell, options = place
    other_server.stop_sshd()
    other_server.start_sshd(f'ForceCommand {program} -c "$SSH_ORIGINAL_COMMAND"')
    kernel = shell.yarnkernel("start", *options).ok().out.strip()
    shell.yarnkernel("stop", kernel).ok()


def test_host_without_python(place: tuple[Shell, list[str]], other_server: SshHost) -> None:
    shell, _ = place
    other_server.stop_sshd()
    (other_server.home / ".bashrc").write_text("PATH=/nowhere\n")
    other_server.start_sshd()
    error = shell.yarnkernel("start", "--interface", "ssh", "--host", "box").error(1)
    assert "there is no Python 3.7 or newer among python3" in error
    assert "next: --python PATH" in error


def test_key_that_is_another(place: tuple[Shell, list[str]], other_server: SshHost) -> None:
    shell, options = place
    known = other_server.directory / "known_hosts"
    content = known.read_text()
    other = (other_server.directory / "id.pub").read_text()
    known.write_text(f"{content.split()[0]} {other}")
    try:
        error = shell.yarnkernel("start", *options).error(1)
    finally:
        known.write_text(content)
    assert "Host key verification failed" in error
    assert "next: ssh box" in error


def test_nobody_may_log_in(place: tuple[Shell, list[str]], other_server: SshHost) -> None:
    """A person is told what to type; that connection is used then."""
    shell, options = place
    keys = other_server.directory / "authorized_keys"
    content = keys.read_text()
    keys.write_text("")
    try:
        error = shell.yarnkernel("start", *options).error(1)
        assert "Permission denied" in error
        assert "next: ssh -o ControlMaster=yes -S " in error
    finally:
        keys.write_text(content)
    typed = error.partition("next: ")[2].partition(" (")[0]
    shell.run("sh", "-c", typed).ok()
    keys.write_text("")
    try:
        kernel = shell.yarnkernel("start", *options).ok().out.strip()
        shell.yarnkernel("stop", kernel).ok()
    finally:
        keys.write_text(content)
        control = typed.split(" -S ")[1].split()[0]
        shell.run("ssh", "-S", control, "-O", "exit", "box")


def test_host_that_is_not_there(ssh_shell: Shell) -> None:
    options = ("--interface", "ssh", "--host", "nobody@127.0.0.9")
    error = ssh_shell.yarnkernel("start", *options, timeout=200).error(1)
    assert "nobody@127.0.0.9 cannot be reached: " in error
    assert "Connection refused" in error
    for name in ("-oProxyCommand=touch x", "a b", ""):
        assert ssh_shell.yarnkernel("start", "--interface", "ssh", f"--host={name}").code == 2


def test_list_with_a_host_that_is_down(
    place: tuple[Shell, list[str]], kernel: str, box: SshHost
) -> None:
    """It is asked once for all its kernels, others are shown, and ended ones need no host."""
    shell, options = place
    ended = shell.yarnkernel("start", *options).ok().out.strip()
    shell.yarnkernel("stop", ended).ok()
    another = shell.yarnkernel("start", *options).ok().out.strip()
    here = shell.yarnkernel("start", "--interface", "local").ok().out.strip()
    box.stop_sshd()
    end_keepers(box)
    try:
        shown = shell.yarnkernel("list", "--all", "--json", timeout=60).ok().document
    finally:
        box.start_sshd()
    states = {one["id"]: one["state"] for one in shown}
    assert states[ended] == "FINISHED"
    assert [states[kernel], states[another]] == ["UNKNOWN", "UNKNOWN"]
    assert states[here] == "RUNNING"
    shell.yarnkernel("stop", another, here).ok()


def test_nothing_is_everybodys(place: tuple[Shell, list[str]], kernel: str, box: SshHost) -> None:
    """Neither the files there and here, nor the command lines, open anything to others."""
    shell, _ = place
    (directory,) = box.home.glob(f".local/state/yarnkernel/kernels/{kernel}")
    own = Path(shell.environment["HOME"], ".local/state/yarnkernel/records")
    for path in (directory, *directory.rglob("*"), own, *own.glob("*.json")):
        if not path.is_symlink():
            assert path.stat().st_mode & 0o77 == 0 or path.parent != directory.parent, path
    record = json.loads((own / f"{kernel}.json").read_text())
    key = shell.yarnkernel("connect", kernel).ok().document["key"]
    for process in psutil.process_iter(["cmdline"]):
        line = " ".join(process.info["cmdline"] or ())
        assert record["secret"] not in line
        assert key not in line
    assert (
        record["secret"]
        not in subprocess.run(
            ["grep", "-r", record["secret"], str(box.home)],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        ).stdout
    )


def test_line_that_only_a_person_can_open_again(
    place: tuple[Shell, list[str]], kernel: str, box: SshHost
) -> None:
    """It is not tried again and again; what somebody opens is used, with the same ports."""
    shell, _ = place
    before = shell.yarnkernel("connect", kernel).ok().document
    keys = box.directory / "authorized_keys"
    content = keys.read_text()
    keys.write_text("")
    try:
        box.stop_sshd()
        log = box.directory / "sshd.log"
        log.write_text("")
        box.start_sshd(lets_in=False)
        wait_for(lambda: "authenticating user" in log.read_text(), 20, "a try")
        time.sleep(8)
        assert log.read_text().count("authenticating user") == 1
        error = shell.yarnkernel("interrupt", kernel).error(3)
        assert "next: ssh -o ControlMaster=yes -S " in error
    finally:
        keys.write_text(content)
    typed = error.partition("next: ")[2].partition(" (")[0]
    shell.run("sh", "-c", typed).ok()
    assert "is idle" in shell.yarnkernel("interrupt", kernel).ok().err
    assert shell.yarnkernel("connect", kernel).ok().document == before
