"""Spark's settings for one container: the site's, the application's and the user's, merged."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from yarnkernel.container.memory import requested_memory

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

#: Share of the container's memory for the driver's heap; the rest is for Python and for the JVM's
#: other memory.
DRIVER_SHARE = 0.4
#: List settings, to which ours are added.
_LISTS = ("spark.yarn.dist.archives", "spark.yarn.tags")
#: Settings that name the jars of one Spark and do not fit another.
_JARS = ("spark.yarn.archive", "spark.yarn.jars")
_LINE = re.compile(r"([^\s=:]+)(?:\s*[=:]\s*|\s+)?(.*)")


def read_settings(text: str) -> dict[str, str]:
    """Read a ``spark-defaults.conf``; values stay escaped (java.util.Properties)."""
    joined = re.sub(r"(?<!\\)((?:\\\\)*)\\\n[ \t]*", r"\1", text)
    lines = (line.strip() for line in joined.splitlines())
    found = (_LINE.match(line) for line in lines if line and line[0] not in "#!")
    return {match[1]: match[2] for match in found if match}


def write_settings(settings: Mapping[str, str]) -> str:
    """Write a ``spark-defaults.conf`` of escaped values."""
    return "".join(f"{name} {value}\n" for name, value in settings.items())


def parse_given(settings: Iterable[str]) -> dict[str, str]:
    """Read ``NAME=VALUE`` settings of a command line, with escaped values."""
    pairs = (text.partition("=") for text in settings)
    return {name: value.replace("\\", "\\\\").replace("\n", "\\n") for name, _, value in pairs}


def container_settings(
    environ: Mapping[str, str],
    site: Mapping[str, str],
    place: Mapping[str, str],
    given: Mapping[str, str],
    *,
    jars: str,
    is_sites: bool,
    has_hive: bool,
) -> dict[str, str]:
    """Merge Spark's settings.

    Parameters
    ----------
    environ : mapping of str to str
        The container's environment.
    site : mapping of str to str
        The node's settings.
    place : mapping of str to str
        Settings of the kernel's application; they win over the site's.
    given : mapping of str to str
        The user's settings; they win over all others.
    jars : str
        Directory of Spark's jars on every node; empty if they have to be shipped.
    is_sites : bool
        Whether Spark is the node's own, so that the site's jars fit.
    has_hive : bool
        Whether the site has Hive.
    """
    unset = {
        "spark.yarn.am.memory": "512m",
        # These two need more than the delegation tokens that a kernel has.
        "spark.security.credentials.hive.enabled": "false",
        "spark.security.credentials.hbase.enabled": "false",
        "spark.ui.showConsoleProgress": "false",  # the extension prints progress itself
    }
    if not has_hive:
        unset["spark.sql.warehouse.dir"] = f"/user/{environ.get('USER', '')}/spark-warehouse"
    if site.get("spark.shuffle.service.enabled") != "true":
        # Without it, whoever reaches the driver could run code in it; that service would need the
        # secret, too.
        unset["spark.authenticate"] = "true"
    kept = {name: value for name, value in site.items() if is_sites or name not in _JARS}
    if jars and not any(name in kept for name in _JARS):
        unset["spark.yarn.jars"] = f"local:{jars}/*"
    settings = {**unset, **kept}
    for name, value in {**_of_container(environ), **place}.items():
        before = kept.get(name, "") if name in _LISTS else ""
        settings[name] = f"{before},{value}" if before else value
    return {**settings, **given}


def _of_container(environ: Mapping[str, str]) -> dict[str, str]:
    settings = {
        "spark.master": "yarn",
        "spark.submit.deployMode": "client",
        "spark.driver.bindAddress": "0.0.0.0",  # noqa: S104  (the host may have another address)
    }
    if host := environ.get("NM_HOST"):
        settings["spark.driver.host"] = host
    if memory := requested_memory(environ):
        settings["spark.driver.memory"] = f"{int(memory * DRIVER_SHARE)}m"
    if tag := spark_tag(environ):
        settings["spark.yarn.tags"] = tag
    return settings


def spark_tag(environ: Mapping[str, str]) -> str:
    """Return the tag of all applications that Spark starts for this kernel; empty outside YARN."""
    application = environ.get("SKEIN_APPLICATION_ID", "")
    return f"spark-of-{application}" if application else ""
