"""All commands but a submission where there is neither JAVA_HOME nor ``java`` nor ``yarn``."""

from __future__ import annotations

import shutil
import signal
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from tests.conftest import BIN, REPOSITORY, Shell, finish
from tests.support.kernels import Kernel, final_status, write_spec

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SPEC = REPOSITORY / "specs" / "ipython.yaml"


@pytest.fixture
def bare(user_shell: Shell, stock: Shell, tmp_path: Path) -> Shell:
    """A user with a copy of the cluster's configuration and Python, and nothing else."""
    conf_dir = shutil.copytree(stock.environment["HADOOP_CONF_DIR"], tmp_path / "conf")
    skein = stock.environment["HOME"] + "/.skein"
    bare = user_shell.using(
        HADOOP_CONF_DIR=str(conf_dir), HOME=str(tmp_path), PATH=str(BIN), SKEIN_CONFIG=skein
    )
    assert "java" not in bare.run("python", "-c", "import shutil; print(shutil.which('java'))").out
    return bare


def test_application_of_stock_skein(
    bare: Shell, stock: Shell, stop_later: Callable[[str], str]
) -> None:
    app_id = stop_later(stock.run("skein", "application", "submit", SPEC).ok().out)
    info = bare.yarnkernel("connect", app_id).ok().document
    assert "RUNNING" in bare.yarnkernel("status", app_id).ok().out
    with Kernel(info) as kernel:
        kernel.run("import os; os.system('echo a line for the log')")
        assert "a line for the log" in bare.yarnkernel("logs", app_id).ok().out
    assert f"{app_id} FINISHED SUCCEEDED" in bare.yarnkernel("stop", app_id).ok().err
    assert "a line for the log" in bare.yarnkernel("logs", app_id).ok().out
    files = bare.yarnkernel("logs", app_id, "--all", "--json", "--tail", "1").ok().document
    assert {"application.driver.log", "application.master.log"} <= {f["name"] for f in files}
    assert {file["text"].count("\n") for file in files} <= {0, 1}
    status = bare.yarnkernel("status", app_id, "--json").ok().document
    times = status["times"]
    assert times["submitted"] <= times["container"] <= times["ended"]
    assert status["details"]["log_aggregation"] == "SUCCEEDED"


def test_forced_stop_deletes_what_was_uploaded(
    bare: Shell, shell: Shell, cluster: dict[str, Any]
) -> None:
    """skein's driver does; the directory has the key of a certificate in it."""
    from pathlib import Path

    app_id = shell.yarnkernel("submit", SPEC, "--via", "skein").ok().out.strip()
    home = Path(cluster["directory"], "data/fs/user", psutil.Process().username())
    staging = home / ".skein" / app_id
    assert (staging / ".skein.pem").exists()
    assert f"{app_id} KILLED" in bare.yarnkernel("stop", "--force", app_id).ok().err
    assert not staging.exists()


def followed_log_that_is_interrupted(bare: Shell, app_id: str) -> None:
    process = bare.start("yarnkernel", "logs", "-f", "--all", app_id)
    assert process.stdout
    while "application.driver.log" not in process.stdout.readline():
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _, err = finish(process)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert "is not one JSON document" in bare.yarnkernel("logs", "-f", "--json", app_id).error(2)


def test_followed_log(bare: Shell, shell: Shell, stop_later: Callable[[str], str]) -> None:
    """Until Ctrl-C, or until the kernel's end."""
    app_id = stop_later(shell.yarnkernel("start").ok().out)
    followed_log_that_is_interrupted(bare, app_id)
    process = bare.start("yarnkernel", "logs", "--follow", app_id)
    assert process.stdout
    with Kernel(shell.yarnkernel("connect", app_id).ok().document) as kernel:
        for line in ("first: é", "second: 字"):
            kernel.run(f"import os; os.system('echo {line}')")
            while line not in process.stdout.readline():
                assert process.poll() is None
        kernel.run("os.system('echo the last line')")
        kernel.shut_down()
    out, err = finish(process)
    assert (process.returncode, err) == (0, "")
    assert out.splitlines()[-1] == "the last line"
    assert "�" not in out
    again = bare.yarnkernel("logs", "--follow", app_id).ok()
    assert again.out.rstrip("\n") == bare.yarnkernel("logs", app_id).ok().out.rstrip("\n")


#: What a user of the library may call, in a process that has the user's environment.
CALLS = """\
import sys
from yarnkernel.store.client import put_key, read_key
from yarnkernel.cluster.find import find_cluster
from yarnkernel.yarn.application import TAG
from yarnkernel.yarn.client import YarnClient
from yarnkernel.yarn.kernel import YarnKernel
from yarnkernel.yarn.logs import log_tail

app_id = sys.argv[1]
with YarnClient(find_cluster()) as client:
    client.check()
    assert client.queues() == ["default", "small"]
    assert app_id in [found.app_id for found in client.applications(tags=[TAG])]
    assert client.applications(user="nobody", tags=[TAG]) == []
    store = YarnKernel(app_id, client).address(10)
    assert read_key(store, "a.key", 10) is None
    put_key(store, "a.key", b"value", 10)
    assert read_key(store, "a.key", 10) == b"value"
    assert "TCP without encryption" in log_tail(client, app_id)
    (node,) = client.resource_manager.nodes(10)
    assert node.used.memory >= 1344
    assert client.resource_manager.cluster_metrics(10).num_active_nms == 1
"""


def test_library(bare: Shell, shell: Shell, stop_later: Callable[[str], str]) -> None:
    app_id = stop_later(shell.yarnkernel("start").ok().out)
    bare.run("python", "-c", CALLS, app_id).ok()


def test_left_to_yarn_logs(bare: Shell, shell: Shell, stock: Shell, tmp_path: Path) -> None:
    """What cannot be read here is, where there is Hadoop's own command."""
    spec = write_spec(tmp_path, "echo from the script")
    app_id = shell.yarnkernel("submit", spec).ok().out.strip()
    assert final_status(shell, app_id) == "SUCCEEDED"
    core = tmp_path / "conf" / "core-site.xml"
    core.write_text(core.read_text().replace("viewfs://local/", "s3a://bucket/"))
    logs = ("logs", app_id, "--timeout", "5")
    error = bare.yarnkernel(*logs).error(1)
    assert f"the logs of {app_id} cannot be read: s3a: is read by Hadoop's own client" in error
    assert "there is no `yarn` command on PATH" in error
    java = {"JAVA_HOME": stock.environment["JAVA_HOME"]}
    yarn = tmp_path / "yarn"
    yarn.write_text("#!/bin/sh\necho 'ERROR: no such bucket' >&2; exit 255\n")
    yarn.chmod(0o755)
    error = bare.using(PATH=f"{BIN}:{tmp_path}", **java).yarnkernel(*logs).error(1)
    assert "`yarn logs` says: ERROR: no such bucket" in error
    with_yarn = bare.using(PATH=f"{BIN}:{stock.environment['PATH']}", **java)
    assert "from the script" in with_yarn.yarnkernel("logs", app_id).ok().out
