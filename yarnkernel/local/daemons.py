"""The daemons of a local cluster: start their processes, wait for them, find failures' causes."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
import urllib.request
from dataclasses import replace
from typing import TYPE_CHECKING

import psutil

from yarnkernel.errors import LocalClusterError, LocalClusterTimeoutError
from yarnkernel.local import class_archive, kdc, sites
from yarnkernel.local.state import JAVA_START_OPTIONS, MARK, DaemonState, cluster_directory
from yarnkernel.local.web import ask_resourcemanager, get_json, ha_states, opener
from yarnkernel.local.work_dir import mark_of

if TYPE_CHECKING:
    from pathlib import Path

    from yarnkernel.local.state import ClusterState

_YARN_SERVER = "org.apache.hadoop.yarn.server"
_HDFS_SERVER = "org.apache.hadoop.hdfs.server"
#: Main class and maximum heap in MiB, by the kind of daemon.
KINDS = {
    "resourcemanager": (f"{_YARN_SERVER}.resourcemanager.ResourceManager", 300),
    "nodemanager": (f"{_YARN_SERVER}.nodemanager.NodeManager", 256),
    "zookeeper": ("org.apache.zookeeper.server.ZooKeeperServerMain", 64),
    "namenode": (f"{_HDFS_SERVER}.namenode.NameNode", 192),
    "datanode": (f"{_HDFS_SERVER}.datanode.DataNode", 192),
    "kdc": (kdc.MAIN_CLASS, 96),
}
POLL_INTERVAL = 0.05
#: Seconds for a daemon to end after it is killed.
KILL_TIMEOUT = 10.0


class PortTakenError(LocalClusterError):
    """A daemon's port was taken by another process between its choice and the daemon's start."""


def log_path(state: ClusterState, name: str) -> Path:
    """Return the path of a daemon's log."""
    return state.path / "logs" / f"{name}.log"


def last_problem(log: Path) -> str:
    """Return the cause of a daemon's end from its log, in one line."""
    try:
        lines = log.read_text(errors="replace").splitlines()
    except OSError:
        return "it left no log"
    for pattern in (
        r"BindException: ",
        r"^Caused by: .*: ",
        r"^[\w.$]+(Exception|Error)\b.*: ",
        r" (FATAL|ERROR) ",
        r"^Error",
    ):
        for line in reversed(lines):
            if re.search(pattern, line):
                return re.sub(r"^\S+ \S+ (FATAL|ERROR) |^Caused by: ", "", line).strip()
    return lines[-1].strip() if lines else "its log is empty"


def _environment(state: ClusterState, role: str) -> dict[str, str]:
    unwanted = (
        *("HADOOP_", "YARN_", "HDFS_", "CLASSPATH", "JDK_JAVA_OPTIONS", "JAVA_TOOL_OPTIONS"),
        "JPY_",  # from a notebook that starts the cluster
        "KRB5",
    )
    environment = {k: v for k, v in os.environ.items() if not k.startswith(unwanted)}
    return environment | {
        **state.java_environment(),
        "HADOOP_CONF_DIR": str(state.path / "conf" / role),
        MARK: mark_of(cluster_directory(state.name)),
    }


def _command(state: ClusterState, name: str, main_class: str, heap: int) -> list[str]:
    logs = state.path / "logs"
    conf_dir = state.path / "conf" / role_of(name)
    if name == "kdc":  # its jars have their own log4j.properties
        classes = ["-cp", f"{conf_dir}:{state.path / 'kdc' / 'jars'}/*"]
    else:
        classes = [
            *class_archive.java_options(state, name),
            *("-cp", class_archive.class_path(state, conf_dir)),
        ]
    return [
        f"{state.java_home}/bin/java",
        f"-Xmx{heap}m",
        *JAVA_START_OPTIONS,
        *sites.JAVA_MODULE_OPTIONS,
        "-Djava.net.preferIPv4Stack=true",
        f"-Djava.io.tmpdir={state.path / 'tmp'}",
        f"-Dhadoop.log.dir={logs}",
        f"-Dyarn.log.dir={logs}",
        *classes,
        main_class,
    ]


def role_of(name: str) -> str:
    """Return the name of the directory with a daemon's site files."""
    return "client" if name in {"namenode", "datanode", "zookeeper", "kdc"} else name


def start_daemon(state: ClusterState, name: str) -> DaemonState:
    """Start one daemon in a new session and return at once."""
    main_class, heap = KINDS[name.rstrip("0123456789")]
    command = _command(state, name, main_class, heap)
    if name == "kdc":
        command += kdc.arguments(state)
    elif name == "zookeeper":
        command.append(str(state.path / "conf" / "zoo.cfg"))
    with log_path(state, name).open("ab") as log:
        process = subprocess.Popen(
            command,
            env=_environment(state, role_of(name)),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    return DaemonState(process.pid, psutil.Process(process.pid).create_time())


def restart_daemon(state: ClusterState, name: str) -> ClusterState:
    """Kill one daemon of a started cluster, if it still runs, and restart it.

    Return at once: the daemon's files and ports are unchanged.

    Returns
    -------
    ClusterState
        The cluster with its new process, already saved.

    Raises
    ------
    LocalClusterError
        When the daemon cannot be killed.
    """
    process = state.daemons[name].process()
    if process is not None:
        process.kill()
        try:
            process.wait(KILL_TIMEOUT)
        except psutil.TimeoutExpired:
            raise LocalClusterError(f"the {name} (pid {process.pid}) cannot be killed") from None
    state = replace(state, daemons={**state.daemons, name: start_daemon(state, name)})
    state.write()
    return state


def archive_classes(state: ClusterState) -> None:
    """Start making the archive in the background, so that later clusters start faster."""
    class_archive.make_later(state, _environment(state, "client"))


def format_namenode(state: ClusterState, timeout: float) -> None:
    """Format an empty HDFS."""
    main_class, heap = KINDS["namenode"]
    command = [
        *_command(state, "namenode", main_class, heap),
        "-format",
        "-nonInteractive",
        "-force",
    ]
    with log_path(state, "namenode-format").open("wb") as log:
        try:
            ended = subprocess.run(
                command,
                env=_environment(state, "client"),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                timeout=timeout,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise LocalClusterTimeoutError(
                f"HDFS was not formatted within {timeout:.0f} s"
            ) from None
    if ended.returncode:
        cause = last_problem(log_path(state, "namenode-format"))
        raise LocalClusterError(f"HDFS cannot be formatted: {cause}")


def make_hdfs_directories(state: ClusterState, user: str) -> None:
    """Make the directories that YARN's applications write to, by WebHDFS, which needs no JVM."""
    namenode = f"http://localhost:{state.ports['namenode-web']}/webhdfs/v1"
    for path, permission in ((f"/user/{user}", "755"), ("/tmp", "1777"), ("/tmp/logs", "1777")):  # noqa: S108
        request = urllib.request.Request(  # noqa: S310  (always http to this machine)
            f"{namenode}{path}?op=MKDIRS&permission={permission}&user.name={user}", method="PUT"
        )
        try:
            with opener.open(request, timeout=10) as response:
                made = json.load(response).get("boolean")
        except (OSError, ValueError) as exc:
            raise LocalClusterError(f"cannot make {path} in HDFS: {exc}") from exc
        if not made:
            raise LocalClusterError(f"cannot make {path} in HDFS")


def _is_ready(state: ClusterState, name: str) -> bool:
    if name.startswith("resourcemanager"):
        if state.options.ha and name not in ha_states(state):
            return False
        # The scheduler knows a node slightly later than the list of nodes does.
        answer = ask_resourcemanager(state, "metrics") or {}
        total = answer.get("clusterMetrics", {}).get("totalMB")
        return bool(total == state.options.nodemanagers * state.options.memory)
    if name == "datanode":
        url = f"http://localhost:{state.ports['namenode-web']}/jmx?qry=Hadoop:service=NameNode,name=FSNamesystemState"
        beans = (get_json(url) or {}).get("beans") or [{}]
        return bool(beans[0].get("NumLiveDataNodes") == 1)
    return name != "kdc" or kdc.READY in log_path(state, name).read_text(errors="replace")


def wait_until_ready(state: ClusterState, deadline: float) -> None:
    """Wait until all NodeManagers run and HDFS, if any, has its DataNode.

    Parameters
    ----------
    state : ClusterState
        A cluster whose daemons have been started.
    deadline : float
        In seconds of ``time.monotonic()``.

    Raises
    ------
    PortTakenError
        When a daemon's port was taken.
    LocalClusterError
        When a daemon ended, with the cause from its log.
    LocalClusterTimeoutError
        When the deadline passes.
    """
    waiting = list(state.daemons)
    while waiting:
        for name in state.dead_daemons():
            cause = last_problem(log_path(state, name))
            error = PortTakenError if "BindException" in cause else LocalClusterError
            raise error(
                f"the {name} ended while it started: {cause}; its log: {log_path(state, name)}"
            )
        waiting = [name for name in waiting if not _is_ready(state, name)]
        if not waiting:
            return
        if time.monotonic() > deadline:
            causes = "; ".join(f"{name}: {last_problem(log_path(state, name))}" for name in waiting)
            raise LocalClusterTimeoutError(
                f"the cluster was not ready in time; {causes}; logs: {state.path / 'logs'}"
            )
        time.sleep(POLL_INTERVAL)
