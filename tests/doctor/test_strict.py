"""A cluster whose operator lets users do little, and one kernel that fills it."""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING

import pytest

from tests.support.doctored import examined, failing
from tests.support.kernels import RECIPE, write_spec
from tests.yarn.test_scheduling import ask

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conftest import Shell

NAME = "strict"
QUEUES = "yarn.scheduler.capacity.root"
SETTINGS = {
    f"{QUEUES}.small.state": "STOPPED",
    "yarn.acl.enable": "true",
    "yarn.admin.acl": "nobody-here",
    f"{QUEUES}.acl_administer_queue": "nobody-here",
    f"{QUEUES}.acl_submit_applications": "nobody-here",
    f"{QUEUES}.default.acl_submit_applications": getpass.getuser(),
    "yarn.node-labels.enabled": "true",
    f"{QUEUES}.accessible-node-labels": "fast",
    f"{QUEUES}.accessible-node-labels.fast.capacity": "100",
    f"{QUEUES}.default.accessible-node-labels": "fast",
    f"{QUEUES}.default.accessible-node-labels.fast.capacity": "100",
    f"{QUEUES}.default.accessible-node-labels.fast.maximum-am-resource-percent": "0.1",
    f"{QUEUES}.small.accessible-node-labels": " ",
}


@pytest.fixture(scope="module")
def strict(user_shell: Shell, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    labels = tmp_path_factory.mktemp("labels")
    settings = SETTINGS | {"yarn.node-labels.fs-store.root-dir": labels.as_uri()}
    start = ["cluster", "start", "--name", NAME, "--nodemanagers", "2", "--memory", "1536"]
    for setting, value in settings.items():
        start += ["--set", f"{setting}={value}"]
    web = user_shell.yarnkernel(*start, "--json").ok().document["web"]
    try:
        ask(web, "add-node-labels", {"nodeLabelInfo": [{"name": "fast", "exclusivity": "true"}]})
        nodes = [node["id"] for node in ask(web, "nodes")["nodes"]["node"]]
        (second,) = [node for node in nodes if "127.0.0.2" in node]
        ask(
            web,
            "replace-node-to-labels",
            {"nodeToLabels": [{"nodeId": second, "labels": ["fast"]}]},
        )
        environment = user_shell.yarnkernel("cluster", "env", "--name", NAME, "--json").ok()
        yield user_shell.using(**environment.document)
    finally:
        user_shell.yarnkernel("cluster", "stop", "--name", NAME).ok()


def test_queues(strict: Shell) -> None:
    """One that takes nothing, and one that takes nothing of a visitor's."""
    checks = examined(strict, "--queue", "small", "--node-label", "fast", "--memory", "64")
    assert failing(checks) == ["queue", "node labels"]
    assert checks["queue"]["found"] == "root.small, STOPPED"
    assert "may not use nodes with the label 'fast'" in checks["node labels"]["why"]
    assert checks["queue's share"]["state"] == "skipped"
    checks = examined(strict.using(HADOOP_USER_NAME="visitor"), "--memory", "512")
    assert failing(checks) == ["queue"]
    assert "you may not submit to it; you may to: none" in checks["queue"]["why"]


def test_labels_and_masters(strict: Shell) -> None:
    """A node with a label, of which ApplicationMasters may have a tenth."""
    checks = examined(strict, "--node-label", "fast", "--memory", "512")
    assert failing(checks) == []
    assert "asks 'fast'; nodes by label: no label (1), fast (1)" in checks["node labels"]["found"]
    share = checks["queue's share"]
    assert share["state"] == "warning"
    assert "10% of them for ApplicationMasters" in share["found"]
    assert "the kernel is its own ApplicationMaster" in share["why"]
    assert "maximum-am-resource-percent" in share["todo"]


def test_full(strict: Shell, tmp_path: Path) -> None:
    """A kernel that fills its node, and one that waits for it: each is told why."""
    spec = write_spec(tmp_path, RECIPE, resources="{memory: 1024 MiB, vcores: 1}")
    whole = examined(strict, spec)
    assert failing(whole) == []
    assert whole["container"]["state"] == "ok"
    first = strict.yarnkernel("start", spec).ok().out.strip()
    second = strict.yarnkernel("submit", spec).ok().out.strip()
    try:
        checks = examined(strict, spec)
        assert failing(checks) == []
        assert checks["container"]["state"] == "warning"
        assert "no node has so much free now (the kernel)" in checks["container"]["why"]
        assert "yarnkernel list" in checks["container"]["todo"]
        assert checks["queue's share"]["state"] == "warning"
        assert "it would wait for others to end" in checks["queue's share"]["why"]
        waiting = examined(strict, second)
        assert waiting["state"]["state"] == "warning"
        assert "ACCEPTED" in waiting["state"]["found"]
        assert waiting["kernel's ports"]["state"] == "skipped"
    finally:
        strict.yarnkernel("stop", "--force", first, second).ok()
