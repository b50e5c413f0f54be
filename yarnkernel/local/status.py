"""The status of a local cluster: its daemons, its memory, its applications."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import psutil

from yarnkernel.local.web import ask_resourcemanager, ha_states, web_address

if TYPE_CHECKING:
    from yarnkernel.local.state import ClusterState


def cluster_status(state: ClusterState) -> dict[str, Any]:
    """Return the status of a cluster.

    Returns
    -------
    dict
        ``name``, ``running``, ``web``, ``hadoop`` (its version), ``hdfs``, ``kerberos``,
        ``directory``, ``daemons`` (name, pid, running, resident memory in
        bytes, ``ha_state`` in a pair: ``"active"`` or ``"standby"``),
        ``ports``, ``memory`` in bytes and ``vcores`` (each with ``used`` and ``total``)
        and ``applications`` (id, name, state, queue, memory in bytes).
    """
    dead = state.dead_daemons()
    ha = ha_states(state)
    metrics = ask_resourcemanager(state, "metrics") or {}
    metrics = metrics.get("clusterMetrics", {})
    return {
        "name": state.name,
        "running": not state.missing_daemons() and bool(metrics),
        "web": web_address(state),
        "hadoop": state.options.hadoop_version,
        "hdfs": state.options.hdfs,
        "kerberos": state.options.kerberos,
        "directory": state.directory,
        "daemons": [
            {
                "name": name,
                "pid": d.pid,
                "running": name not in dead,
                "memory": _rss(d.process()),
                "ha_state": ha.get(name),
            }
            for name, d in state.daemons.items()
        ],
        "ports": state.ports,
        "memory": {
            "used": _bytes(metrics.get("allocatedMB")),
            "total": _bytes(metrics.get("totalMB")),
        },
        "vcores": {
            "used": metrics.get("allocatedVirtualCores"),
            "total": metrics.get("totalVirtualCores"),
        },
        "applications": _applications(state),
    }


def _bytes(mib: int | None) -> int | None:
    return None if mib is None else mib << 20


def _rss(process: psutil.Process | None) -> int:
    with contextlib.suppress(psutil.Error):
        if process is not None:
            return int(process.memory_info().rss)
    return 0


def _applications(state: ClusterState) -> list[dict[str, Any]]:
    answer = ask_resourcemanager(state, "apps?states=NEW,NEW_SAVING,SUBMITTED,ACCEPTED,RUNNING")
    found = ((answer or {}).get("apps") or {}).get("app") or []
    return [
        {
            "id": app["id"],
            "name": app["name"],
            "state": app["state"],
            "queue": app["queue"],
            "memory": _bytes(max(app.get("allocatedMB", 0), 0)),
        }
        for app in found
    ]
