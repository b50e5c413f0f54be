"""A pair of ResourceManagers with automatic failover, and the ZooKeeper that they need.

The settings are those of ResourceManagerHA.html of Hadoop 3.5.0 and of
zookeeperAdmin.html of ZooKeeper 3.8.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from yarnkernel.local.state import ClusterState

#: Milliseconds without a heartbeat after which the active ResourceManager is replaced.
SESSION_TIMEOUT = 4000
#: Milliseconds; ZooKeeper grants sessions of 2 to 20 ticks.
TICK = SESSION_TIMEOUT // 4


def zookeeper_config(state: ClusterState) -> str:
    """Return ``zoo.cfg`` for a single server that listens on the loopback interface."""
    settings = {
        "dataDir": state.path / "data" / "zookeeper",
        "clientPortAddress": "127.0.0.1",
        "clientPort": state.ports["zookeeper"],
        "tickTime": TICK,
        "admin.enableServer": "false",
    }
    return "".join(f"{name}={value}\n" for name, value in settings.items())


def pair_site(state: ClusterState) -> dict[str, str]:
    """Return settings of ``yarn-site.xml`` that daemons and clients need for a pair."""
    return {
        "yarn.resourcemanager.ha.enabled": "true",
        "yarn.resourcemanager.ha.rm-ids": ",".join(state.options.resourcemanagers),
        "yarn.resourcemanager.cluster-id": state.name,
        "yarn.resourcemanager.zk-address": f"localhost:{state.ports['zookeeper']}",
        "yarn.resourcemanager.zk-timeout-ms": str(SESSION_TIMEOUT),
    }


def member_site(name: str) -> dict[str, str]:
    """Return settings for one ResourceManager of a pair."""
    return {
        "yarn.resourcemanager.ha.id": name,
        # The only store that keeps a replaced ResourceManager from writing.
        "yarn.resourcemanager.store.class": (
            "org.apache.hadoop.yarn.server.resourcemanager.recovery.ZKRMStateStore"
        ),
    }
