"""What Spark is told in a container: the site's settings, the place's, the user's."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from yarnkernel.container import spark_home
from yarnkernel.container.spark_home import SparkLaunch, prepare_spark
from yarnkernel.container.spark_settings import container_settings, read_settings, write_settings

if TYPE_CHECKING:
    import pytest

CONTAINER = {
    "NM_HOST": "node7",
    "USER": "ann",
    "SKEIN_RESOURCE_MEMORY": "2048",
    "SKEIN_APPLICATION_ID": "application_1_0002",
}
SITE = """\
# of the cluster
spark.master            local[2]
spark.driver.memory=20g
spark.executor.memory : 3g
spark.yarn.jars         local:/opt/old/jars/*
spark.yarn.tags         audited
spark.sql.regex         a\\\\d
spark.driver.extraJavaOptions  -Da=1 \\
    -Db=2
"""


def settings(site: str = "", **given: str) -> dict[str, str]:
    own = {f"spark.{name.replace('__', '.')}": value for name, value in given.items()}
    place = {"spark.yarn.queue": "small"}
    return container_settings(
        CONTAINER,
        read_settings(site),
        place,
        own,
        jars="/env/jars",
        is_sites=False,
        has_hive=False,
    )


def test_what_wins() -> None:
    found = settings(SITE, driver__memory="512m")
    assert read_settings(write_settings(found)) == found
    assert found["spark.master"] == "yarn"
    assert found["spark.driver.host"] == "node7"
    assert found["spark.yarn.queue"] == "small"
    assert found["spark.driver.memory"] == "512m", "the user's"
    assert found["spark.executor.memory"] == "3g", "the site's"
    assert found["spark.sql.regex"] == "a\\\\d"
    assert found["spark.driver.extraJavaOptions"] == "-Da=1 -Db=2"
    assert found["spark.yarn.tags"] == "audited,spark-of-application_1_0002"
    assert found["spark.yarn.jars"] == "local:/env/jars/*", "those of the other Spark do not fit"
    assert settings(SITE)["spark.driver.memory"] == "819m", "40 % of the container"
    assert settings()["spark.sql.warehouse.dir"] == "/user/ann/spark-warehouse"
    assert settings()["spark.authenticate"] == "true"
    assert "spark.authenticate" not in settings("spark.shuffle.service.enabled true")


def test_spark_of_a_node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without PySpark in the environment: SPARK_HOME, with all of its configuration."""
    home, container = tmp_path / "opt", tmp_path / "container"
    for file in ("bin/spark-submit", "python/lib/py4j-1-src.zip", "conf/spark-env.sh",
                 "conf/hive-site.xml", "conf/log4j2.properties"):  # fmt: skip
        (home / file).parent.mkdir(parents=True, exist_ok=True)
        (home / file).write_text("own")
    (home / "conf/spark-defaults.conf").write_text(SITE)
    container.mkdir()
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    environ = {
        **CONTAINER,
        "SPARK_HOME": str(home),
        "PYTHONPATH": "/mine",
        "KERNEL_EXTRA_SPARK_OPTS": "--conf spark.ui.port=1 --verbose",
        "HADOOP_CONF_DIR": "/site",
    }
    prepare_spark(environ, SparkLaunch(container, given=("spark.a=b c",)))
    assert environ["PYTHONPATH"].split(":") == [
        str(home / "python"),
        str(home / "python/lib/py4j-1-src.zip"),
        str(container / "spark-python"),
        "/mine",
    ]
    assert (container / "spark-python/yarnkernel_spark/names.py").is_file()
    conf = Path(environ["SPARK_CONF_DIR"])
    assert sorted(path.name for path in conf.iterdir()) == [
        *("hive-site.xml", "log4j2.properties", "spark-defaults.conf", "spark-env.sh"),
    ]
    assert (conf / "spark-defaults.conf").stat().st_mode & 0o777 == 0o600
    found = read_settings((conf / "spark-defaults.conf").read_text())
    assert found["spark.yarn.jars"] == "local:/opt/old/jars/*", "its own"
    assert found["spark.a"] == "b c"
    assert "spark.sql.warehouse.dir" not in found, "Hive's"
    assert environ["PYSPARK_SUBMIT_ARGS"] == "--conf spark.ui.port=1 --verbose pyspark-shell"
    assert environ["PYSPARK_PYTHON"] == environ["PYSPARK_DRIVER_PYTHON"] == sys.executable


def test_no_spark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    monkeypatch.setattr(spark_home, "_HOMES", ())
    environ = dict(CONTAINER)
    prepare_spark(environ, SparkLaunch(tmp_path))
    assert (
        "neither PySpark in the kernel's environment nor SPARK_HOME"
        in environ["YARNKERNEL_NO_SPARK"]
    )
    assert "SPARK_CONF_DIR" not in environ
