"""The files of a local cluster: site files for each daemon, commands for clients, directories."""

from __future__ import annotations

import shlex
import socket
from typing import TYPE_CHECKING

from yarnkernel.local import high_availability, kdc, sites
from yarnkernel.local.state import JAVA_START_OPTIONS
from yarnkernel.local.user import local_user

if TYPE_CHECKING:
    from pathlib import Path

    from yarnkernel.local.state import ClusterState

YARN_COMMAND = """\
cli=org.apache.hadoop.yarn.client.cli
case "$1" in
  classpath) printf '%s\\n' "$classpath" ;;
  application|app|applicationattempt|container) run $cli.ApplicationCLI "$@" ;;
  logs) shift; run $cli.LogsCLI "$@" ;;
  node) shift; run $cli.NodeCLI "$@" ;;
  queue) shift; run $cli.QueueCLI "$@" ;;
  rmadmin) shift; run $cli.RMAdminCLI "$@" ;;
  version) run org.apache.hadoop.util.VersionInfo ;;
  *)
    echo "yarn: here are application, classpath, container, logs, node, queue, rmadmin, version" >&2
    exit 2 ;;
esac
"""
FS_COMMAND = """\
case "$1" in
  fs|dfs) shift; run org.apache.hadoop.fs.FsShell "$@" ;;
  classpath) printf '%s\\n' "$classpath" ;;
  *) echo "${0##*/}: here are fs, dfs, classpath" >&2; exit 2 ;;
esac
"""


def _write_command(path: Path, text: str) -> None:
    path.write_text(f"#!/bin/sh\n{text}")
    path.chmod(0o755)


def _write_client_commands(state: ClusterState) -> None:
    java = [f"{state.java_home}/bin/java", *JAVA_START_OPTIONS, *sites.JAVA_MODULE_OPTIONS]
    common = (
        f"classpath={shlex.quote(f'{state.conf_dir}:{state.jars}/*')}\n"
        f'run() {{ exec {shlex.join(java)} -cp "$classpath" "$@"; }}\n'
    )
    _write_command(state.bin_dir / "yarn", common + YARN_COMMAND)
    for name in ("hadoop", "hdfs"):
        _write_command(state.bin_dir / name, common + FS_COMMAND)


def _write_sites(state: ClusterState) -> None:
    roles: dict[str, dict[str, str]] = {"client": {}}
    for name in state.options.resourcemanagers:
        roles[name] = sites.resourcemanager_site(state, name)
    for name in state.daemons_wanted():
        if name.startswith("nodemanager"):
            index = int(name.removeprefix("nodemanager"))
            roles[name] = sites.nodemanager_site(state, index)
    for role, of_role in roles.items():
        settings = sites.yarn_site(state) | of_role | dict(state.options.settings)
        directory = state.path / "conf" / role
        directory.mkdir(parents=True, exist_ok=True)
        files = {
            "core-site.xml": sites.to_xml(sites.core_site(state)),
            "yarn-site.xml": sites.to_xml(settings),
            "hdfs-site.xml": sites.to_xml(sites.hdfs_site(state)),
            "capacity-scheduler.xml": sites.to_xml(sites.capacity_scheduler(state)),
            "log4j.properties": sites.LOG4J_CLIENT if role == "client" else sites.LOG4J,
        }
        for name, text in files.items():
            (directory / name).write_text(text, encoding="utf-8")


def lay_out(
    state: ClusterState, *, java_home: str, jars: Path, kdc_jars: Path | None = None
) -> None:
    """Write all files that the daemons of a cluster read.

    Parameters
    ----------
    state : ClusterState
        The cluster; its directory exists and is empty.
    java_home : str
        The Java that runs its daemons.
    jars : pathlib.Path
        The directory with Hadoop's jars.
    kdc_jars : pathlib.Path, optional
        The directory with the KDC's jars, for a cluster with Kerberos.
    """
    (state.path / "java").symlink_to(java_home)
    (state.path / "jars").symlink_to(jars)
    user = local_user()
    homes = [f"data/fs/user/{name}" for name in (user, *([kdc.GUEST] if kdc_jars else []))]
    for directory in ("bin", "container-bin", "logs", "tmp", *homes):
        (state.path / directory).mkdir(parents=True)
    logs = state.path / "data/fs/tmp/logs"
    logs.mkdir(parents=True)
    logs.chmod(0o1777)
    # hadoop-hdfs's jar on Maven Central lacks the web pages that its daemons require.
    for pages in ("hdfs", "datanode"):
        (state.path / "conf" / "client" / "webapps" / pages).mkdir(parents=True)
    host = socket.gethostname()
    try:
        socket.getaddrinfo(host, None)
    except OSError:
        # NodeManagers and skein's ApplicationMaster fail if this machine's name cannot be resolved.
        state.hosts_file.write_text(f"127.0.0.1 localhost {host}\n")
    if kdc_jars is not None:
        kdc.lay_out(state, kdc_jars)
    _write_sites(state)
    if state.options.ha:
        zookeeper = high_availability.zookeeper_config(state)
        (state.path / "conf" / "zoo.cfg").write_text(zookeeper, encoding="utf-8")
    _write_client_commands(state)
    for name in ("hadoop", "hdfs", "yarn"):
        (state.path / "container-bin" / name).symlink_to(f"../bin/{name}")
    for name in ("python", "python3"):
        # Not a link, as a virtual environment's Python finds its packages by its own path.
        shim = f'exec {shlex.quote(state.python)} "$@"\n'
        _write_command(state.path / "container-bin" / name, shim)
