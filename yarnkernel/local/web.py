"""What the daemons of a local cluster tell over HTTP."""

from __future__ import annotations

import json
import urllib.request
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from yarnkernel.local.state import ClusterState

#: Seconds that an HTTP request to a daemon may take.
REQUEST_TIMEOUT = 2.0

# A proxy of the environment is never asked for a daemon on this machine.
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def get_json(url: str, *, timeout: float = REQUEST_TIMEOUT) -> Any:
    """Get a JSON document from a daemon; None when it does not answer with one."""
    try:
        with opener.open(url, timeout=timeout) as response:
            return json.load(response)
    except (OSError, ValueError):
        return None


def ask_resourcemanager(state: ClusterState, path: str) -> Any:
    """Get a JSON document below ``/ws/v1/cluster`` from the active ResourceManager, or None."""
    for address in state.web_addresses.values():
        # One in standby redirects to the active one.
        answer = get_json(f"{address}/ws/v1/cluster/{path}")
        if answer is not None:
            return answer
    return None


def ha_states(state: ClusterState) -> dict[str, str]:
    """Ask the ResourceManagers of a pair for their states.

    Returns
    -------
    dict of str to str
        ``"active"`` or ``"standby"``, by the names of those that answer; empty
        for a cluster with one ResourceManager alone.
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
    """Return the web page of the ResourceManager, of a pair that of the active one."""
    first = next(iter(state.web_addresses))
    active = [name for name, role in ha_states(state).items() if role == "active"]
    return state.web_addresses[(active or [first])[0]]
