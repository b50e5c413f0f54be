"""Uploads Spark's jars to the cluster once, as one archive.

Otherwise each session packs and uploads them, 400 MB or more.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
import time
import uuid
import zipfile
from pathlib import Path
from typing import Any

#: Directory below the user's home on the cluster; only the user can read it.
DIRECTORY = ".yarnkernel/files"
_SETTINGS = ("spark.yarn.archive", "spark.yarn.jars")
#: Seconds after which the next upload removes an unfinished one.
STALE = 3600.0


def ensure_archive(jvm: Any, jars: Path, conf: Any) -> None:
    """Upload the jars unless they are on the cluster, and set their place in Spark's settings.

    Parameters
    ----------
    jvm : py4j.java_gateway.JVMView
        Spark's JVM, which can write to the cluster.
    jars : pathlib.Path
        Their directory on this machine.
    conf : pyspark.SparkConf or None
        The user's settings, which may name other jars.
    """
    found = jvm.org.apache.spark.SparkConf()
    said = [(conf.get(name) if conf else None) or found.get(name, "") for name in _SETTINGS]
    if any(said):
        return
    url = _archive(jvm, jars)
    jvm.java.lang.System.setProperty(_SETTINGS[0], url)


def _archive(jvm: Any, jars: Path) -> str:
    hadoop = jvm.org.apache.hadoop
    files = hadoop.fs.FileSystem.get(hadoop.yarn.conf.YarnConfiguration())
    directory = hadoop.fs.Path(files.getHomeDirectory(), DIRECTORY)
    paths = sorted(jars.glob("*.jar"))
    content = "\n".join(f"{path.name} {path.stat().st_size}" for path in paths)
    name = f"spark-jars-{hashlib.sha256(content.encode()).hexdigest()[:32]}.zip"
    archive = hadoop.fs.Path(directory, name)
    if not files.exists(archive):
        size = sum(path.stat().st_size for path in paths) >> 20
        print(f"Spark's jars ({size} MiB) go to {archive.toString()}, once", flush=True)  # noqa: T201
        began = time.monotonic()
        files.mkdirs(directory, hadoop.fs.permission.FsPermission("700"))
        _remove_stale(files, directory, name)
        part = hadoop.fs.Path(directory, f"{name}.{uuid.uuid4().hex}.part")
        _upload(files, hadoop, paths, part)
        if not files.rename(part, archive):  # another kernel was first
            files.delete(part, False)  # noqa: FBT003  (Java's)
        print(f"They are there after {time.monotonic() - began:.0f} s", flush=True)  # noqa: T201
    return str(archive.toString())


def _upload(files: Any, hadoop: Any, paths: list[Path], part: Any) -> None:
    # In the container's directory, which is deleted with it; the kernel may work in a home.
    container = Path(os.environ["SPARK_CONF_DIR"]).parent
    handle, packed = tempfile.mkstemp(dir=container, prefix=".spark-jars-")
    try:
        with os.fdopen(handle, "wb") as stream, zipfile.ZipFile(stream, "w") as archive:
            for path in paths:  # jars are compressed
                archive.write(path, path.name)
        files.copyFromLocalFile(False, True, hadoop.fs.Path(f"file://{packed}"), part)  # noqa: FBT003
    finally:
        Path(packed).unlink()


def _remove_stale(files: Any, directory: Any, name: str) -> None:
    with contextlib.suppress(Exception):  # left to the next upload
        for status in files.listStatus(directory):
            path = status.getPath()
            is_part = path.getName().startswith(name) and path.getName().endswith(".part")
            if is_part and status.getModificationTime() / 1000 < time.time() - STALE:
                files.delete(path, False)  # noqa: FBT003
