"""A cluster of several hosts, in networks of their own; test_cluster.py has several nodes here."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from tests.conftest import REPOSITORY, Result, Shell, clean_environment, wait_for
from tests.support.kernels import RECIPE, write_spec

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Two of these do not fit on one node of 8 GiB.
LARGE = "{memory: 5 GiB, vcores: 1}"
MANAGER = "10.77.0.1"
NODES = ("10.77.0.2", "10.77.0.3")
#: Names of the networks have to be nobody else's.
NAMES = [f"yk{os.getpid()}-{part}" for part in ("rm", "n1", "n2")]
ASK = (
    "import json, sys; from tests.support.kernels import Kernel; "
    "print(Kernel(json.load(open(sys.argv[1]))).run('6 * 7'))"
)


@dataclass
class Networks:
    """Commands typed on the ResourceManager's host."""

    shell: Shell

    def run(self, *command: str | Path, **options: Any) -> Result:
        return self.shell.run("ip", "netns", "exec", NAMES[0], *command, **options)

    def yarnkernel(self, *arguments: str | Path, **options: Any) -> Result:
        return self.run("yarnkernel", *arguments, **options)


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, timeout=20)


def _make_networks() -> None:
    """A bridge on the first host, and a cable to each of the others."""
    manager, *nodes = NAMES
    for name in NAMES:
        _ip("netns", "add", name)
        _ip("-n", name, "link", "set", "lo", "up")
    _ip("-n", manager, "link", "add", "bridge", "type", "bridge")
    _ip("-n", manager, "address", "add", f"{MANAGER}/24", "dev", "bridge")
    _ip("-n", manager, "link", "set", "bridge", "up")
    for name, address in zip(nodes, NODES, strict=True):
        port = name.rpartition("-")[2]
        _ip(
            "link", "add", port, "netns", manager, "type", "veth",
            "peer", "name", "cable", "netns", name,
        )  # fmt: skip
        _ip("-n", manager, "link", "set", port, "master", "bridge", "up")
        _ip("-n", name, "address", "add", f"{address}/24", "dev", "cable")
        _ip("-n", name, "link", "set", "cable", "up")


def _move_to_network(path: Path, own: str) -> None:
    """Put other addresses into a site file."""
    nodemanager = r"(<name>yarn\.nodemanager\.[a-z.]*</name><value>)(?:localhost|127\.0\.0\.\d)"
    text = re.sub(nodemanager, rf"\g<1>{own}", path.read_text())
    path.write_text(re.sub(r"<value>localhost", f"<value>{MANAGER}", text))


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Networks]:
    if os.getuid() != 0 or shutil.which("ip") is None:
        pytest.skip("needs root and ip: makes hosts with networks of their own")
    if subprocess.run(["unshare", "--net", "true"], check=False, timeout=20).returncode:
        pytest.skip("needs the right to make networks")
    home = tmp_path_factory.mktemp("hosts")
    shell = Shell(clean_environment(home), home)
    document = shell.yarnkernel("cluster", "start", "--nodemanagers", "2", "--json").ok().document
    directory = Path(document["directory"])
    daemons = json.loads((directory / "cluster.json").read_text())["daemons"]
    restarted = []
    try:
        _make_networks()
        started = {}
        for name, daemon in daemons.items():
            process = psutil.Process(daemon["pid"])
            started[name] = process.cmdline(), process.environ()
            process.kill()
            process.wait(10)
        places = {"nodemanager0": (NAMES[1], NODES[0]), "nodemanager1": (NAMES[2], NODES[1])}
        for name in ("client", *daemons):
            network, address = places.get(name, (NAMES[0], MANAGER))
            for path in (directory / "conf" / name).glob("*-site.xml"):
                _move_to_network(path, address)
            if name in started:
                command, environment = started[name]
                with (directory / "logs" / f"{name}.log").open("ab") as log:
                    restarted.append(
                        subprocess.Popen(
                            ["ip", "netns", "exec", network, *command],
                            env=environment,
                            stdin=subprocess.DEVNULL,
                            stdout=log,
                            stderr=log,
                            start_new_session=True,
                        )
                    )
        # A cluster like any other: not known as a local one.
        shutil.copytree(directory / "conf" / "client", home / "conf")
        (home / "bin").mkdir()
        yarn = (directory / "bin" / "yarn").read_text()
        (home / "bin" / "yarn").write_text(yarn.replace(f"{directory}/conf/client", f"{home}/conf"))
        (home / "bin" / "yarn").chmod(0o755)
        path = f"{home / 'bin'}{os.pathsep}{shell.environment['PATH']}"
        java = str(directory / "java")
        networks = Networks(
            shell.using(HADOOP_CONF_DIR=str(home / "conf"), PATH=path, JAVA_HOME=java)
        )
        web = document["web"].replace("localhost", MANAGER) + "/ws/v1/cluster/metrics"
        wait_for(
            lambda: '"activeNodes":2' in networks.run("curl", "-sS", "-m", "5", web).out,
            60,
            "two nodes",
        )
        wait_for(lambda: networks.yarnkernel("list").code == 0, 30, "the ResourceManager's answer")
        yield networks
    finally:
        shell.yarnkernel("cluster", "stop")
        for daemon_process in restarted:
            daemon_process.wait(20)
        for name in NAMES:
            with contextlib.suppress(subprocess.CalledProcessError):
                _ip("netns", "delete", name)


def test_kernels_on_other_hosts_and_a_host_that_is_lost(networks: Networks, tmp_path: Path) -> None:
    spec = write_spec(tmp_path, RECIPE, resources=LARGE)
    hosts = {}
    for _ in NODES:
        started = networks.yarnkernel("start", spec, "--json").ok().document
        file = started["connection_file"]
        hosts[json.loads(Path(file).read_text())["ip"]] = started["id"]
        assert networks.run("python", "-c", ASK, file, cwd=REPOSITORY).ok().out == "42\n"
    assert set(hosts) == set(NODES)

    lost, kept = (hosts[address] for address in NODES)
    _ip("-n", NAMES[1], "link", "set", "cable", "down")
    begin = time.monotonic()
    error = networks.yarnkernel("interrupt", lost).error(1)
    assert f"{lost}: its ApplicationMaster at {NODES[0]}:" in error
    assert "does not answer" in error
    assert networks.yarnkernel("interrupt", kept).ok().code == 0
    listed = networks.yarnkernel("list").ok().out
    assert lost in listed
    assert kept in listed
    assert time.monotonic() - begin < 25

    def failed() -> str | None:
        status = networks.yarnkernel("status", lost, "--json").ok().document
        return str(status["reason"]) if status["state"] == "FAILED" else None

    assert "*lost* node" in wait_for(failed, 60, "the application of the lost node ended")
    error = networks.yarnkernel("connect", lost).error(1)
    assert f"{lost} ended before its kernel could be used: FAILED" in error
    networks.yarnkernel("stop", kept).ok()
