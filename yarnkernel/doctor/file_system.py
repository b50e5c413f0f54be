"""Checks of the cluster's file system: our home, the environment, and logs of ended kernels."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from yarnkernel.doctor.check import failed, failure, ok, warning
from yarnkernel.environment.prefix import check_packages, open_prefix
from yarnkernel.errors import ClusterError, UnreadableFileError, UsageError
from yarnkernel.hadoop.file_system import find_file_system, home_directory
from yarnkernel.hadoop.login import name_in_cluster

if TYPE_CHECKING:
    from yarnkernel.deadline import Deadline
    from yarnkernel.doctor.check import Check
    from yarnkernel.doctor.subject import Subject

_AGGREGATION = "yarn.log-aggregation-enable"
_LOG_DIRECTORY = "yarn.nodemanager.remote-app-log-dir"
_FORMATS = "yarn.log-aggregation.file-formats"


def check_file_system(subject: Subject, deadline: Deadline) -> Check:
    """Check that the file system answers and has a home for us."""
    configuration = subject.configuration
    url = configuration.get("fs.defaultFS")
    if urlsplit(url).scheme in ("", "file"):
        why = "core-site.xml names no file system that all nodes share (fs.defaultFS)"
        todo = "env push and logs of the past need it: take the cluster's core-site.xml, too"
        return warning(url or "none", why, todo)
    home = home_directory(configuration, name_in_cluster(configuration))
    try:
        files, path = find_file_system(configuration, home)
    except UnreadableFileError as exc:
        return warning(url, str(exc), "`hadoop fs` (Java) is used for it: see Java")
    try:
        status = files.status(path, deadline)
    except ClusterError as exc:
        check = failure(exc, url)
        return failed(url, check.why, check.todo or "does its NameNode run, and is it reached?")
    if status is None:
        why = f"you have no home there: {home} is missing"
        todo = "ask for it (hdfs dfs -mkdir, -chown); env push and --via skein need it"
        return warning(url, why, todo)
    return ok(f"{url} answers; your home {home} is there")


def check_logs(subject: Subject, deadline: Deadline) -> Check:
    """Check whether and where logs of ended kernels are kept, and whether we can read them."""
    configuration = subject.configuration
    if not configuration.get_bool(_AGGREGATION, default=False):
        why = f"{_AGGREGATION} is not true in the site files here"
        todo = "ask whether the cluster collects logs; those of kernels that run are read anyway"
        return warning("logs of kernels that have ended are not collected", why, todo)
    formats = configuration.get_list(_FORMATS)
    url = configuration.get(_LOG_DIRECTORY, "/tmp/logs")  # noqa: S108  (yarn-default.xml)
    found = f"collected in {url}"
    if formats and formats[0] != "TFile":
        why = f"they are kept as {formats[0]}, which only Hadoop's own client reads"
        return warning(found, why, "yarn logs -applicationId APP_ID")
    try:
        files, path = find_file_system(configuration, url)
        there = files.status(path, deadline) is not None
    except ClusterError as exc:
        return warning(found, str(exc), "yarn logs -applicationId APP_ID")
    if not there:
        why = "that directory is not there: no application has ended yet, or it is another one"
        return warning(found, why, f"compare {_LOG_DIRECTORY} with the NodeManagers' yarn-site.xml")
    return ok(f"{found}, which is there")


def check_environment(subject: Subject, deadline: Deadline) -> Check:
    """Check that the kernel's environment exists and has what a container needs."""
    text = subject.options.environment
    if not text:
        return ok("none named: the Python of the specification, on each node")
    url = urlsplit(text)
    if url.scheme == "python":
        return ok(f"{url.path} on each node, which cannot be seen from here")
    if url.scheme and url.scheme != "file":
        return _on_cluster(text, subject, deadline)
    return _on_this_machine(Path(url.path if url.scheme else text), subject)


def _on_cluster(url: str, subject: Subject, deadline: Deadline) -> Check:
    try:
        files, path = find_file_system(subject.configuration, url)
    except UnreadableFileError as exc:
        return warning(url, str(exc), f"hadoop fs -ls {url}")
    try:
        status = files.status(path, deadline)
    except ClusterError as exc:
        return failed(url, str(exc), "is that the cluster's file system? see fs.defaultFS")
    if status is None:
        return failed(url, "it is not there", "yarnkernel env list; yarnkernel env push")
    return ok(f"{url}, {status.size / 1e6:.0f} MB")


def _on_this_machine(path: Path, subject: Subject) -> Check:
    if path.is_file():
        return ok(f"{path}, {path.stat().st_size / 1e6:.0f} MB, goes to the cluster")
    try:
        prefix = open_prefix(path)
        check_packages(prefix, to_pack=not subject.cluster.is_local)
    except UsageError as exc:
        return failure(exc, str(path))
    version = ".".join(map(str, prefix.python_version))
    return ok(f"{path}, Python {version}, has what a container needs")
