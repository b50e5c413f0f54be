"""What a scheduler that heeds them does with priorities, node labels and GPUs."""

from __future__ import annotations

import getpass
import json
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import wait_for
from tests.support.kernels import RECIPE, Kernel, write_spec

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Shell

LABEL = "fast"
#: A label that no node has; the queue "small" asks for it where nobody says otherwise.
NOWHERE = "nowhere"
#: Fills a node of this cluster.
SMALL_NODE, WHOLE_NODE = "1024", "{memory: 1024 MiB, vcores: 1}"
QUEUES = "yarn.scheduler.capacity.root"
SETTINGS = {
    "yarn.cluster.max-application-priority": "10",
    "yarn.node-labels.enabled": "true",
    f"{QUEUES}.accessible-node-labels": f"{LABEL},{NOWHERE}",
    f"{QUEUES}.accessible-node-labels.{NOWHERE}.capacity": "100",
    f"{QUEUES}.default.accessible-node-labels.{NOWHERE}.capacity": "0",
    f"{QUEUES}.small.accessible-node-labels": f"{LABEL},{NOWHERE}",
    f"{QUEUES}.small.accessible-node-labels.{NOWHERE}.capacity": "100",
    f"{QUEUES}.small.default-node-label-expression": NOWHERE,
    f"{QUEUES}.accessible-node-labels.{LABEL}.capacity": "100",
    f"{QUEUES}.default.accessible-node-labels": f"{LABEL},{NOWHERE}",
    f"{QUEUES}.default.accessible-node-labels.{LABEL}.capacity": "100",
    f"{QUEUES}.small.accessible-node-labels.{LABEL}.capacity": "0",
    # Counted only: this machine need not have any.
    "yarn.resource-types": "yarn.io/gpu",
    "yarn.nodemanager.resource-type.yarn.io/gpu": "1",
}


@pytest.fixture
def labelled(user_shell: Shell, name: str, tmp_path: Path) -> tuple[Shell, str]:
    """A cluster of two small nodes; the second one, 127.0.0.2, has a label."""
    settings = SETTINGS | {"yarn.node-labels.fs-store.root-dir": (tmp_path / "labels").as_uri()}
    start = ["cluster", "start", "--name", name, "--nodemanagers", "2", "--memory", SMALL_NODE]
    for setting, value in settings.items():
        start += ["--set", f"{setting}={value}"]
    web = user_shell.yarnkernel(*start, "--json").ok().document["web"]
    labels = [{"name": name, "exclusivity": "true"} for name in (LABEL, NOWHERE)]
    ask(web, "add-node-labels", {"nodeLabelInfo": labels})
    (second,) = [
        node["id"] for node in ask(web, "nodes")["nodes"]["node"] if "127.0.0.2" in node["id"]
    ]
    mapping = {"nodeToLabels": [{"nodeId": second, "labels": [LABEL]}]}
    ask(web, "replace-node-to-labels", mapping)
    environment = user_shell.yarnkernel("cluster", "env", "--name", name, "--json").ok().document
    return user_shell.using(**environment), web


def ask(web: str, path: str, document: Any = None) -> Any:
    """Ask the ResourceManager's REST API, or tell it something."""
    request = urllib.request.Request(  # noqa: S310
        f"{web}/ws/v1/cluster/{path}?user.name={getpass.getuser()}",
        data=None if document is None else json.dumps(document).encode(),
        headers={"Content-Type": "application/json", "Accept": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=20) as response:  # noqa: S310
        text = response.read()
    return json.loads(text) if document is None else text


def test_what_the_scheduler_heeds(labelled: tuple[Shell, str], tmp_path: Path) -> None:
    shell, web = labelled
    spec = write_spec(tmp_path, RECIPE, resources=WHOLE_NODE)

    def submit(*options: str) -> str:
        return shell.yarnkernel("submit", spec, "--via", "direct", *options).ok().out.strip()

    for via in ("direct", "skein"):
        app_id = (
            shell.yarnkernel("start", spec, "--node-label", LABEL, "--via", via).ok().out.strip()
        )
        info = shell.yarnkernel("connect", app_id).ok().document
        assert info["ip"] == "127.0.0.2"
        with Kernel(info) as kernel:
            assert kernel.run("6 * 7") == "42"
        shell.yarnkernel("stop", app_id).ok()
    # The node without a label is full; of those that wait for it the important one is next.
    first = submit()
    assert shell.yarnkernel("connect", first).ok().document["ip"] == "127.0.0.1"
    waiting = submit("--priority", "1")
    important = submit("--priority", "7")
    assert ask(web, f"apps/{important}")["app"]["priority"] == 7
    shell.yarnkernel("stop", first).ok()
    assert shell.yarnkernel("connect", important).ok().document["ip"] == "127.0.0.1"
    assert ask(web, f"apps/{waiting}")["app"]["state"] == "ACCEPTED"
    shell.yarnkernel("stop", "--force", waiting, important).ok()
    wait_for(lambda: not shell.yarnkernel("list", "--ids").ok().out, 20, "all have ended")
    default_label_of_a_queue(shell, web, tmp_path)
    gpu = write_spec(tmp_path, RECIPE, resources="{memory: 400 MiB, vcores: 1, gpus: 1}")
    for via in ("direct", "skein"):
        one, other = (
            shell.yarnkernel("submit", gpu, "--via", way).ok().out.strip()
            for way in (via, "direct")
        )
        assert shell.yarnkernel("connect", one).ok().document["ip"] == "127.0.0.1"
        assert ask(web, f"apps/{other}")["app"]["state"] == "ACCEPTED"
        used = ask(web, f"apps/{one}")["app"]["resourceInfo"]["resourceUsagesByPartition"]
        assert '"yarn.io/gpu"' in json.dumps(used)
        shell.yarnkernel("stop", "--force", one, other).ok()


def default_label_of_a_queue(shell: Shell, web: str, directory: Path) -> None:
    """Who waits for nodes that there are none of is told so; '' is for those without a label."""
    spec = write_spec(directory, RECIPE, resources="{memory: 128 MiB, vcores: 1}")
    start = ("start", spec, "--queue", "small")
    error = shell.yarnkernel(*start, "--timeout", "5").error(3)
    assert f"it waits for a node with the label {NOWHERE}, of which there is none" in error
    assert "next: yarnkernel start --node-label" in error
    app_id = shell.yarnkernel("submit", *start[1:], "--node-label", "").ok().out.strip()
    wait_for(lambda: ask(web, f"apps/{app_id}")["app"]["state"] != "ACCEPTED", 20, "it runs")
    assert ask(web, f"apps/{app_id}")["app"]["amNodeLabelExpression"] != NOWHERE
    shell.yarnkernel("stop", "--force", app_id).ok()
    error = shell.yarnkernel(*start, "--node-label", "", "--via", "skein").error(2)
    assert "next: --via direct" in error
