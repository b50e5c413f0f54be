"""Spark in a kernel with tokens alone: sessions, interrupts, and all the ways that they end."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests
from jupyter_client.manager import KernelManager

from tests.conftest import wait_for
from tests.kerberos.conftest import NAME
from tests.support.kernels import wait_until_ready
from tests.support.resource_manager import ENDED, ask
from yarnkernel.hadoop.credentials import AMRM_TOKEN, Credentials
from yarnkernel.hadoop.messages import message_class
from yarnkernel.jupyter.agent_client import AgentClient
from yarnkernel.local.state import JAVA_START_OPTIONS
from yarnkernel.store.master_launch import is_ours

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Shell

pytestmark = [
    pytest.mark.timeout(600),
    pytest.mark.way("direct"),
    pytest.mark.skipif(
        importlib.util.find_spec("pyspark") is None, reason="no PySpark: scripts/setup-extras"
    ),
]
QUICK_JAVA = " ".join(JAVA_START_OPTIONS)
SLOW = "sc.parallelize(range(40), 40).map(lambda x: __import__('time').sleep(5)).count()"
JOBS = "print(sc.statusTracker().getActiveJobsIds())"
DATA = """
from pyspark.sql.functions import udf
shout = udf(lambda word: word.upper() + "!")
words = spark.createDataFrame([("a", 1), ("b", 2), ("c", 3)], ["word", "number"])
words.withColumn("loud", shout("word")).write.mode("overwrite").parquet("words.parquet")
print(sorted(spark.read.parquet("words.parquet").toPandas()["loud"]))
"""
#: What a session does before it starts, twice, where the jars have to be brought.
ARCHIVE = """
from pathlib import Path
from yarnkernel_spark.jars import ensure_archive
system = sc._jvm.java.lang.System
before = system.clearProperty("spark.yarn.jars")
for _ in range(2):
    ensure_archive(sc._jvm, Path({jars!r}), None)
    archive = system.clearProperty("spark.yarn.archive")
system.setProperty("spark.yarn.jars", before)
print(archive, sc.binaryFiles(archive).count())
"""
#: What a user's own builder says wins.
BUILDER = """
from pyspark.sql import SparkSession
builder = SparkSession.builder.appName("mine").config("spark.sql.shuffle.partitions", "3")
mine = builder.getOrCreate()
print(mine.range(10).count(), mine.conf.get("spark.sql.shuffle.partitions"))
"""


class FrontEnd:
    """A notebook, whose kernel may use Spark."""

    def __init__(self, manager: KernelManager, shell: Shell) -> None:
        self.manager = manager
        self.shell = shell
        self.client = manager.client()
        self.client.start_channels()
        wait_until_ready(self.client)
        self.kernel = manager.provisioner._kernel  # type: ignore[union-attr]

    def run(self, code: str, timeout: float = 180) -> str:
        """Run a cell and return what it prints, with its error."""
        shown: list[str] = []

        def show(message: dict[str, Any]) -> None:
            content = message["content"]
            if content.get("name") != "stderr":  # JVMs and libraries warn there
                shown.append(content.get("text") or "\n".join(content.get("traceback", [])))

        self.client.execute_interactive(code, output_hook=show, timeout=timeout)
        return "".join(shown)

    def interrupted(self, code: str, when: str) -> str:
        """Run a cell, interrupt it a second after it has shown something, and return all of it."""
        request = self.client.execute(code)
        shown, is_over, has_interrupted = "", False, False
        while not is_over:
            message = self.client.get_iopub_msg(timeout=180)
            if message["parent_header"].get("msg_id") != request:
                continue
            content = message["content"]
            shown += content.get("text") or content.get("data", {}).get("text/plain", "")
            shown += "\n".join(content.get("traceback", []))
            is_over = content.get("execution_state") == "idle"
            if when in shown and not has_interrupted:
                has_interrupted = True
                time.sleep(1)
                self.manager.interrupt_kernel()
        return shown

    def applications(self) -> list[dict[str, Any]]:
        """All that Spark has started for this kernel, the newest first."""
        tag = f"spark-of-{self.kernel}"
        found = (ask(self.shell, f"apps?applicationTags={tag}")["apps"] or {}).get("app", [])
        return sorted(found, key=lambda app: str(app["id"]), reverse=True)

    def application(self) -> str:
        return str(self.applications()[0]["id"])

    def wait_for_end(self, application: str) -> str:
        """Wait for the end of an application of Spark, and return how it ended."""

        def state() -> str:
            app = ask(self.shell, f"apps/{application}")["app"]
            return app["finalStatus"] if app["state"] in ENDED else ""

        return str(wait_for(state, 60, f"{application} has ended"))


@pytest.fixture(scope="module")
def front_end(secure: Shell, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FrontEnd]:
    """A kernel of a kernelspec for Spark, as a notebook server starts it."""
    prefix = tmp_path_factory.mktemp("spark")
    options = (
        *("--spark", "--executors", "1", "--executor-memory", "500m", "--queue", "default"),
        # An executor of a busy machine may take long to come.
        *("--spark-conf", "spark.scheduler.minRegisteredResourcesRatio=0"),
        # Five sessions do too little for a compiler that thinks for long to be of use.
        *(
            word
            for part in ("driver", "executor", "yarn.am")
            for word in ("--spark-conf", f"spark.{part}.extraJavaOptions={QUICK_JAVA}")
        ),
    )
    added = secure.yarnkernel("kernelspec", "add", *options, "--prefix", prefix, "--json").ok()
    assert added.document["name"] == "spark"
    with pytest.MonkeyPatch.context() as patch:
        for name in os.environ.keys() - secure.environment.keys():
            patch.delenv(name)
        for name, value in secure.environment.items():
            patch.setenv(name, value)
        patch.setenv("JUPYTER_PATH", str(prefix / "share/jupyter"))
        patch.setenv("JUPYTER_RUNTIME_DIR", str(prefix))
        patch.setenv("KERNEL_EXTRA_SPARK_OPTS", "--conf spark.sql.session.timeZone=Asia/Tokyo")
        patch.setattr(AgentClient, "_shared", None)
        manager = KernelManager(kernel_name="spark")
        manager.start_kernel()
        try:
            front_end = FrontEnd(manager, secure)
            yield front_end
            front_end.client.stop_channels()
        finally:
            if manager.has_kernel:
                manager.shutdown_kernel(now=True)
            if AgentClient._shared is not None:
                AgentClient._shared.close(30)


def test_session(front_end: FrontEnd, secure: Shell) -> None:
    """Real objects at the first use, settings of the kernel's place, and data."""
    shown = front_end.run("%time print(spark.range(1000).count())")
    application = front_end.application()
    assert f"is ready: {application}, http" in shown
    assert "1000\n" in shown
    url = shown.partition(f"is ready: {application}, ")[2].split()[0]
    assert f"/proxy/{application}/" in url
    assert "Spark" in requests.get(url, timeout=60).text
    assert front_end.run(DATA).endswith("['A!', 'B!', 'C!']\n")
    found = json.loads(front_end.run("import json; print(json.dumps(dict(sc.getConf().getAll())))"))
    assert found["spark.yarn.queue"] == "default"
    assert found["spark.app.name"] == "pyspark"
    assert found["spark.driver.memory"] == "939m", "40 % of 2348 MiB"
    assert found["spark.executor.instances"] == "1"
    assert found["spark.sql.session.timeZone"] == "Asia/Tokyo"
    assert found["spark.sql.warehouse.dir"].endswith(
        f"/user/{secure.environment['KRB5PRINCIPAL']}/spark-warehouse"
    )
    assert re.fullmatch("local:/.*/pyspark/jars/[*]", found["spark.yarn.jars"])


def test_jars_go_to_the_cluster_once(front_end: FrontEnd, tmp_path: Path) -> None:
    """Here, all nodes have them; these stand for those of an environment that travels."""
    for name in ("a.jar", "b.jar"):
        (tmp_path / name).write_bytes(os.urandom(1000))
    shown = front_end.run(ARCHIVE.format(jars=str(tmp_path)))
    assert shown.count("Spark's jars (0 MiB) go to hdfs://") == 1
    assert re.search(r"hdfs://\S+/[.]yarnkernel/files/spark-jars-\w+[.]zip 1\n$", shown)


def test_what_executors_are_given(front_end: FrontEnd, secure: Shell) -> None:
    """Spark hands on all that is in its token file: nothing of the kernel's own may be there."""
    front_end.run("sc")
    application = front_end.application()
    directory = Path(secure.environment["HADOOP_CONF_DIR"]).parent.parent / "data"
    files = list(directory.glob(f"**/{application}/container_*/container_tokens"))
    assert len(files) > 1, "the ApplicationMaster's, and the executor's"
    for file in files:
        credentials = Credentials.read(file)
        assert [name for name in credentials.secrets if is_ours(name)] == []
        kinds = {token.kind for token in credentials.tokens.values()}
        assert {"HDFS_DELEGATION_TOKEN", "RM_DELEGATION_TOKEN"} <= kinds
        for token in credentials.tokens.values():
            if token.kind == AMRM_TOKEN:
                attempt = message_class("hadoop.yarn.ApplicationAttemptIdProto")
                found = attempt.FromString(token.identifier[2 : 2 + token.identifier[1]])
                assert found.application_id.id == int(application.rpartition("_")[2])


def test_interrupt(front_end: FrontEnd) -> None:
    """Jobs are cancelled, in cells after the one that made the session."""
    front_end.run("sc")
    shown = front_end.interrupted(SLOW, "Spark: stage ")
    assert "KeyboardInterrupt" in shown
    assert "Traceback (most recent call last):\n  File" not in shown, "py4j's own"
    assert front_end.run(JOBS) == "[]\n"


def test_context_that_dies(front_end: FrontEnd, secure: Shell) -> None:
    """It is replaced, with the reason."""
    front_end.run("sc")
    application = front_end.application()
    secure.run("yarn", "application", "-kill", application).ok()

    def replaced() -> str:
        shown = front_end.run("print(spark.range(10).count())")
        return shown if "has ended" in shown else ""

    shown = wait_for(replaced, 60, "the driver has noticed")
    reason = f"Application {application} was killed by user "
    assert shown.startswith(f"Spark's application {application} has ended: {reason}")
    assert shown.endswith("10\n")
    assert front_end.application() != application


def test_restart_and_a_start_that_is_interrupted(front_end: FrontEnd) -> None:
    """Of neither is anything left; the next session is the user's own."""
    front_end.run("sc")
    application = front_end.application()
    front_end.manager.restart_kernel()
    wait_until_ready(front_end.client)
    front_end.wait_for_end(application)
    shown = front_end.interrupted("spark.range(10).count()", "is ACCEPTED")
    assert "Spark was interrupted while it started" in shown
    assert "KeyboardInterrupt" in shown
    started = front_end.application()
    assert started != application
    # Its ApplicationMaster may have noticed first that the driver is gone.
    assert front_end.wait_for_end(started) in ("KILLED", "FAILED")
    assert "10 3\n" in front_end.run(BUILDER)
    assert front_end.applications()[0]["name"] == "mine"


def test_kill_and_shutdown(front_end: FrontEnd, secure: Shell) -> None:
    """A kernel that crashes, and a front end that ends it in good order."""
    front_end.run("sc")
    application = front_end.application()
    before = front_end.run("import os; print(os.getpid())")
    os.kill(int(before), signal.SIGKILL)
    wait_until_ready(front_end.client)
    front_end.wait_for_end(application)
    front_end.run("sc")  # alone it is no magic of IPython's
    assert front_end.application() != application
    assert "10\n" in front_end.run("print(spark.range(10).count())")
    application = front_end.application()
    began = time.monotonic()
    front_end.manager.shutdown_kernel()
    assert time.monotonic() - began < 60
    assert front_end.wait_for_end(application) == "SUCCEEDED"
    ended = wait_for(lambda: _ended(secure, front_end.kernel), 30, "the kernel has ended")
    assert ended == "FINISHED SUCCEEDED"
    (status,) = secure.yarnkernel("cluster", "status", "--name", NAME, "--json").ok().document
    assert status["applications"] == []


def _ended(shell: Shell, application: str) -> str:
    app = ask(shell, f"apps/{application}")["app"]
    return f"{app['state']} {app['finalStatus']}" if app["state"] in ENDED else ""
