"""Commands about environments for kernels: env pack, push, list, prune."""

from __future__ import annotations

import sys
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yarnkernel.arguments import add_timeout, count
from yarnkernel.cli.arguments import Commands, add_command
from yarnkernel.cli.kernels import pusher
from yarnkernel.cli.tables import Table
from yarnkernel.deadline import Deadline
from yarnkernel.environment.stored import TAG_PREFIX
from yarnkernel.errors import UsageError
from yarnkernel.kernels.model import iso_time

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

    from yarnkernel.cli.output import Output
    from yarnkernel.cluster.find import ClusterEnvironment
    from yarnkernel.environment.store import EnvironmentStore
    from yarnkernel.environment.stored import StoredArchive

#: Seconds to pack an environment; large ones take minutes.
PUSH_TIMEOUT = 1800.0
#: Seconds to read the cluster's file system.
LOOK_TIMEOUT = 60.0
SECONDS_A_DAY = 86_400


def add_commands(commands: Commands) -> None:
    """Add the commands of this module."""
    group = commands.add_parser(
        "env",
        help="pack environments for kernels and put them on the cluster",
        description="Pack conda environments (with conda-pack) and virtual environments (with "
        "venv-pack2) and put them on the cluster. The Python of a virtual environment is not in "
        "it: every node has to have it at the same place. That of a conda environment is.",
    )
    verbs = group.add_subparsers(title="commands", metavar="COMMAND", required=True)

    parser = add_command(
        verbs,
        "pack",
        _pack,
        "make an archive of an environment",
        "Checks first that it has what a container needs. Prints the archive's path.",
    )
    parser.add_argument(
        "prefix",
        nargs="?",
        type=Path,
        default=Path(sys.prefix),
        metavar="PREFIX",
        help="a conda or virtual environment (default: the one that runs this command)",
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="FILE",
        help="the archive, *.tar.gz (default: NAME.tar.gz, after the prefix)",
    )
    add_timeout(parser, "how long it may take", PUSH_TIMEOUT)

    parser = add_command(
        verbs,
        "push",
        _push,
        "put an environment on the cluster and print its URL",
        "It is packed and uploaded only if the cluster does not have its current state.",
    )
    parser.add_argument(
        "environment", type=Path, metavar="PREFIX|ARCHIVE", help="an environment, or a packed one"
    )
    parser.add_argument(
        "--public",
        action="store_true",
        help="let everybody use it: each node unpacks it once for all users",
    )
    _add_directory(parser)
    add_timeout(parser, "how long it may take", PUSH_TIMEOUT)

    parser = add_command(
        verbs, "list", _list, "list packed environments, on the cluster and in the cache here"
    )
    _add_directory(parser)
    _add_host(parser)
    add_timeout(parser, "how long the cluster may take to answer", LOOK_TIMEOUT)

    parser = add_command(
        verbs,
        "prune",
        _prune,
        "remove old packed environments, on the cluster and in the cache here",
        "Environments of running kernels (--environment) are kept.",
    )
    parser.add_argument(
        "--older-than",
        type=count,
        default=30,
        metavar="DAYS",
        help="put there more than so many days ago (default: %(default)s)",
    )
    parser.add_argument("--dry-run", action="store_true", help="only print what would be removed")
    _add_directory(parser)
    _add_host(parser)
    add_timeout(parser, "how long the cluster may take to answer", LOOK_TIMEOUT)


def _add_directory(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--directory",
        metavar="URL",
        help="on the cluster (default: .yarnkernel/environments or, for everybody, "
        ".yarnkernel-public/environments below your home there)",
    )
    parser.add_argument(
        "--edge",
        default="",
        metavar="HOST",
        help="edge node of the cluster, as your ssh takes it",
    )
    parser.add_argument(
        "--jump", action="append", default=[], metavar="HOST", help="host to go through there"
    )


def _cluster(options: argparse.Namespace) -> ClusterEnvironment:
    if options.edge:
        from yarnkernel.cluster.edge import find_edge  # noqa: PLC0415

        return find_edge(options.edge, options.jump)
    from yarnkernel.cluster.find import find_cluster  # noqa: PLC0415

    return find_cluster()


def _add_host(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--host",
        default="",
        help="not the cluster's, but those that were sent to this host for kernels elsewhere, as "
        "your ssh takes it; their age is that of their last use",
    )


def _pack(options: argparse.Namespace, output: Output) -> None:
    target: Path | None = options.output
    if target is not None and not target.name.endswith(".tar.gz"):
        raise UsageError(f"{target}: the archive's name has to end in .tar.gz")
    with pusher(Deadline(options.timeout), output) as by:
        archive = by.pack(options.prefix, target)
    output.result(str(archive), {"archive": str(archive), "size": archive.stat().st_size})


def _push(options: argparse.Namespace, output: Output) -> None:
    from yarnkernel.environment.store import EnvironmentStore  # noqa: PLC0415

    if not options.environment.exists():
        raise UsageError(f"there is no environment {options.environment}")
    cluster = _cluster(options)
    output.progress(f"cluster: {cluster.source}")
    deadline = Deadline(options.timeout)
    store = EnvironmentStore(cluster, deadline, public=options.public, directory=options.directory)
    with pusher(deadline, output) as by:
        stored, uploaded = by.push(options.environment, store)
    output.result(stored.url, {**_document(stored), "uploaded": uploaded})
    output.progress(f"next: yarnkernel start --environment {stored.url}")


def _stores(options: argparse.Namespace) -> Iterator[EnvironmentStore]:
    """Return the stores on the cluster that a command concerns."""
    from yarnkernel.environment.store import EnvironmentStore  # noqa: PLC0415

    cluster = _cluster(options)
    deadline = Deadline(options.timeout)
    if options.directory is not None:
        yield EnvironmentStore(cluster, deadline, directory=options.directory)
        return
    for public in (False, True):
        yield EnvironmentStore(cluster, deadline, public=public)


def _list(options: argparse.Namespace, output: Output) -> None:
    from yarnkernel.environment.cache import cached_archives  # noqa: PLC0415
    from yarnkernel.kernels.places import host_environments  # noqa: PLC0415  (protobuf)

    if options.host:
        _show(host_environments(options.host, options.jump).list(), output)
        return
    found = [archive for store in _stores(options) for archive in store.list()]
    _show([*found, *cached_archives()], output)


def _prune(options: argparse.Namespace, output: Output) -> None:
    from yarnkernel.environment.cache import cached_archives, remove_cached  # noqa: PLC0415
    from yarnkernel.environment.stored import select_old  # noqa: PLC0415
    from yarnkernel.kernels.places import (  # noqa: PLC0415  (protobuf)
        host_environments,
        open_cluster,
    )

    age = float(options.older_than * SECONDS_A_DAY)
    if options.host:
        there = host_environments(options.host, options.jump)
        _show_pruned(there.prune(age, dry_run=options.dry_run), options, output)
        return
    in_use = {
        tag.removeprefix(TAG_PREFIX)
        for status in open_cluster(_cluster(options)).list()
        for tag in status.tags
        if tag.startswith(TAG_PREFIX)
    }
    chosen = []
    for store in _stores(options):
        old = select_old(store.list(), age=age, in_use=in_use)
        if not options.dry_run:
            store.remove(old)
        chosen += old
    cached = select_old(cached_archives(), age=age, in_use=())
    if not options.dry_run:
        remove_cached(cached)
    chosen += cached
    _show_pruned(chosen, options, output)


def _show_pruned(
    chosen: Sequence[StoredArchive], options: argparse.Namespace, output: Output
) -> None:
    _show(chosen, output)
    done = "would be removed" if options.dry_run else "removed"
    size = sum(archive.size for archive in chosen) / 1e6
    output.progress(f"{len(chosen)} packed environments {done}: {size:.1f} MB")


def _document(archive: StoredArchive) -> dict[str, Any]:
    return {
        "url": archive.url,
        "size": archive.size,
        "modified": iso_time(datetime.fromtimestamp(archive.modified, timezone.utc)),
        "visibility": archive.visibility,
    }


def _show(archives: Sequence[StoredArchive], output: Output) -> None:
    now = time.time()
    rows = [
        (
            archive.url,
            f"{archive.size / 1e6:.1f} MB",
            f"{max(0.0, now - archive.modified) / SECONDS_A_DAY:.1f} days",
            archive.visibility,
        )
        for archive in archives
    ]
    headings = ("ENVIRONMENT", "SIZE", "AGE", "VISIBILITY")
    output.table(Table(headings, rows), [_document(archive) for archive in archives])
