"""Where a local cluster's files are, and what is recorded about a running one."""

from __future__ import annotations

import contextlib
import json
import os
import re
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs

from yarnkernel.errors import LocalClusterError, UsageError
from yarnkernel.local.options import ClusterOptions
from yarnkernel.local.user import local_user

if TYPE_CHECKING:
    import psutil

DEFAULT_NAME = "default"
#: Variable in the environment of all processes of a cluster, including containers: see mark_of.
MARK = "YARNKERNEL_LOCAL_CLUSTER"
#: Seconds by which a process' creation time may seem to change: it is relative to the system's
#: start, which moves when the clock is set (psutil 7.2, Process.create_time).
CLOCK_TOLERANCE = 5.0
#: Short-lived and small JVMs start faster with these.
JAVA_START_OPTIONS = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
#: Variable for skein's own commands, each of which starts a JVM.
_DRIVER_OPTIONS = "SKEIN_DRIVER_JAVA_OPTIONS"


@dataclass(frozen=True)
class DaemonState:
    """One daemon's process.

    Attributes
    ----------
    pid : int
        Its process id.
    created : float
        When the process was created, in seconds since 1970: distinguishes it from a later process
        with the same id.
    """

    pid: int
    created: float

    def process(self) -> psutil.Process | None:
        """Return the running process; None if it has ended."""
        import psutil  # noqa: PLC0415  (slow; not needed for other clusters)

        try:
            process = psutil.Process(self.pid)
            running = abs(process.create_time() - self.created) < CLOCK_TOLERANCE and (
                process.status() != psutil.STATUS_ZOMBIE
            )
        except psutil.NoSuchProcess:
            return None
        return process if running else None


@dataclass(frozen=True)
class ClusterState:
    """A started cluster, as recorded in its ``cluster.json``.

    Attributes
    ----------
    name : str
        The cluster's name.
    directory : str
        The directory of all its files, as a path that Hadoop can handle.
    options : ClusterOptions
        The options that it was started with.
    ports : dict of str to int
        TCP ports on the loopback interface, by use.
    daemons : dict of str to DaemonState
        Its processes, by name (``"resourcemanager"``, ``"nodemanager0"``...).
    python : str
        The interpreter that containers find as ``python``.
    """

    name: str
    directory: str
    options: ClusterOptions
    ports: dict[str, int]
    python: str
    daemons: dict[str, DaemonState] = field(default_factory=dict)

    @property
    def path(self) -> Path:
        """The cluster's directory."""
        return Path(self.directory)

    @property
    def java_home(self) -> str:
        """The Java that runs its daemons, as a link with a plain path."""
        return f"{self.directory}/java"

    @property
    def jars(self) -> str:
        """The directory with Hadoop's jars, as a link with a plain path."""
        return f"{self.directory}/jars"

    @property
    def conf_dir(self) -> Path:
        """The client's ``HADOOP_CONF_DIR``."""
        return self.path / "conf" / "client"

    @property
    def bin_dir(self) -> Path:
        """The directory with the commands ``yarn``, ``hadoop`` and ``hdfs``."""
        return self.path / "bin"

    @property
    def web_addresses(self) -> dict[str, str]:
        """The web page of each ResourceManager."""
        return {
            name: f"http://localhost:{self.ports[f'{name}-web']}"
            for name in self.options.resourcemanagers
        }

    def daemons_wanted(self) -> list[str]:
        """Return the names of all daemons except a KDC, in the order of their start."""
        return [
            *(["namenode", "datanode"] if self.options.hdfs else []),
            *(["zookeeper"] if self.options.ha else []),
            *self.options.resourcemanagers,
            *(f"nodemanager{index}" for index in range(self.options.nodemanagers)),
        ]

    def dead_daemons(self) -> list[str]:
        """Return the names of the daemons whose processes have ended."""
        return [name for name, daemon in self.daemons.items() if daemon.process() is None]

    def missing_daemons(self) -> list[str]:
        """Return the names of the necessary daemons that have ended: one of a pair may end."""
        dead = self.dead_daemons()
        pair = self.options.resourcemanagers
        return dead if set(pair) <= set(dead) else [name for name in dead if name not in pair]

    def environment(self) -> dict[str, str]:
        """Return variables with which Hadoop's and skein's clients find this cluster."""
        return {
            "HADOOP_CONF_DIR": str(self.conf_dir),
            "PATH": f"{self.bin_dir}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
            **self.java_environment(),
            _DRIVER_OPTIONS: os.environ.get(_DRIVER_OPTIONS) or " ".join(JAVA_START_OPTIONS),
            **(self._kerberos_environment() if self.options.kerberos else {}),
        }

    def _kerberos_environment(self) -> dict[str, str]:
        """Return the variables for MIT Kerberos and Hadoop's UserGroupInformation."""
        return {
            "KRB5_CONFIG": str(self.krb5_conf),
            "KRB5KEYTAB": str(self.keytab),
            "KRB5PRINCIPAL": local_user(),
        }

    def java_environment(self) -> dict[str, str]:
        """Return variables that every JVM of this cluster needs: daemon, container or client."""
        variables = {"JAVA_HOME": self.java_home}
        options = []
        if self.hosts_file.exists():
            options.append(f"-Djdk.net.hosts.file={self.hosts_file}")
        if self.options.kerberos:
            options.append(f"-Djava.security.krb5.conf={self.krb5_conf}")
        if options:
            variables["JAVA_TOOL_OPTIONS"] = " ".join(options)
        return variables

    @property
    def krb5_conf(self) -> Path:
        """The Kerberos configuration for the cluster's processes and clients."""
        return self.path / "krb5.conf"

    @property
    def keytab(self) -> Path:
        """The keys of all principals; exists if the options include Kerberos."""
        return self.path / "kdc" / "keytab"

    @property
    def hosts_file(self) -> Path:
        """The host names for JVMs; exists if the system cannot resolve this machine's name."""
        return self.path / "hosts"

    def write(self) -> None:
        """Write ``cluster.json`` atomically."""
        target = self.path / "cluster.json"
        part = target.with_suffix(".part")
        part.write_text(json.dumps(asdict(self), indent=1))
        part.replace(target)


def clusters_directory() -> Path:
    """Return the directory of all local clusters, in the user's state directory.

    Raises
    ------
    UsageError
        When the user has no home: it would be named ``~`` in the current directory.
    """
    try:
        directory = platformdirs.user_state_path("yarnkernel") / "clusters"
    except RuntimeError:  # newer versions of platformdirs
        directory = Path("~")
    if not directory.is_absolute():
        raise UsageError("there is no home directory of this user's account; next: set HOME")
    return directory


def cluster_directory(name: str) -> Path:
    """Return the directory of one cluster.

    Raises
    ------
    UsageError
        When ``name`` is too long, or has other characters than letters, digits, ``.``, ``_`` and
        ``-``.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", name):
        raise UsageError(
            f"{name!r} cannot be a cluster's name: use up to 64 letters, digits, '.', '_' and '-'"
        )
    return clusters_directory() / name


def read_state(name: str) -> ClusterState | None:
    """Read the record of a cluster.

    Returns
    -------
    ClusterState or None
        None if no such cluster has been started.

    Raises
    ------
    LocalClusterError
        When the file is damaged.
    """
    path = cluster_directory(name) / "cluster.json"
    try:
        fields = json.loads(path.read_text())
        daemons = {key: DaemonState(**value) for key, value in fields.pop("daemons").items()}
        options = ClusterOptions(**fields.pop("options"))
        return ClusterState(**fields, options=options, daemons=daemons)
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, KeyError, AttributeError) as exc:
        raise LocalClusterError(
            f"{path} is damaged ({exc}); next: yarnkernel cluster stop --name {name}"
        ) from exc


def list_states() -> list[ClusterState]:
    """Read the records of all clusters, running or not, sorted by name.

    Unreadable ones are left out, so that they do not affect the others.
    """
    try:
        names = sorted(path.parent.name for path in clusters_directory().glob("*/cluster.json"))
    except OSError:
        return []
    states = []
    for name in names:
        with contextlib.suppress(LocalClusterError, UsageError):
            states.append(read_state(name))
    return [state for state in states if state is not None]


def running_states() -> list[ClusterState]:
    """Read the records of all running clusters."""
    return [state for state in list_states() if state.daemons and not state.missing_daemons()]
