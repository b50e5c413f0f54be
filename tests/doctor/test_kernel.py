"""Kernels that are there: on YARN, here, on a host, as jobs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from tests.conftest import BIN, wait_for
from tests.support.doctored import examined, failing, read
from tests.support.kernels import RECIPE, write_spec
from tests.support.network import behind_a_firewall
from tests.support.resource_manager import has_ended
from yarnkernel.connection import PORT_NAMES
from yarnkernel.doctor.nodes import PORT
from yarnkernel.hadoop.site_files import load_configuration

if TYPE_CHECKING:
    from typing import Any

    from tests.conftest import Shell


def test_running(edge_node: Shell, cluster: dict[str, Any], tmp_path: Path) -> None:
    """It is in order; not for who has other credentials, nor from behind a firewall."""
    kernel = edge_node.yarnkernel("start").ok().out.strip()
    try:
        checks = examined(edge_node, kernel)
        assert failing(checks) == []
        names = ("state", "log", "store", "kernel's ports")
        assert {checks[name]["state"] for name in names} == {"ok"}, checks
        assert "RUNNING in root.default, on " in checks["state"]["found"]
        assert "idle" in checks["store"]["found"]
        stranger = edge_node.using(SKEIN_CONFIG=str(tmp_path / "other"))
        checks = examined(stranger, kernel)
        assert failing(checks) == ["store"]
        assert "~/.skein" in checks["store"]["todo"]
        assert checks["kernel's ports"]["state"] == "skipped"
        behind_one(edge_node, cluster, kernel)
    finally:
        edge_node.yarnkernel("stop", kernel).ok()


def behind_one(shell: Shell, cluster: dict[str, Any], kernel: str) -> None:
    """The daemons and the store are reached; of the kernel's ports one is silent, four closed."""
    info = shell.yarnkernel("connect", kernel).ok().document
    status = shell.yarnkernel("status", kernel, "--json").ok().document
    configuration = load_configuration(Path(shell.environment["HADOOP_CONF_DIR"]))
    address = configuration.get("yarn.resourcemanager.address")
    daemons = [address, status["details"]["application_master"]]
    reached = [urlsplit(cluster["web"]).port, *(int(one.rpartition(":")[2]) for one in daemons)]
    with behind_a_firewall(reached, [info["shell_port"], PORT]) as there:
        result = shell.run(*there, BIN / "yarnkernel", "doctor", kernel, "--json")
        checks = read(result.document, result.code)
        assert failing(checks) == ["kernel's ports"]
        assert checks["log"]["state"] == "warning"  # the NodeManager's page is closed, too
        assert "it cannot be read" in checks["log"]["why"] + checks["log"]["found"]
        why = checks["kernel's ports"]["why"]
        assert f"shell_port {info['shell_port']}: nothing comes back" in why
        assert all(name in why for name in PORT_NAMES)
        assert f"iopub_port {info['iopub_port']}: Connection refused" in why
        assert "--ports FIRST-LAST" in checks["kernel's ports"]["todo"]
        result = shell.run(*there, BIN / "yarnkernel", "doctor", "--json")
        checks = read(result.document, result.code)
        assert failing(checks) == ["ports"]
        assert f"nothing comes back from port {PORT}" in checks["ports"]["why"]
        assert "--host EDGE_NODE" in checks["ports"]["todo"]


def test_ended(user_shell: Shell, cluster: dict[str, Any], tmp_path: Path) -> None:
    """One that failed: why, and the end of its log; and one that nobody knows."""
    assert cluster["running"]
    script = f"echo this is the end of it\n{RECIPE} -- no-such-kernel {{connection_file}}"
    spec = write_spec(tmp_path, script)
    kernel = user_shell.yarnkernel("submit", spec, "--via", "direct").ok().out.strip()
    wait_for(lambda: has_ended(user_shell, kernel), 60, "it has ended")
    checks = examined(user_shell, kernel)
    assert failing(checks) == ["state"]
    assert "FAILED" in checks["state"]["found"]
    assert "no-such-kernel" in checks["state"]["why"]
    assert kernel in checks["state"]["todo"]
    assert "this is the end of it" in checks["log"]["found"]
    unknown = examined(user_shell, "application_1700000000000_0007")
    assert failing(unknown)[0] == "state"
    assert "application_1700000000000_0007" in unknown["state"]["why"]


def test_here(user_shell: Shell, tmp_path: Path) -> None:
    """A process of this machine, a Python that lacks what kernels need, schedulers that are not."""
    local = ("--interface", "local")
    assert failing(examined(user_shell, *local)) == []
    start = ("start", *local, "--name", "examined")
    kernel = user_shell.yarnkernel(*start).ok().out.strip()
    try:
        checks = examined(user_shell, "examined")  # no kernelspec is called so
        assert failing(checks) == []
        assert "ResourceManager" not in checks
        assert {checks[n]["state"] for n in ("host", "store", "kernel's ports")} == {"ok"}
    finally:
        user_shell.yarnkernel("stop", kernel).ok()
    assert examined(user_shell, kernel)["state"]["state"] == "warning"
    checks = examined(user_shell, *local, "--python", "/nowhere/python")
    assert failing(checks) == ["Python there"]
    assert "cannot be run there" in checks["Python there"]["why"]
    bare = tmp_path / "bare"
    user_shell.run("/usr/bin/env", "python3", "-m", "venv", "--without-pip", bare).ok()
    checks = examined(user_shell, *local, "--python", bare / "bin" / "python")
    assert failing(checks) == ["Python there"]
    assert "it has no jupyter_client, pyzmq, psutil, ipykernel" in checks["Python there"]["why"]
    assert "pip install" in checks["Python there"]["todo"]


@pytest.mark.parametrize(("interface", "word"), [("slurm", "squeue"), ("sge", "Grid Engine")])
def test_no_scheduler(user_shell: Shell, interface: str, word: str) -> None:
    nobody = user_shell.using(SGE_ROOT="/nowhere")
    checks = examined(nobody, "--interface", interface)
    assert failing(checks) == ["scheduler"]
    assert word in checks["scheduler"]["why"]
    assert "where jobs are submitted" in checks["scheduler"]["todo"]


def test_no_line(user_shell: Shell) -> None:
    """A host that ssh does not reach: what needs it is skipped."""
    checks = examined(user_shell, "--interface", "ssh", "--host", "nowhere.invalid")
    assert failing(checks) == ["host"]
    assert "nowhere.invalid" in checks["host"]["why"]
    assert checks["Python there"]["state"] == checks["scheduler"]["state"] == "skipped"
    assert checks["packages"]["state"] == "ok"
