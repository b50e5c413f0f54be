"""Start and stop a local cluster."""

from __future__ import annotations

import contextlib
import fcntl
import shutil
import sys
import tempfile
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from yarnkernel.errors import LocalClusterError, UsageError
from yarnkernel.local import daemons, kdc, security
from yarnkernel.local.artefacts import FetchProgress, fetch_artefacts
from yarnkernel.local.java import find_java, find_kerberos_java
from yarnkernel.local.layout import lay_out
from yarnkernel.local.ports import choose_ports
from yarnkernel.local.processes import end_processes, has_applications, marked_processes
from yarnkernel.local.state import (
    ClusterState,
    cluster_directory,
    clusters_directory,
    list_states,
    read_state,
)
from yarnkernel.local.user import local_user
from yarnkernel.local.web import ask_resourcemanager, web_address
from yarnkernel.local.work_dir import make_work_dir, remove_work_dir

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from yarnkernel.local.options import ClusterOptions

#: Seconds for the daemons to be ready once all artefacts are available.
START_TIMEOUT = 90.0
#: Seconds for containers to end by themselves before they are killed.
STOP_GRACE = 5.0
#: Attempts to start, as a chosen port may be taken in the meantime.
PORT_ATTEMPTS = 3


def _check_locks(directory: Path) -> None:
    """Check that the file system supports locks: without them, filelock waits forever.

    Raises
    ------
    LocalClusterError
        When it does not.
    """
    try:
        with tempfile.TemporaryFile(dir=directory) as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as exc:
        raise LocalClusterError(
            f"files in {directory} cannot be locked: {exc.strerror}; next: set XDG_STATE_HOME to a "
            "directory of a local disk"
        ) from exc


@contextlib.contextmanager
def _only_one(name: str, report: Callable[[str], None], timeout: float) -> Iterator[None]:
    """Hold the lock for a cluster's name: only one process at a time starts or stops it."""
    try:
        import filelock  # noqa: PLC0415  (an extra)
    except ImportError as exc:
        raise LocalClusterError(
            f"the local cluster needs {exc.name}; next: pip install 'yarnkernel[local]'"
        ) from exc
    try:
        clusters_directory().mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise LocalClusterError(f"cannot make {clusters_directory()}: {exc.strerror}") from exc
    _check_locks(clusters_directory())
    lock = filelock.FileLock(f"{cluster_directory(name)}.lock")
    try:
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout:
            report(f"another process starts or stops cluster {name}; waiting for it")
            lock.acquire(timeout=timeout)
    except filelock.Timeout:
        raise LocalClusterError(
            f"another process has been starting or stopping cluster {name} for {timeout:.0f} s"
        ) from None
    try:
        yield
    finally:
        lock.release()


def _is_up(state: ClusterState, timeout: float) -> bool:
    """Return whether a cluster that has been started is usable.

    Raises
    ------
    LocalClusterError
        When it is not, but must not be restarted: kernels may still run in it.
    """
    deadline = time.monotonic() + timeout
    while not (missing := state.missing_daemons()):
        if ask_resourcemanager(state, "info") is not None:
            return True
        if time.monotonic() > deadline:
            raise LocalClusterError(
                f"cluster {state.name} runs, but its ResourceManager has not answered for "
                f"{timeout:.0f} s; next: yarnkernel cluster stop --name {state.name}"
            )
        time.sleep(daemons.POLL_INTERVAL)
    if has_applications(state):
        raise LocalClusterError(
            f"cluster {state.name} is damaged ({', '.join(missing)} ended), but "
            "applications still run in it; "
            f"next: yarnkernel cluster stop --name {state.name}, which ends them"
        )
    return False


def start_cluster(
    name: str,
    options: ClusterOptions,
    *,
    report: Callable[[str], None],
    progress: FetchProgress,
    repository: str | None = None,
    timeout: float = START_TIMEOUT,
) -> ClusterState:
    """Start a cluster, or return the running one of this name.

    Parameters
    ----------
    name : str
        Letters, digits, ``.``, ``_`` and ``-``.
    options : ClusterOptions
        Options for a new cluster; a running one is left as it is.
    report : callable
        Called with one line at each change of state.
    progress : FetchProgress
        Gets the progress of fetching artefacts.
    repository : str, optional
        URL of a Maven repository; see :func:`fetch_artefacts`.
    timeout : float, default 90.0
        Seconds for the daemons to be ready.

    Returns
    -------
    ClusterState
        The running cluster.

    Raises
    ------
    LocalClusterError
        When it cannot be started; none of its processes is left running.
    ArtefactError
        When Hadoop's jars cannot be fetched.
    """
    directory = cluster_directory(name)
    if options.hdfs and "'" in str(directory):
        raise UsageError(
            f"HDFS cannot keep its files below {directory}, because of the quote; "
            "set XDG_STATE_HOME to another directory"
        )
    with _only_one(name, report, timeout + 900):
        state = read_state(name)
        if state is not None:
            if _is_up(state, timeout):
                kept = "" if state.options == options else ", with other options, which it keeps"
                report(f"cluster {name} is running already{kept}")
                return _complete(state, report, timeout)
            missing = ", ".join(state.missing_daemons())
            report(f"cluster {name} is damaged ({missing}); starting it anew")
        java_home = find_kerberos_java() if options.kerberos else find_java(report)
        jars = fetch_artefacts(f"hadoop-{options.hadoop_version}", progress, repository=repository)
        kdc_jars = None
        if options.kerberos:
            kdc_jars = fetch_artefacts(kdc.ARTEFACTS, progress, repository=repository)
        for attempt in range(PORT_ATTEMPTS):
            _remove(directory)
            state = ClusterState(
                name=name,
                directory=str(make_work_dir(directory)),
                options=options,
                ports=_choose_ports(options),
                python=sys.executable,
            )
            try:
                directory.mkdir(parents=True, mode=0o700)
                lay_out(state, java_home=java_home, jars=jars, kdc_jars=kdc_jars)
                return _start(state, report, timeout)
            except daemons.PortTakenError as exc:
                end_processes(directory, grace=0)
                if attempt == PORT_ATTEMPTS - 1:
                    raise
                report(f"{exc}; trying other ports")
            except BaseException:
                # Remove the cluster, but keep its logs.
                end_processes(directory, grace=0)
                (directory / "cluster.json").unlink(missing_ok=True)
                raise
    raise AssertionError("unreachable: the last attempt returns or raises")


def _choose_ports(options: ClusterOptions) -> dict[str, int]:
    of_resourcemanager = ("", "-scheduler", "-resource-tracker", "-admin", "-web")
    uses = [f"{name}{use}" for name in options.resourcemanagers for use in of_resourcemanager]
    for index in range(options.nodemanagers):
        uses += [f"nodemanager{index}{use}" for use in ("", "-localizer", "-web")]
    if options.hdfs:
        uses += ["namenode", "namenode-web"]
    if options.kerberos:
        uses.append("kdc")
    if options.ha:
        uses.append("zookeeper")
    taken = {port for other in list_states() for port in other.ports.values()}
    return choose_ports(uses, taken)


def _start(state: ClusterState, report: Callable[[str], None], timeout: float) -> ClusterState:
    deadline = time.monotonic() + timeout
    if state.options.kerberos:  # before the daemons that have to log in
        state = replace(state, daemons={"kdc": daemons.start_daemon(state, "kdc")})
        daemons.wait_until_ready(state, deadline)
    if state.options.hdfs:
        report("formatting HDFS")
        daemons.format_namenode(state, timeout)
    names = state.daemons_wanted()
    report(f"starting {', '.join(names)}")
    started = {name: daemons.start_daemon(state, name) for name in names}
    state = replace(state, daemons=state.daemons | started)
    state.write()
    daemons.wait_until_ready(state, deadline)
    if state.options.hdfs:
        make = (
            security.make_hdfs_directories
            if state.options.kerberos
            else daemons.make_hdfs_directories
        )
        make(state, local_user())
    daemons.archive_classes(state)
    report(f"cluster {state.name} is ready: {web_address(state)}")
    return state


def _complete(state: ClusterState, report: Callable[[str], None], timeout: float) -> ClusterState:
    """Restart the dispensable daemons that have ended."""
    for name in state.dead_daemons():
        report(f"{name} has ended; starting it again")
        state = daemons.restart_daemon(state, name)
    daemons.wait_until_ready(state, time.monotonic() + timeout)
    return state


def stop_cluster(name: str, *, report: Callable[[str], None]) -> bool:
    """End a cluster's daemons and every process in its containers, and remove its files.

    Parameters
    ----------
    name : str
        The cluster's name.
    report : callable
        Called with one line at each change of state.

    Returns
    -------
    bool
        False if there was nothing to stop.

    Raises
    ------
    LocalClusterError
        When a process cannot be ended.
    """
    directory = cluster_directory(name)
    if not directory.exists() and not marked_processes(directory):
        return False
    with _only_one(name, report, START_TIMEOUT):
        ended = end_processes(directory, grace=STOP_GRACE)
        _remove(directory)
    report(f"cluster {name} is stopped: {ended} processes ended")
    return True


def _remove(directory: Path) -> None:
    end_processes(directory, grace=0)
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(directory)
    remove_work_dir(directory)
