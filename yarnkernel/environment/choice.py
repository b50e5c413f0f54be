"""``--environment``: turns a prefix, an archive or a URL into what an application needs."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlparse

from yarnkernel.environment.prefix import check_packages, open_prefix
from yarnkernel.environment.store import EnvironmentStore
from yarnkernel.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from yarnkernel.cluster.find import ClusterEnvironment
    from yarnkernel.environment.push import Pusher
    from yarnkernel.environment.stored import StoredArchive

#: Where a container has its unpacked archive.
LINK_NAME = "environment"


@dataclass(frozen=True)
class Environment:
    """What an application needs so that its kernel has an environment.

    Attributes
    ----------
    activation : str
        Lines of bash to run before its script.
    files : mapping of str to StoredArchive
        What YARN unpacks, by its name in the container; empty if the environment is on the nodes.
    """

    activation: str
    files: Mapping[str, StoredArchive] = field(default_factory=dict)


def on_nodes(prefix: str) -> Environment:
    """Use an environment that exists on every node, by its absolute path there."""
    quoted = shlex.quote(prefix.rstrip("/"))
    # Conda's prefixes, except for its base, have no script to activate them.
    return Environment(
        f"if [ -e {quoted}/bin/activate ]; then source {quoted}/bin/activate\n"
        f'else export PATH={quoted}/bin:"$PATH"; fi'
    )


def on_cluster(archive: StoredArchive) -> Environment:
    """Use a packed environment on the cluster's file system.

    ``conda-unpack`` is not run: it writes the new prefix into files that other
    containers use at the same time. Python finds its prefix by itself, and scripts packed by either
    packer find their Python.
    """
    return Environment(f"source {LINK_NAME}/bin/activate", {LINK_NAME: archive})


def check_is_there(text: str) -> None:
    """Check that an environment given as a path exists, without asking the cluster.

    Raises
    ------
    UsageError
        When it does not exist.
    """
    if text and "://" not in text and not Path(text).exists():
        raise UsageError(f"there is no environment {text}")


def choose_environment(
    text: str, pusher: Pusher, find_cluster: Callable[[], ClusterEnvironment]
) -> Environment:
    """Interpret ``--environment``, and push the environment if necessary.

    Parameters
    ----------
    text : str
        A prefix, an archive, a URL of the cluster's file system, or
        ``python:///prefix/on/the/nodes``. On a local cluster, whose node is this machine, a prefix
        is used in place.
    pusher : Pusher
        Packs and uploads.
    find_cluster : callable
        Returns the cluster, if that matters.

    Returns
    -------
    Environment
        What the application needs.

    Raises
    ------
    UsageError
        When it is none of these, or lacks what a container needs.
    PackError, ClusterFileError
        When it cannot be packed or uploaded, or not in time.
    """
    try:
        url = urlparse(text)
    except ValueError as exc:
        raise UsageError(f"{text!r} is no environment: {exc}") from exc
    if url.scheme == "python":
        if url.netloc or not url.path.startswith("/"):
            raise UsageError(f"{text!r}: write three slashes, as in python:///opt/environment")
        return on_nodes(unquote(url.path))
    cluster = find_cluster()
    if url.scheme and url.scheme != "file":
        return on_cluster(EnvironmentStore(cluster, pusher.deadline).open_url(text))
    path = Path(unquote(url.path) if url.scheme else text)
    if path.is_dir() and cluster.is_local:
        prefix = open_prefix(path)
        check_packages(prefix, to_pack=False)
        return on_nodes(str(prefix.path))
    if not path.exists():
        raise UsageError(f"there is no environment {path}")
    archive, _ = pusher.push(path, EnvironmentStore(cluster, pusher.deadline))
    return on_cluster(archive)
