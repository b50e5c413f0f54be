"""Older versions of Hadoop, each on a local cluster of its own: all that a kernel needs works."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.conftest import REPOSITORY
from tests.support.kernels import Kernel, final_status
from yarnkernel.local.options import HADOOP_VERSIONS

if TYPE_CHECKING:
    from tests.conftest import Shell


@pytest.mark.parametrize("version", HADOOP_VERSIONS[1:])
def test_kernels_on_older_hadoop(user_shell: Shell, name: str, version: str) -> None:
    start = ("cluster", "start", "--name", name)
    started = user_shell.yarnkernel(*start, "--hadoop-version", version, "--json", timeout=900)
    assert started.ok().document["hadoop"] == version
    assert "with other options, which it keeps" in user_shell.yarnkernel(*start).ok().err
    environment = user_shell.yarnkernel("cluster", "env", "--name", name, "--json").ok().document
    shell = user_shell.using(**environment)
    assert f"Hadoop {version}" in shell.run("yarn", "version").ok().out
    for via in ("direct", "skein"):
        app_id = shell.yarnkernel("start", "--via", via).ok().out.strip()
        with Kernel(shell.yarnkernel("connect", app_id).ok().document) as kernel:
            assert kernel.run("6 * 7") == "42"
            # From the NodeManager, whose web server is not that of Hadoop 3.5.
            assert "TCP without encryption" in shell.yarnkernel("logs", app_id).ok().out
            assert app_id in shell.yarnkernel("list").ok().out
            shell.yarnkernel("stop", app_id).ok()
        assert final_status(shell, app_id) == "SUCCEEDED"
        # From what it has collected.
        assert "TCP without encryption" in shell.yarnkernel("logs", app_id).ok().out
        spec = REPOSITORY / "specs/ipython.yaml"
        killed = shell.yarnkernel("submit", "--via", via, spec).ok().out.strip()
        shell.yarnkernel("stop", "--force", killed).ok()
    assert shell.yarnkernel("list", "--json").ok().document == []
