"""The local cluster: started once, alone or beside others, and gone without a trace."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import threading
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from tests.conftest import CACHE, Shell, finish, own_processes, wait_for
from tests.support.kernels import RECIPE, Kernel, start_kernel, write_spec
from yarnkernel.local.class_archive import MAKER

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Result


def status_of(shell: Shell, name: str) -> dict[str, Any]:
    (status,) = shell.yarnkernel("cluster", "status", "--name", name, "--json").ok().document
    return dict(status)


def kill_daemon(status: dict[str, Any], daemon: str) -> None:
    (pid,) = [entry["pid"] for entry in status["daemons"] if entry["name"] == daemon]
    os.kill(pid, signal.SIGKILL)


def test_two_starts_at_once_give_one_cluster(
    shell: Shell, cluster: dict[str, Any], name: str, tmp_path: Path
) -> None:
    """Beside another one, with two NodeManagers, and the kernels of one unknown to the other.

    ApplicationMasters log in by tokens: their words are protected on every cluster, here without
    Kerberos. And `stop` ends what its containers run when its ResourceManager is dead.
    """
    results: list[Result] = []

    def start() -> None:
        options = ("--nodemanagers", "2", "--rpc-protection", "privacy")
        results.append(shell.yarnkernel("cluster", "start", "--name", name, *options, "--json"))

    threads = [threading.Thread(target=start) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    first, second = (result.ok().document for result in results)
    assert [d["pid"] for d in first["daemons"]] == [d["pid"] for d in second["daemons"]]
    assert sum("is running already" in result.err for result in results) == 1
    assert not set(first["ports"].values()) & set(cluster["ports"].values())
    assert first["memory"] == {"used": 0, "total": 16384 << 20}
    shown = shell.yarnkernel("cluster", "status").ok().out
    for part in (
        f"cluster {name}: running",
        "cluster default: running",
        "nodemanager1",
        "web page",
    ):
        assert part in shown
    environment = shell.yarnkernel("cluster", "env", "--name", name, "--json").ok().document
    other = shell.using(**environment, YARNKERNEL_VIA="direct")
    ids = kernels_on_both_nodes(other, tmp_path)
    for app_id in ids:
        shell.yarnkernel("status", app_id).error(1)
    assert {app["id"] for app in status_of(shell, name)["applications"]} == ids
    without_choice = shell.yarnkernel("list").ok()
    assert not any(app_id in without_choice.out for app_id in ids)
    assert other.yarnkernel("stop", *ids).ok().err.count("SUCCEEDED") == 2
    stop_with_a_dead_daemon(shell, name, "resourcemanager")


#: Two of these do not fit on one node of 8 GiB.
LARGE = "{memory: 5 GiB, vcores: 1}"


def kernels_on_both_nodes(two: Shell, directory: Path) -> set[str]:
    """A kernel is published, and reached, with the address of its own node; the kernels' ids."""
    spec = write_spec(directory, RECIPE, resources=LARGE)
    addresses = {start_kernel(two, spec)[1]["ip"] for _ in range(2)}
    assert addresses == {"127.0.0.1", "127.0.0.2"}
    ids = two.yarnkernel("list", "--ids").ok().out.split()
    assert len(ids) == 2
    for app_id in ids:
        assert "is idle" in two.yarnkernel("interrupt", app_id).ok().err
        assert two.yarnkernel("logs", app_id).ok().out
    assert all(address in two.yarnkernel("list").ok().out for address in addresses)
    return set(ids)


def test_daemons_listen_on_loopback_alone(cluster: dict[str, Any]) -> None:
    listening = [
        connection.laddr.ip
        for daemon in cluster["daemons"]
        for connection in psutil.Process(daemon["pid"]).net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert len(listening) > 5
    assert {ip.removeprefix("::ffff:") for ip in listening} <= {"127.0.0.1", "::1"}


def stop_with_a_dead_daemon(user_shell: Shell, name: str, daemon: str) -> None:
    """While a container runs, nothing starts the cluster anew; `stop` ends the container, too."""
    environment = user_shell.yarnkernel("cluster", "env", "--name", name, "--json").ok().document
    shell = user_shell.using(**environment)
    app_id = shell.yarnkernel("start").ok().out.strip()
    before = {process.pid for process in own_processes()}
    status = status_of(user_shell, name)
    kill_daemon(status, daemon)
    with Kernel(shell_info(shell, app_id)) as kernel:
        assert kernel.run("6 * 7") == "42"
        error = shell.yarnkernel("list").error(1)
        assert f"{daemon} ended" in error
        assert f"next: yarnkernel cluster stop --name {name}, which ends its applications" in error
        assert f"{daemon} ended" in user_shell.yarnkernel("cluster", "env", "--name", name).error(1)
        again = user_shell.yarnkernel("cluster", "start", "--name", name).error(1)
        assert "applications still run in it" in again
        assert kernel.run("6 * 7") == "42"
    user_shell.yarnkernel("cluster", "stop", "--name", name).ok()
    ended = before - {process.pid for process in own_processes()}
    others = len(status["daemons"]) - 1
    assert len(ended) >= others + 3  # with the ApplicationMaster, the recipe, the kernel
    assert "there is no local cluster" in user_shell.yarnkernel(
        "cluster", "status", "--name", name
    ).error(1)


def shell_info(shell: Shell, app_id: str) -> dict[str, Any]:
    import json

    path = shell.directory / f".local/share/jupyter/runtime/kernel-{app_id}.json"
    return dict(json.loads(path.read_text()))


def test_start_mends_a_damaged_cluster(user_shell: Shell, name: str, tmp_path: Path) -> None:
    """And `stop` ends what its containers run when its NodeManager is dead.

    What waits to make the archive of its classes is no application of it.
    """
    start = ("cluster", "start", "--name", name)
    (tmp_path / "yarnkernel").mkdir()
    for path in (CACHE / "yarnkernel").glob("hadoop-*[!k]"):  # no locks
        (tmp_path / "yarnkernel" / path.name).symlink_to(path)
    without_archive = user_shell.using(XDG_CACHE_HOME=str(tmp_path))
    before = {process.pid for process in own_processes()}
    without_archive.yarnkernel(*start).ok()
    started = [process for process in own_processes() if process.pid not in before]
    assert [MAKER in process.cmdline() for process in started].count(True) == 1
    kill_daemon(status_of(user_shell, name), "nodemanager0")
    assert not status_of(user_shell, name)["running"]
    result = user_shell.yarnkernel(*start, "--json").ok()
    assert not any(process.is_running() for process in started)
    assert "is damaged (nodemanager0); starting it anew" in result.err
    assert result.document["running"]
    stop_with_a_dead_daemon(user_shell, name, "nodemanager0")


def test_daemon_that_cannot_start_tells_why(user_shell: Shell, name: str) -> None:
    before = {process.pid for process in own_processes()}
    result = user_shell.yarnkernel("cluster", "start", "--name", name, "--memory", "32")
    error = result.error(1)
    assert "the resourcemanager ended while it started" in error
    assert "max should be no smaller than min" in error
    assert "resourcemanager.log" in error
    assert {process.pid for process in own_processes()} <= before


def test_interrupted_start_leaves_nothing(user_shell: Shell, name: str) -> None:
    before = {process.pid for process in own_processes()}
    process = user_shell.start("yarnkernel", "cluster", "start", "--name", name)
    assert process.stderr
    while "starting" not in process.stderr.readline():
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    finish(process)
    assert process.returncode == 130
    assert {process.pid for process in own_processes()} <= before


def test_killed_start_is_cleaned_by_stop(user_shell: Shell, name: str) -> None:
    before = {process.pid for process in own_processes()}
    process = user_shell.start("yarnkernel", "cluster", "start", "--name", name)
    assert process.stderr
    while "starting" not in process.stderr.readline():
        assert process.poll() is None
    wait_for(
        lambda: len({p.pid for p in own_processes()} - before) >= 3, 20, "its daemons are started"
    )
    process.kill()
    finish(process)
    user_shell.yarnkernel("cluster", "stop", "--name", name).ok()
    assert {process.pid for process in own_processes()} <= before


def test_hdfs_below_a_home_with_a_quote(user_shell: Shell) -> None:
    assert "because of the quote" in user_shell.yarnkernel("cluster", "start", "--hdfs").error(2)


@pytest.mark.skipif(
    os.getuid() != 0 or shutil.which("unshare") is None,
    reason="needs root and unshare: gives the machine another name",
)
def test_machine_whose_name_nobody_knows(user_shell: Shell, name: str) -> None:
    script = f"""
        hostname no-such-host
        yarnkernel cluster start --name {name} &&
        eval "$(yarnkernel cluster env --name {name})" &&
        app=$(yarnkernel start --timeout 60) &&
        yarnkernel stop "$app"
    """
    result = user_shell.run("unshare", "--uts", "sh", "-c", script).ok()
    assert "FINISHED SUCCEEDED" in result.err


def test_env_is_what_a_shell_can_eval(user_shell: Shell, cluster: dict[str, Any]) -> None:
    script = 'eval "$(yarnkernel cluster env)" && yarn node -list 2>/dev/null && command -v yarn'
    shown = user_shell.run("sh", "-c", script).ok().out
    assert "Total Nodes:1" in shown
    assert cluster["directory"] in shown


def test_ports_that_others_hold_are_not_chosen() -> None:
    from yarnkernel.local.ports import PORT_RANGE, choose_ports

    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        chosen = choose_ports(map(str, range(50)), set(PORT_RANGE[:6000]))
    assert len(set(chosen.values())) == 50
    assert min(chosen.values()) >= PORT_RANGE[6000]


def test_stop_without_a_cluster(user_shell: Shell, tmp_path: Path) -> None:
    shell = user_shell.using(HOME=str(tmp_path))
    assert "to stop" in shell.yarnkernel("cluster", "stop").ok().err
    assert shell.yarnkernel("cluster", "status", "--json").ok().document == []
