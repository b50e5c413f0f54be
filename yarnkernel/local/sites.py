"""Hadoop's site files for one local cluster.

The names and defaults of all settings are those of ``core-default.xml``,
``yarn-default.xml`` and ``hdfs-default.xml`` of Hadoop 3.5.0; the capacity
scheduler's are in its own documentation.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from yarnkernel.local import high_availability, security
from yarnkernel.local.state import MARK
from yarnkernel.local.user import local_user

if TYPE_CHECKING:
    from collections.abc import Mapping

    from yarnkernel.local.state import ClusterState

Settings = dict[str, str]

LOG4J = """\
log4j.rootLogger=INFO,console
log4j.appender.console=org.apache.log4j.ConsoleAppender
log4j.appender.console.target=System.err
log4j.appender.console.layout=org.apache.log4j.PatternLayout
log4j.appender.console.layout.ConversionPattern=%d{ISO8601} %p %c{2}: %m%n
log4j.logger.org.apache.hadoop.util.NativeCodeLoader=ERROR
"""
#: The client's commands only show their results and problems.
LOG4J_CLIENT = LOG4J.replace("INFO,console", "WARN,console", 1)

#: Options for Hadoop's JVMs since Java 17: hadoop_finalize_jpms_opts in hadoop-functions.sh.
JAVA_MODULE_OPTIONS = (
    "-XX:+IgnoreUnrecognizedVMOptions",
    *(
        f"--add-opens=java.base/{package}=ALL-UNNAMED"
        for package in (
            "java.io", "java.lang", "java.lang.reflect", "java.math", "java.net", "java.text",
            "java.util", "java.util.concurrent", "java.util.zip", "sun.security.util",
            "sun.security.x509",
        )
    ),
    "--enable-native-access=ALL-UNNAMED",
)  # fmt: skip
#: Variables that containers get from their NodeManager if the application does not set them.
CONTAINER_VARIABLES = (
    "JAVA_HOME", "HADOOP_CONF_DIR", "JDK_JAVA_OPTIONS", "JAVA_TOOL_OPTIONS", "LANG", "TZ", MARK,
)  # fmt: skip


def to_xml(settings: Mapping[str, str]) -> str:
    """Return settings as a Hadoop site file."""
    properties = "".join(
        f"  <property><name>{escape(name)}</name><value>{escape(value)}</value></property>\n"
        for name, value in settings.items()
    )
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<configuration>\n{properties}</configuration>\n'
    )


def core_site(state: ClusterState) -> Settings:
    """Return settings of ``core-site.xml``, the same for all daemons and clients."""
    user = local_user()
    settings = {
        "hadoop.tmp.dir": str(state.path / "tmp" / "hadoop"),
        # Without lookup of groups in the operating system, where the user may have none.
        "hadoop.user.group.static.mapping.overrides": f"{user}={user};dr.who=;",
        # Reports a cluster that is down in a second rather than ten minutes.
        "ipc.client.connect.max.retries": "3",
        "ipc.client.connect.retry.interval": "300",
    }
    if state.options.hdfs:
        settings["fs.defaultFS"] = f"hdfs://localhost:{state.ports['namenode']}"
    else:
        # Not file:///, with which skein fails with a NullPointerException (Utils.equalFs).
        settings |= {
            "fs.defaultFS": "viewfs://local/",
            "fs.viewfs.mounttable.local.homedir": "/user",
            "fs.viewfs.mounttable.local.link./user": (state.path / "data/fs/user").as_uri(),
            "fs.viewfs.mounttable.local.link./tmp": (state.path / "data/fs/tmp").as_uri(),
        }
    settings["hadoop.rpc.protection"] = state.options.rpc_protection
    return settings | (security.core_site() if state.options.kerberos else {})


def yarn_site(state: ClusterState) -> Settings:
    """Return settings of ``yarn-site.xml`` that all daemons and clients share."""
    settings = _resourcemanager_addresses(state) | {
        "yarn.application.classpath": f"{state.conf_dir},{state.jars}/*",
        "yarn.resourcemanager.connect.max-wait.ms": "60000",
        "yarn.resourcemanager.connect.retry-interval.ms": "500",
        "yarn.client.nodemanager-connect.max-wait-ms": "15000",
        "yarn.client.nodemanager-connect.retry-interval-ms": "500",
        "yarn.client.application-client-protocol.poll-interval-ms": "50",
        # For unpacking an environment: without its native library, Hadoop runs chmod for each file.
        "yarn.am.liveness-monitor.expiry-interval-ms": "300000",
        "yarn.resourcemanager.am.max-attempts": "2",
        "yarn.scheduler.minimum-allocation-mb": "64",
        "yarn.scheduler.minimum-allocation-vcores": "1",
        "yarn.log-aggregation-enable": "true",
        "yarn.nodemanager.remote-app-log-dir": "/tmp/logs",  # noqa: S108  (of the cluster)
        "yarn.nodemanager.remote-app-log-dir-suffix": "logs",
    }
    return settings | (security.yarn_site(state) if state.options.kerberos else {})


def _resourcemanager_addresses(state: ClusterState) -> Settings:
    settings = high_availability.pair_site(state) if state.options.ha else {}
    for name in state.options.resourcemanagers:
        suffix = f".{name}" if state.options.ha else ""
        settings[f"yarn.resourcemanager.hostname{suffix}"] = "localhost"
        for setting, use in (
            ("address", ""),
            ("scheduler.address", "-scheduler"),
            ("resource-tracker.address", "-resource-tracker"),
            ("admin.address", "-admin"),
            ("webapp.address", "-web"),
        ):
            address = f"localhost:{state.ports[f'{name}{use}']}"
            settings[f"yarn.resourcemanager.{setting}{suffix}"] = address
    return settings


def resourcemanager_site(state: ClusterState, name: str) -> Settings:
    """Return settings for one ResourceManager only; a container may be as large as a node."""
    settings = {
        "yarn.scheduler.maximum-allocation-mb": str(state.options.memory),
        "yarn.scheduler.maximum-allocation-vcores": str(state.options.vcores),
        "yarn.resourcemanager.recovery.enabled": "true",
        "yarn.resourcemanager.store.class": (
            "org.apache.hadoop.yarn.server.resourcemanager.recovery.FileSystemRMStateStore"
        ),
        "yarn.resourcemanager.fs.state-store.uri": (state.path / "data/rm-state").as_uri(),
        "yarn.resourcemanager.work-preserving-recovery.enabled": "true",
        "yarn.resourcemanager.work-preserving-recovery.scheduling-wait-ms": "1000",
        "yarn.resourcemanager.nodemanagers.heartbeat-interval-ms": "500",
        "yarn.nm.liveness-monitor.expiry-interval-ms": "10000",
        "yarn.resourcemanager.rm.container-allocation.expiry-interval-ms": "30000",
        # Distinguishes several NodeManagers on one host.
        "yarn.scheduler.include-port-in-node-name": "true",
        # By default, all clusters of a user share one directory in /tmp.
        "yarn.node-attribute.fs-store.root-dir": (state.path / "data/node-attributes").as_uri(),
        "yarn.resourcemanager.client.thread-count": "10",
        "yarn.resourcemanager.scheduler.client.thread-count": "10",
        "yarn.resourcemanager.resource-tracker.client.thread-count": "10",
    }
    return settings | high_availability.member_site(name) if state.options.ha else settings


def capacity_scheduler(state: ClusterState) -> Settings:
    """Return settings for two queues: ``default``, and ``small`` with at most a fifth of all."""
    prefix = "yarn.scheduler.capacity."
    settings = {
        f"{prefix}root.queues": "default,small",
        f"{prefix}root.default.capacity": "80",
        f"{prefix}root.default.maximum-capacity": "100",
        f"{prefix}root.default.user-limit-factor": "10",
        f"{prefix}root.small.capacity": "20",
        f"{prefix}root.small.maximum-capacity": "20",
        # Every application here is an ApplicationMaster that contains its kernel.
        f"{prefix}maximum-am-resource-percent": "1.0",
        f"{prefix}resource-calculator": (
            "org.apache.hadoop.yarn.util.resource.DominantResourceCalculator"
        ),
        f"{prefix}node-locality-delay": "-1",
        # By default a thread polls 200 times a second, which causes a noticeable load.
        f"{prefix}schedule-asynchronously.scheduling-interval-ms": "50",
        f"{prefix}per-node-heartbeat.maximum-offswitch-assignments": "100",
    }
    return settings | (security.capacity_scheduler() if state.options.kerberos else {})


def nodemanager_site(state: ClusterState, index: int) -> Settings:
    """Return settings for one NodeManager, which has its own loopback address, like a host."""
    name = f"nodemanager{index}"
    host = f"127.0.0.{index + 1}" if index else "localhost"
    ports = state.ports
    return {
        "yarn.nodemanager.hostname": host,
        # Recovery needs a fixed port.
        "yarn.nodemanager.address": f"{host}:{ports[name]}",
        "yarn.nodemanager.localizer.address": f"{host}:{ports[f'{name}-localizer']}",
        "yarn.nodemanager.webapp.address": f"{host}:{ports[f'{name}-web']}",
        "yarn.nodemanager.local-dirs": str(state.path / "data" / name / "local"),
        "yarn.nodemanager.log-dirs": str(state.path / "logs" / "containers" / name),
        "yarn.nodemanager.resource.memory-mb": str(state.options.memory),
        "yarn.nodemanager.resource.cpu-vcores": str(state.options.vcores),
        "yarn.nodemanager.vmem-check-enabled": "false",
        "yarn.nodemanager.pmem-check-enabled": "true",
        # True, the default, leaves the check to control groups, even if none are used.
        "yarn.nodemanager.resource.memory.enforced": "false",
        "yarn.nodemanager.container-monitor.interval-ms": "1000",
        # A laptop's disk that is 90 % full should not stop all containers.
        "yarn.nodemanager.disk-health-checker.enable": "false",
        "yarn.nodemanager.sleep-delay-before-sigkill.ms": "1000",
        "yarn.nodemanager.recovery.enabled": "true",
        "yarn.nodemanager.recovery.dir": str(state.path / "data" / name / "recovery"),
        "yarn.nodemanager.recovery.supervised": "true",
        "yarn.nodemanager.env-whitelist": ",".join(CONTAINER_VARIABLES),
        # Containers find the Python that started the cluster (container-bin has shims for it).
        "yarn.nodemanager.admin-env.PATH": container_path(state),
    }


def container_path(state: ClusterState) -> str:
    """Return the containers' ``PATH``."""
    return os.pathsep.join(
        (
            str(state.path / "container-bin"),
            str(Path(state.python).parent),
            "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        )
    )


def hdfs_site(state: ClusterState) -> Settings:
    """Return settings for one NameNode and one DataNode."""
    if not state.options.hdfs:
        return {}
    settings = {
        "dfs.replication": "1",
        "dfs.namenode.name.dir": (state.path / "data/namenode").as_uri(),
        "dfs.datanode.data.dir": (state.path / "data/datanode").as_uri(),
        "dfs.namenode.rpc-address": f"localhost:{state.ports['namenode']}",
        "dfs.namenode.http-address": f"localhost:{state.ports['namenode-web']}",
        "dfs.datanode.address": "localhost:0",
        "dfs.datanode.ipc.address": "localhost:0",
        "dfs.datanode.http.address": "localhost:0",
        "dfs.namenode.safemode.extension": "0",
        "dfs.namenode.datanode.registration.ip-hostname-check": "false",
        "dfs.datanode.du.reserved": "0",
        "dfs.namenode.resource.du.reserved": "0",
    }
    return settings | (security.hdfs_site(state) if state.options.kerberos else {})
