"""The ResourceManager of a user's local cluster, asked over HTTP.

A command that is typed again and again until something is over takes the time that it waits for
from the tests beside it: 0.15 s of a processor each time.
"""

from __future__ import annotations

import contextlib
import getpass
import json
import sys
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from yarnkernel.local.web import get_json, opener

if TYPE_CHECKING:
    from tests.conftest import Shell

ACTIVE = "apps?states=NEW,NEW_SAVING,SUBMITTED,ACCEPTED,RUNNING"
ENDED = ("FINISHED", "FAILED", "KILLED")


def ask(shell: Shell, path: str) -> Any:
    """Get a document of the REST API; None where a user's cluster is no plain local one."""
    environment = shell.environment
    conf_dir = environment.get("HADOOP_CONF_DIR")
    state = environment.get("XDG_STATE_HOME") or f"{environment['HOME']}/.local/state"
    directory = (
        Path(conf_dir).parent.parent if conf_dir else Path(state, "yarnkernel/clusters/default")
    )
    with contextlib.suppress(OSError, KeyError):
        ports = json.loads((directory / "cluster.json").read_text())["ports"]
        return get_json(f"http://localhost:{ports['resourcemanager-web']}/ws/v1/cluster/{path}")
    return None


def has_ended(shell: Shell, app_id: str) -> bool:
    """Whether an application has ended; also where only a command could tell."""
    answer = ask(shell, f"apps/{app_id}")
    return answer is None or answer["app"]["state"] in ENDED


def end_what_began(web: str, since: float) -> None:
    """End what a test that failed has left behind: its commands, and then its applications.

    Parameters
    ----------
    web : str
        The ResourceManager's page.
    since : float
        When the test began: applications that are older belong to others. No command does.
    """
    for child in psutil.Process().children():
        with contextlib.suppress(psutil.Error):
            if str(Path(sys.executable).with_name("yarnkernel")) in _command_line(child):
                child.kill()
    end = time.monotonic() + 30
    while (left := _begun(web, since)) and time.monotonic() < end:
        for app_id in left:
            request = urllib.request.Request(  # noqa: S310  (to this machine)
                f"{web}/ws/v1/cluster/apps/{app_id}/state?user.name={getpass.getuser()}",
                data=b'{"state": "KILLED"}',
                headers={"Content-Type": "application/json"},
                method="PUT",
            )
            with contextlib.suppress(OSError):
                opener.open(request, timeout=10).close()
        time.sleep(0.2)


def _command_line(child: psutil.Process) -> list[str]:
    """Get the words of a process; it has none for a moment while its program is loaded."""
    end = time.monotonic() + 5
    while not (words := child.cmdline()) and time.monotonic() < end:
        time.sleep(0.01)
    return words


def _begun(web: str, since: float) -> list[str]:
    answer = get_json(f"{web}/ws/v1/cluster/{ACTIVE}")
    found = ((answer or {}).get("apps") or {}).get("app") or []
    return [app["id"] for app in found if app["startedTime"] >= since * 1000]
