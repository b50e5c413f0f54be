"""What is wrong between this machine and the daemons."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tests.support.clocks import wrong_clock
from tests.support.daemons import free_ports
from tests.support.doctored import examined, failing
from tests.support.site_files import with_setting

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from tests.conftest import Shell

ADDRESS = "yarn.resourcemanager.address"


def test_healthy(user_shell: Shell, edge_node: Shell) -> None:
    """Nothing is wrong, and each says what there is."""
    for shell in (user_shell, edge_node):
        checks = examined(shell)
        assert failing(checks) == []
        states = {name: check["state"] for name, check in checks.items()}
        assert states["ResourceManager"] == states["login"] == states["clocks"] == "ok", checks
        assert "1 of 1 nodes run" in checks["ResourceManager"]["found"]
    assert "HADOOP_CONF_DIR" in checks["configuration"]["found"]
    assert ": taken" in checks["configuration"]["found"]
    text = user_shell.yarnkernel("doctor").ok().out
    assert [line.split()[0] for line in text.splitlines() if line[0] != " "] == [*states.values()]


def test_resource_manager(edge_node: Shell, cluster: dict[str, Any], tmp_path: Path) -> None:
    """Nobody listens there; somebody else does; there is no such host; nobody answers."""
    (port,) = free_ports(1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        cases = {
            f"127.0.0.1:{port}": ("Connection refused", "yarnkernel cluster status"),
            f"127.0.0.1:{urlsplit(cluster['web']).port}": (
                "127.0.0.1",
                "is that the port of yarn.resourcemanager.address?",
            ),
            "nowhere.invalid:8032": ("there is no such host", "does it run"),
            f"127.0.0.1:{silent.getsockname()[1]}": ("did not answer in time", "does it run"),
        }
        for number, (address, (why, todo)) in enumerate(cases.items()):
            directory = tmp_path / str(number)
            directory.mkdir()
            broken = with_setting(edge_node, ADDRESS, address, directory)
            checks = examined(broken, "--timeout", "6")
            found = checks["ResourceManager"]
            assert failing(checks) == ["ResourceManager"], checks
            assert why in found["found"] + found["why"]
            assert todo in found["todo"]
            assert checks["login"]["state"] == "skipped"
            assert checks["packages"]["state"] == "ok"


def test_login(user_shell: Shell, cluster: dict[str, Any]) -> None:
    """Who may not act for others is told so; the ResourceManager itself is in order."""
    assert cluster["running"]
    checks = examined(user_shell, acting_for="somebody-else")
    assert failing(checks) == ["login"]
    assert checks["ResourceManager"]["state"] == "ok"
    assert "HADOOP_PROXY_USER" in checks["login"]["found"]
    assert "not allowed to impersonate" in checks["login"]["why"]
    assert "without --user" in checks["login"]["todo"]


def test_clocks(user_shell: Shell, cluster: dict[str, Any]) -> None:
    assert cluster["running"]
    wrong = user_shell.using(**wrong_clock(400), FAKETIME_DONT_FAKE_MONOTONIC="1")
    checks = examined(wrong)
    assert failing(checks) == []
    assert checks["clocks"]["state"] == "warning"
    assert "s ahead of its" in checks["clocks"]["found"]
    assert "39" in checks["clocks"]["found"] or "40" in checks["clocks"]["found"]
    assert "chronyc" in checks["clocks"]["todo"]
