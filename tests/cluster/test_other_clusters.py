"""Clusters whose administrators have set what others have not."""

from __future__ import annotations

import getpass
import shutil
import socket
from typing import TYPE_CHECKING

import pytest

from tests.conftest import Shell, finish
from tests.support.kernels import RECIPE, write_spec
from yarnkernel.hadoop.site_files import load_configuration
from yarnkernel.local.sites import to_xml

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.way("direct")
NAME = "others"
#: The ResourceManager forgets what has ended; NodeManagers stand between it and ApplicationMasters;
#: the user may act for others.
SETTINGS = {
    "yarn.resourcemanager.max-completed-applications": "0",
    "yarn.nodemanager.amrmproxy.enabled": "true",
    f"hadoop.proxyuser.{getpass.getuser()}.hosts": "*",
    f"hadoop.proxyuser.{getpass.getuser()}.groups": "*",
}


@pytest.fixture(scope="module")
def unprepared(user_shell: Shell, free_port: int) -> Iterator[Shell]:
    """A user who does not know of the proxy between ApplicationMasters and ResourceManager."""
    settings = SETTINGS | {"yarn.nodemanager.amrmproxy.address": f"127.0.0.1:{free_port}"}
    options = [part for item in settings.items() for part in ("--set", "=".join(item))]
    user_shell.yarnkernel("cluster", "start", "--name", NAME, *options, timeout=300).ok()
    environment = user_shell.yarnkernel("cluster", "env", "--name", NAME, "--json").ok().document
    yield user_shell.using(**environment)
    user_shell.yarnkernel("cluster", "stop", "--name", NAME).ok()


@pytest.fixture(scope="module")
def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.fixture(scope="module")
def shell(unprepared: Shell, free_port: int, tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """A user whose site files have the address of that proxy."""
    conf_dir = tmp_path_factory.mktemp("edge") / "conf"
    shutil.copytree(unprepared.environment["HADOOP_CONF_DIR"], conf_dir)
    settings = load_configuration(conf_dir).settings
    settings["yarn.resourcemanager.scheduler.address"] = f"127.0.0.1:{free_port}"
    (conf_dir / "yarn-site.xml").write_text(to_xml(settings))
    return unprepared.using(HADOOP_CONF_DIR=str(conf_dir))


def test_token_that_is_refused(unprepared: Shell) -> None:
    """It does not become valid: the start ends in seconds, with the reason."""
    started = unprepared.yarnkernel("start", "--timeout", "100")
    error = started.error(1)
    assert started.seconds < 60
    assert "does not register us: Invalid AMRMToken" in error
    assert "yarn.nodemanager.amrmproxy.enabled" in error
    assert "never awaited" not in error


def test_end_that_is_forgotten(shell: Shell) -> None:
    """Who is known no more by the ResourceManager that had it has ended."""
    app_id = shell.yarnkernel("start").ok().out.strip()
    follower = shell.start("yarnkernel", "logs", "--follow", app_id)
    assert follower.stdout
    assert "TCP" in follower.stdout.readline()
    for said in ("FINISHED", "had ended already"):
        assert said in shell.yarnkernel("stop", app_id).ok().err
    assert finish(follower)[0].count("TCP") == 0, "what it had printed"
    assert follower.returncode == 0
    assert "TCP" in shell.yarnkernel("logs", app_id).ok().out
    error = shell.yarnkernel("status", app_id).error(1)
    assert f"does not know {app_id} any more: it has ended" in error
    assert f"next: yarnkernel logs {app_id}" in error
    never = f"{app_id[:-4]}9999"
    assert f"does not know {never}\n" in shell.yarnkernel("stop", never).error(1)


def test_start_that_is_forgotten(shell: Shell, tmp_path: Path) -> None:
    """The reason is in the log, which is looked for."""
    spec = write_spec(tmp_path, f"echo the reason\nexit 3 # {RECIPE}")
    started = shell.yarnkernel("start", spec, "--timeout", "100")
    error = started.error(1)
    assert started.seconds < 60
    assert "ended before its kernel could be used" in error
    assert "    the reason" in error
    assert "next: yarnkernel list" not in started.err


def test_container_that_never_registers(shell: Shell, tmp_path: Path) -> None:
    """To give it longer would not help: what it has written may tell."""
    spec = write_spec(tmp_path, f"echo what I wait for\nexec sleep 600 # {RECIPE}")
    error = shell.yarnkernel("start", spec, "--timeout", "8").error(3)
    assert "its container runs, and has not registered with YARN" in error
    assert "    what I wait for" in error
    assert "give it longer" not in error


def test_for_somebody_else(shell: Shell) -> None:
    """HADOOP_PROXY_USER or --user: all is done as, and for, that user."""
    alice = shell.using(HADOOP_PROXY_USER="alice")
    own = shell.yarnkernel("start").ok().out.strip()
    hers = shell.yarnkernel("--user", "alice", "start").ok().out.strip()
    listed = {a["id"]: a["user"] for a in shell.yarnkernel("list", "--json").ok().document}
    assert listed == {own: getpass.getuser(), hers: "alice"}
    assert [a["id"] for a in alice.yarnkernel("stop", "--all", "--json").ok().document] == [hers]
    (left,) = shell.yarnkernel("list", "--json").ok().document
    assert left["id"] == own
    shell.yarnkernel("stop", own).ok()
    bob = shell.using(HADOOP_USER_NAME="bob", HADOOP_PROXY_USER="alice")
    assert "bob is not allowed to impersonate alice" in bob.yarnkernel("list").error(1)
