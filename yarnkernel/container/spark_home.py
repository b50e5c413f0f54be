"""Finds Spark in a container and prepares the environment of a kernel with ``--spark``."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from yarnkernel.container.spark_settings import (
    container_settings,
    parse_given,
    read_settings,
    spark_tag,
    write_settings,
)

if TYPE_CHECKING:
    from collections.abc import MutableMapping

#: Name of the IPython extension in a kernel; see :mod:`yarnkernel.spark`.
EXTENSION = "yarnkernel_spark"
#: Directories in the container for Spark's configuration and the extension.
CONF_DIRECTORY, PYTHON_DIRECTORY = "spark-conf", "spark-python"
#: Where nodes usually have Spark and its configuration, if no variable tells.
_HOMES = ("/usr/lib/spark", "/opt/spark", "/opt/cloudera/parcels/CDH/lib/spark")
_CONFS = ("/etc/spark/conf", "/etc/spark3/conf")
_HADOOP_CONF = "/etc/hadoop/conf"
_DEFAULTS = "spark-defaults.conf"
#: Options of ``spark-submit`` for one kernel, as sent by clients of a gateway.
EXTRA_OPTIONS = "KERNEL_EXTRA_SPARK_OPTS"
#: The driver's log goes to a file beside the container's, and only errors to cells. Any level other
#: than that of Spark's shells would make them print a message.
_LOGGING = """\
rootLogger.level = warn
rootLogger.appenderRef.file.ref = file
rootLogger.appenderRef.console.ref = console
appender.file.type = File
appender.file.name = file
appender.file.fileName = {directory}/spark.log
appender.file.layout.type = PatternLayout
appender.file.layout.pattern = %d{{yy/MM/dd HH:mm:ss}} %p %c{{1}}: %m%n%ex
appender.console.type = Console
appender.console.name = console
appender.console.target = SYSTEM_ERR
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %p %c{{1}}: %m%n
appender.console.filter.threshold.type = ThresholdFilter
appender.console.filter.threshold.level = fatal
"""


@dataclass(frozen=True)
class _Home:
    """A Spark installation: its place, and whether it is the node's or the environment's."""

    path: Path
    is_nodes: bool


@dataclass(frozen=True)
class SparkLaunch:
    """The settings of a kernel with ``--spark``.

    Attributes
    ----------
    directory : pathlib.Path
        The container's.
    place, given : tuple of str
        Settings as ``NAME=VALUE``: those of the application, and the user's.
    """

    directory: Path
    place: tuple[str, ...] = ()
    given: tuple[str, ...] = ()


def prepare_spark(environ: MutableMapping[str, str], launch: SparkLaunch) -> None:
    """Prepare a container for Spark.

    Parameters
    ----------
    environ : mutable mapping of str to str
        The kernel's environment; is changed.
    launch : SparkLaunch
        The settings.

    Raises
    ------
    OSError
        When the container's directory cannot be written to.
    """
    directory = launch.directory
    _add_extension(environ, directory / PYTHON_DIRECTORY)
    environ["YARNKERNEL_SPARK_TAG"] = spark_tag(environ)
    home = _find_home(environ)
    if home is None:
        environ["YARNKERNEL_NO_SPARK"] = (
            "there is no Spark here: neither PySpark in the kernel's environment nor SPARK_HOME on "
            "its node; next: pip install pyspark, or --env SPARK_HOME=/path/on/the/nodes"
        )
        return
    site = _site_directory(environ, home)
    environ["SPARK_HOME"] = str(home.path)
    if home.is_nodes:
        _add_node_python(environ, home.path)
    has_travelled = _has_travelled(directory) and not home.is_nodes
    if has_travelled:
        environ["YARNKERNEL_SPARK_JARS"] = str(home.path / "jars")
    settings = container_settings(
        environ,
        _read(site / _DEFAULTS) if site else {},
        parse_given(launch.place),
        parse_given(launch.given),
        jars="" if has_travelled else str(home.path / "jars"),
        is_sites=home.is_nodes,
        has_hive=site is not None and (site / "hive-site.xml").exists(),
    )
    _write_conf(environ, directory / CONF_DIRECTORY, site, home, write_settings(settings))
    if _has_travelled(directory):
        environ.setdefault("PYSPARK_PYTHON", "./environment/bin/python")
    environ.setdefault("PYSPARK_PYTHON", sys.executable)
    environ.setdefault("PYSPARK_DRIVER_PYTHON", sys.executable)
    if extra := environ.get(EXTRA_OPTIONS):
        before = environ.get("PYSPARK_SUBMIT_ARGS", "").removesuffix("pyspark-shell")
        environ["PYSPARK_SUBMIT_ARGS"] = f"{before} {extra} pyspark-shell".strip()
    names_hadoop = environ.get("HADOOP_CONF_DIR") or environ.get("YARN_CONF_DIR")
    if not names_hadoop and Path(_HADOOP_CONF).is_dir():
        environ["HADOOP_CONF_DIR"] = _HADOOP_CONF


def _has_travelled(directory: Path) -> bool:
    """Return whether the kernel's environment was shipped, so that executors need it, too."""
    return sys.prefix.startswith(str(directory / "environment"))


def _add_extension(environ: MutableMapping[str, str], path: Path) -> None:
    shutil.copytree(
        Path(__file__).parent.parent / "spark",
        path / EXTENSION,
        ignore=shutil.ignore_patterns("__pycache__"),
        dirs_exist_ok=True,
    )
    _add_python(environ, str(path))


def _add_python(environ: MutableMapping[str, str], *paths: str) -> None:
    environ["PYTHONPATH"] = os.pathsep.join(
        [*paths, *filter(None, [environ.get("PYTHONPATH", "")])]
    )


def _find_home(environ: MutableMapping[str, str]) -> _Home | None:
    """Find Spark: in the kernel's environment, by a variable, on the node."""
    found = importlib.util.find_spec("pyspark")
    if found is not None and found.origin:
        path = Path(found.origin).parent
        if (path / "jars").is_dir():
            return _Home(path, is_nodes=False)
    named = environ.get("SPARK_HOME", "")
    for candidate in [named] if named else _HOMES:
        if (Path(candidate) / "bin" / "spark-submit").exists():
            return _Home(Path(candidate), is_nodes=True)
    return None


def _add_node_python(environ: MutableMapping[str, str], home: Path) -> None:
    """Let Python find a node's PySpark, which is not installed as a package."""
    if importlib.util.find_spec("pyspark") is None:
        archives = sorted(map(str, home.glob("python/lib/py4j-*.zip")))
        _add_python(environ, str(home / "python"), *archives)


def _site_directory(environ: MutableMapping[str, str], home: _Home) -> Path | None:
    """Return the directory with the node's own settings."""
    named = environ.get("SPARK_CONF_DIR")
    homes = [environ.get("SPARK_HOME", ""), str(home.path)]
    candidates = [named] if named else [*(f"{one}/conf" for one in homes if one), *_CONFS]
    return next((Path(one) for one in candidates if Path(one, _DEFAULTS).is_file()), None)


def _read(path: Path) -> dict[str, str]:
    try:
        return read_settings(path.read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return {}


def _write_conf(
    environ: MutableMapping[str, str], directory: Path, site: Path | None, home: _Home, text: str
) -> None:
    directory.mkdir(mode=0o700, exist_ok=True)
    # A configuration of another Spark may name its place.
    left_out = {_DEFAULTS} | (set() if home.is_nodes else {"spark-env.sh"})
    for path in site.iterdir() if site else ():
        link = directory / path.name
        if path.name not in left_out and not os.path.lexists(link):
            link.symlink_to(path)
    logs = environ.get("LOG_DIRS", "").split(",")[0] or str(directory)
    properties = directory / "log4j2.properties"
    if not properties.exists():
        properties.write_text(_LOGGING.format(directory=logs))
    (directory / _DEFAULTS).touch(0o600)
    (directory / _DEFAULTS).write_text(text)
    environ["SPARK_CONF_DIR"] = str(directory)
