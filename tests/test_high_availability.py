"""A pair of ResourceManagers of which the active one is killed: kernels and clients go on."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, Any

from tests.conftest import wait_for
from tests.kernels import Kernel, final_status

if TYPE_CHECKING:
    from tests.conftest import Shell


def members(shell: Shell, name: str) -> dict[str, dict[str, Any]]:
    """The ResourceManagers of a cluster by their states."""
    (status,) = shell.yarnkernel("cluster", "status", "--name", name, "--json").ok().document
    pair = [d for d in status["daemons"] if d["name"].startswith("resourcemanager")]
    return {daemon["ha_state"] or "gone": daemon for daemon in pair}


def test_failover(user_shell: Shell, name: str) -> None:
    start = ("cluster", "start", "--name", name, "--ha")
    started = user_shell.yarnkernel(*start, "--json").ok().document
    assert started["running"]
    environment = user_shell.yarnkernel("cluster", "env", "--name", name, "--json").ok().document
    shell = user_shell.using(**environment)
    app_id = shell.yarnkernel("start").ok().out.strip()
    before = members(shell, name)
    assert set(before) == {"active", "standby"}
    with Kernel(shell.yarnkernel("connect", app_id).ok().document) as kernel:
        kernel.run("value = 41")
        os.kill(before["active"]["pid"], signal.SIGKILL)
        # A command that was typed in the meantime waits for the other one.
        assert app_id in shell.yarnkernel("list").ok().out
        after = members(shell, name)
        assert after["active"]["name"] == before["standby"]["name"]
        assert after["gone"]["name"] == before["active"]["name"]
        assert kernel.run("value + 1") == "42"
        # Its ApplicationMaster finds the other one, too.
        wait_for(lambda: "RUNNING" in shell.yarnkernel("status", app_id).ok().out, 30, "RUNNING")
        again = Kernel(shell.yarnkernel("connect", app_id).ok().document)
        with again:
            assert again.run("value") == "41"
        (status,) = shell.yarnkernel("cluster", "status", "--name", name, "--json").ok().document
        assert status["running"]
        assert [app["id"] for app in status["applications"]] == [app_id]
        assert f"localhost:{status['ports'][after['active']['name'] + '-web']}" in status["web"]
        second = shell.yarnkernel("start").ok().out.strip()
        mended = user_shell.yarnkernel(*start).ok()
        assert f"{before['active']['name']} has ended; starting it again" in mended.err
        assert set(members(shell, name)) == {"active", "standby"}
        # And back, with all that the first one has not seen.
        os.kill(after["active"]["pid"], signal.SIGKILL)
        assert second in shell.yarnkernel("list").ok().out
        assert kernel.run("value + 1") == "42"
        shell.yarnkernel("stop", app_id, second).ok()
    assert {final_status(shell, one) for one in (app_id, second)} == {"SUCCEEDED"}
