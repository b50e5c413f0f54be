"""A pair of ResourceManagers of which the active one is killed: kernels and clients go on."""

from __future__ import annotations

import contextlib
import os
import signal
from typing import TYPE_CHECKING, Any

from tests.conftest import wait_for
from tests.support.kernels import Kernel, final_status

if TYPE_CHECKING:
    from tests.conftest import Shell


def status_of(shell: Shell, name: str) -> dict[str, Any]:
    (status,) = shell.yarnkernel("cluster", "status", "--name", name, "--json").ok().document
    return dict(status)


def members(shell: Shell, name: str) -> dict[str, dict[str, Any]]:
    """The ResourceManagers of a cluster by their states."""
    daemons = status_of(shell, name)["daemons"]
    pair = [daemon for daemon in daemons if daemon["name"].startswith("resourcemanager")]
    return {daemon["ha_state"] or "gone": daemon for daemon in pair}


def listed(shell: Shell) -> dict[str, str]:
    return {app["id"]: app["state"] for app in shell.yarnkernel("list", "--json").ok().document}


def test_failover(user_shell: Shell, name: str) -> None:
    start = ("cluster", "start", "--name", name, "--ha")
    assert user_shell.yarnkernel(*start, "--json").ok().document["running"]
    environment = user_shell.yarnkernel("cluster", "env", "--name", name, "--json").ok().document
    shell = user_shell.using(**environment)
    ids = [shell.yarnkernel("start", "--via", via).ok().out.strip() for via in ("direct", "skein")]
    before = members(shell, name)
    assert set(before) == {"active", "standby"}
    with contextlib.ExitStack() as stack:
        kernels = {
            app_id: stack.enter_context(Kernel(shell.yarnkernel("connect", app_id).ok().document))
            for app_id in ids
        }
        for app_id, kernel in kernels.items():
            kernel.run(f"value = {app_id!r}")
        os.kill(before["active"]["pid"], signal.SIGKILL)
        # A command that is typed in the meantime waits for the other one.
        assert set(listed(shell)) == set(ids)
        after = members(shell, name)
        assert after["active"]["name"] == before["standby"]["name"]
        assert after["gone"]["name"] == before["active"]["name"]
        # Their ApplicationMasters find the other one, too.
        wait_for(lambda: set(listed(shell).values()) == {"RUNNING"}, 30, "both RUNNING")
        for app_id, kernel in kernels.items():
            assert kernel.run("value") == repr(app_id)
            with Kernel(shell.yarnkernel("connect", app_id).ok().document) as again:
                assert again.run("value") == repr(app_id)
        status = status_of(shell, name)
        assert status["running"]
        assert {app["id"] for app in status["applications"]} == set(ids)
        assert status["web"].endswith(f":{status['ports'][after['active']['name'] + '-web']}")
        mended = user_shell.yarnkernel(*start).ok()
        assert f"{before['active']['name']} has ended; starting it again" in mended.err
        assert set(members(shell, name)) == {"active", "standby"}
        ids += [shell.yarnkernel("start").ok().out.strip()]
        # And back, with what the first one has not seen.
        os.kill(after["active"]["pid"], signal.SIGKILL)
        assert set(listed(shell)) == set(ids)
        assert [kernel.run("value") for kernel in kernels.values()] == [repr(i) for i in kernels]
        # One that has not registered anew yet would be killed.
        wait_for(lambda: set(listed(shell).values()) == {"RUNNING"}, 30, "all RUNNING")
        shell.yarnkernel("stop", *ids).ok()
    assert {final_status(shell, app_id) for app_id in ids} == {"SUCCEEDED"}
