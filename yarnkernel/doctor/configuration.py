"""Checks of the cluster's configuration, and of Java where it is needed."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from yarnkernel.doctor.check import failure, ok
from yarnkernel.errors import ClusterError
from yarnkernel.kernels.options import SKEIN, WAY_VARIABLE
from yarnkernel.local.state import running_states
from yarnkernel.yarn.direct_way import reason_against

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from yarnkernel.deadline import Deadline
    from yarnkernel.doctor.check import Check
    from yarnkernel.doctor.subject import Subject

_VARIABLES = ("YARN_CONF_DIR", "HADOOP_CONF_DIR")


def check_configuration(subject: Subject, _deadline: Deadline) -> Check:
    """Check which cluster is configured, and whether its site files are readable."""
    if subject.options.host:
        source = subject.cluster.source
        settings = subject.configuration.settings
        return ok(f"{source}, by --host; {len(settings)} settings")
    try:
        cluster = subject.cluster
    except ClusterError as exc:
        return failure(exc, search_order(None, ""))
    order = search_order(cluster.conf_dir, cluster.source)
    files = ", ".join(sorted(path.name for path in cluster.conf_dir.glob("*-site.xml")))
    count = len(subject.configuration.settings)  # reads them
    return ok(f"{cluster.conf_dir} ({files}; {count} settings). Looked for in order: {order}")


def search_order(taken: Path | None, source: str) -> str:
    """Describe where a cluster was searched for, up to the place where it was found.

    Parameters
    ----------
    taken : pathlib.Path or None
        The directory of the cluster that was found.
    source : str
        Where it comes from.
    """
    told = []
    for name, value in _places():
        is_it = bool(taken) and (source.startswith(name) or value == str(taken))
        if name == "a local cluster" and source.startswith("local cluster"):
            is_it = True
        told.append(f"{name} ({value}{': taken' if is_it else ''})")
        if is_it:
            break
    return ", ".join(told)


def _places() -> Iterator[tuple[str, str]]:
    """Return the places of :func:`yarnkernel.cluster.find.find_cluster`, in order."""
    for name in _VARIABLES:
        yield name, os.environ.get(name) or "not set"
    yield "`yarn` on PATH", shutil.which("yarn") or "none"
    yield "HADOOP_HOME", os.environ.get("HADOOP_HOME") or "not set"
    yield "a local cluster", ", ".join(state.name for state in running_states()) or "none runs"


def check_specification(subject: Subject, _deadline: Deadline) -> Check:
    """Check that the specification is readable, and describe it."""
    from yarnkernel.yarn.launch_spec import spec_path  # noqa: PLC0415  (slow to import)

    spec = subject.specification
    asked = spec.master.resources
    path = spec_path(subject.options)
    found = f"{path}: {spec.name}, {asked.memory} MiB, {asked.vcores} vcores, queue {spec.queue}"
    if spec.services:
        found += f"; services: {', '.join(sorted(spec.services))}"
    against = reason_against(spec, subject.configuration)
    way = f"skein's driver ({against})" if against else "directly"
    return ok(f"{found}; submitted {way}")


def check_java(subject: Subject, _deadline: Deadline) -> Check:
    """Check Java and Hadoop's own commands, if the start needs them."""
    why = "; ".join(_needs_java(subject))
    if not why:
        return ok("not needed: kernels are submitted directly, and files are reached without it")
    cluster = subject.cluster
    try:
        found = f"{cluster.java}, {len(cluster.classpath)} characters of class path"
    except ClusterError as exc:
        return failure(exc, f"needed: {why}")
    return ok(f"{found}; needed: {why}")


def _needs_java(subject: Subject) -> Iterator[str]:
    options, configuration = subject.options, subject.configuration
    if (options.via or os.environ.get(WAY_VARIABLE)) == SKEIN:
        yield "skein's driver submits (--via skein)"
    elif reason := reason_against(subject.specification, configuration):
        yield f"skein's driver submits: {reason}"
