"""HTTP requests to the daemons of a local cluster."""

from __future__ import annotations

import json
import urllib.request
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from yarnkernel.local.state import ClusterState

#: Seconds for an HTTP request to a daemon.
REQUEST_TIMEOUT = 2.0

# Without the environment's proxy, as the daemons are on this machine.
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def get_json(url: str, *, timeout: float = REQUEST_TIMEOUT) -> Any:
    """Get a JSON document from a daemon; None if it does not answer with one."""
    try:
        with opener.open(url, timeout=timeout) as response:
            return json.load(response)
    except (OSError, ValueError):
        return None


def ask_resourcemanager(state: ClusterState, path: str) -> Any:
    """Get a JSON document under ``/ws/v1/cluster`` from the active ResourceManager, or None."""
    for address in state.web_addresses.values():
        # A standby ResourceManager redirects to the active one.
        answer = get_json(f"{address}/ws/v1/cluster/{path}")
        if answer is not None:
            return answer
    return None


def ha_states(state: ClusterState) -> dict[str, str]:
    """Return the states of the ResourceManagers of a pair.

    Returns
    -------
    dict of str to str
        ``"active"`` or ``"standby"``, by the names of those that answer; empty for a cluster with
        only one ResourceManager.
    """
    if not state.options.ha:
        return {}
    answers = {
        name: get_json(f"{address}/ws/v1/cluster/info")
        for name, address in state.web_addresses.items()
    }
    return {
        name: answer["clusterInfo"]["haState"].lower() for name, answer in answers.items() if answer
    }


def web_address(state: ClusterState) -> str:
    """Return the web page of the ResourceManager; in a pair, that of the active one."""
    first = next(iter(state.web_addresses))
    active = [name for name, role in ha_states(state).items() if role == "active"]
    return state.web_addresses[(active or [first])[0]]
