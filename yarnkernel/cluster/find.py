"""Find the cluster to talk to: its configuration, its ``yarn`` command, its Java."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from yarnkernel.cluster.yarn_command import find_java, hadoop_classpath, is_javascripts, run_yarn
from yarnkernel.errors import ClusterError, NoClusterError
from yarnkernel.hadoop.site_files import load_configuration, read_site_file
from yarnkernel.local import state as local_state
from yarnkernel.local.work_dir import check_work_dir

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Mapping, Sequence

    from yarnkernel.hadoop.configuration import Configuration

#: Variables that identify the user in Kerberos (UserGroupInformation).
KERBEROS_USER = ("KRB5KEYTAB", "KRB5PRINCIPAL", "KRB5CCNAME")
_YARN_SITE = "yarn-site.xml"


@dataclass(frozen=True)
class ClusterEnvironment:
    """How to reach one cluster.

    Attributes
    ----------
    source : str
        Where the configuration comes from, for messages.
    variables : mapping of str to str
        The whole environment for processes that talk to the cluster.
    conf_dir : pathlib.Path
        The directory with Hadoop's site files.
    found_classpath : str, optional
        The class path, if the configuration was found with it.
    more_conf_dir : pathlib.Path, optional
        A second directory, for the files that the first one does not have.
    """

    source: str
    variables: Mapping[str, str]
    conf_dir: Path
    found_classpath: str = ""
    more_conf_dir: Path | None = None

    @cached_property
    def configuration(self) -> Configuration:
        """The cluster's site files."""
        return load_configuration(*self._conf_dirs, environment=self.variables)

    @property
    def _conf_dirs(self) -> list[Path]:
        return [self.conf_dir, *([self.more_conf_dir] if self.more_conf_dir else [])]

    @cached_property
    def java(self) -> str:
        """The ``java`` command, searched for only before the start of a JVM.

        Raises
        ------
        ClusterError
            When there is none.
        """
        return find_java(self.variables)

    @cached_property
    def java_variables(self) -> Mapping[str, str]:
        """The environment for JVMs, with JAVA_HOME: Hadoop's scripts do not search ``PATH``."""
        if self.variables.get("JAVA_HOME"):
            return self.variables
        return {**self.variables, "JAVA_HOME": str(Path(self.java).resolve().parent.parent)}

    @cached_property
    def classpath(self) -> str:
        """The JVM's class path for Hadoop's configuration and jars, from the ``yarn`` command.

        Raises
        ------
        ClusterError
            When there is no such command, or it is not the cluster's.
        """
        asked = self.found_classpath or self._ask_classpath()
        # Hadoop's commands only use one directory.
        first = map(str, self._conf_dirs if self.more_conf_dir else ())
        return os.pathsep.join([*first, asked])

    def _ask_classpath(self) -> str:
        command = shutil.which("yarn", path=self.variables.get("PATH"))
        if command is None:
            raise ClusterError(f"{self.source} is set, but there is no `yarn` command on PATH")
        owner = _owner_of(command)
        if owner is not None and owner.conf_dir != self.conf_dir:
            raise ClusterError(
                f"{self.source} is not that of local cluster {owner.name}, but the `yarn` on PATH "
                "is; put the `yarn` of the other cluster first"
            )
        classpath, said = hadoop_classpath(self.java_variables)
        if classpath is None:
            if is_javascripts(said):
                raise ClusterError(f"{self.source}: the `yarn` on PATH is not Hadoop's")
            raise ClusterError(f"{self.source}: `yarn classpath` fails: {said}")
        return classpath

    @property
    def is_local(self) -> bool:
        """Whether its nodes are on this machine, as in a local cluster."""
        conf_dir = self.variables.get("HADOOP_CONF_DIR", "")
        return any(str(state.conf_dir) == conf_dir for state in local_state.list_states())

    @property
    def edge(self) -> tuple[str, ...]:
        """The edge node, preceded by the hosts to jump through; empty without one."""
        return ()

    def forward(self, app_id: str, host: str, port: int, *, greets: bool) -> tuple[str, int]:  # noqa: ARG002
        """Return a port's address from here, which lasts as long as an application's kernel.

        Parameters
        ----------
        app_id : str
            The application's id.
        host : str
            The port's host.
        port : int
            The port.
        greets : bool
            Whether the server at that port sends first.
        """
        return host, port

    def release(self, app_id: str) -> None:
        """Stop forwarding the ports of an application that has ended."""

    def hadoop(self, arguments: Sequence[str]) -> list[str]:
        """Return a local command that runs Hadoop's ``hadoop`` with these arguments.

        Raises
        ------
        ClusterError
            When there is none.
        """
        found = shutil.which("hadoop", path=self.variables.get("PATH"))
        if found is None:
            raise ClusterError(f"{self.source}: there is no `hadoop` command on PATH")
        return [found, *arguments]

    def run_yarn(
        self, arguments: Sequence[str], timeout: float
    ) -> subprocess.CompletedProcess[str]:
        """Run Hadoop's ``yarn`` command to its end.

        Parameters
        ----------
        arguments : sequence of str
            Arguments without the command itself.
        timeout : float
            Seconds.

        Returns
        -------
        subprocess.CompletedProcess
            With its output as text.

        Raises
        ------
        ClusterError
            When it cannot be run or times out.
        """
        return run_yarn(self.java_variables, arguments, timeout)


def local_environment(cluster: local_state.ClusterState) -> ClusterEnvironment:
    """Return how to reach a local cluster.

    Raises
    ------
    ClusterError
        When a necessary daemon has ended.
    """
    missing = cluster.missing_daemons()
    if missing:
        from yarnkernel.local.processes import has_applications  # noqa: PLC0415  (slow to import)

        # It is not restarted while its applications still run.
        command = "stop" if has_applications(cluster) else "start"
        what = ", which ends its applications" if command == "stop" else ""
        raise ClusterError(
            f"local cluster {cluster.name} does not run any more ({', '.join(missing)} ended); "
            f"next: yarnkernel cluster {command} --name {cluster.name}{what}"
        )
    check_work_dir(cluster.path)
    own = cluster.environment()
    if "HADOOP_CONF_DIR" in os.environ and any(name in os.environ for name in KERBEROS_USER):
        # After `cluster env`, the user may have logged in as another one.
        own = {name: value for name, value in own.items() if name not in KERBEROS_USER}
    variables = {**os.environ, **own}
    return ClusterEnvironment(f"local cluster {cluster.name}", variables, cluster.conf_dir)


def _owner_of(command: str) -> local_state.ClusterState | None:
    """Return the local cluster that a ``yarn`` command belongs to, if any."""
    directory = Path(command).parent
    return next((c for c in local_state.list_states() if c.bin_dir == directory), None)


def _configured(conf_dir: str, more: str = "", name: str = "HADOOP_CONF_DIR") -> ClusterEnvironment:
    """Return the cluster for a variable's directory; HADOOP_CONF_DIR may have more files."""
    source = f"{name}={conf_dir}"
    path = Path(conf_dir)
    for cluster in local_state.list_states():
        if cluster.conf_dir == path:
            return local_environment(cluster)
    if not (path / _YARN_SITE).is_file():
        raise ClusterError(
            f"{source} has no yarn-site.xml in it; is the cluster's client installed?"
        )
    variables = {**os.environ, "HADOOP_CONF_DIR": conf_dir}
    more_path = Path(more) if more and Path(more) != path else None
    if more_path is not None:
        source += f" with HADOOP_CONF_DIR={more}"
    return ClusterEnvironment(source, variables, path, more_conf_dir=more_path)


def _by_variables() -> ClusterEnvironment | None:
    """Return the cluster of HADOOP_CONF_DIR or YARN_CONF_DIR.

    If the latter is set, Hadoop 3's ``yarn`` uses it (yarn-config.sh), and Spark uses the files of
    both. After ``cluster env``, the former is used.
    """
    conf_dir, yarn_conf_dir = (os.environ.get(n, "") for n in ("HADOOP_CONF_DIR", "YARN_CONF_DIR"))
    is_local = any(str(cluster.conf_dir) == conf_dir for cluster in local_state.list_states())
    if not yarn_conf_dir or (conf_dir and is_local):
        return _configured(conf_dir) if conf_dir else None
    if conf_dir and not Path(yarn_conf_dir, _YARN_SITE).is_file():
        return _configured(conf_dir)
    return _configured(yarn_conf_dir, conf_dir, "YARN_CONF_DIR")


def _by_home() -> ClusterEnvironment | None:
    """Return the cluster of HADOOP_HOME; None if it is still unconfigured."""
    home = os.environ.get("HADOOP_HOME", "")
    conf_dir = Path(home, "etc", "hadoop")
    if not home or not (conf_dir / _YARN_SITE).is_file():
        return None
    if not any(read_site_file(conf_dir / _YARN_SITE, [conf_dir])):
        return None
    path = os.pathsep.join((os.environ.get("PATH", os.defpath), f"{home}/bin"))
    variables = {**os.environ, "HADOOP_CONF_DIR": str(conf_dir), "PATH": path}
    return ClusterEnvironment(f"HADOOP_HOME={home}", variables, conf_dir)


def _by_yarn(variables: Mapping[str, str]) -> ClusterEnvironment | None:
    """Return the cluster of the ``yarn`` on ``PATH``; None if that is not Hadoop's."""
    source = "`yarn` on PATH"
    classpath, said = hadoop_classpath(variables)
    if classpath is None:
        if is_javascripts(said):
            return None
        # It may need JAVA_HOME even for its class path.
        candidate = ClusterEnvironment(source, variables, Path())
        classpath, variables = candidate.classpath, candidate.java_variables
    for entry in classpath.split(os.pathsep):
        if Path(entry, "yarn-site.xml").is_file():
            return ClusterEnvironment(source, variables, Path(entry), classpath)
    raise ClusterError(
        f"{source} has no yarn-site.xml on its class path; "
        "set HADOOP_CONF_DIR to the configuration of a cluster"
    )


def find_cluster() -> ClusterEnvironment:
    """Choose the cluster.

    Returns
    -------
    ClusterEnvironment
        The one of ``YARN_CONF_DIR`` or ``HADOOP_CONF_DIR``; else of the ``yarn`` on ``PATH``; else
        of ``HADOOP_HOME/etc/hadoop``; else the running local cluster (``default``, or the only
        one).

    Raises
    ------
    ClusterError
        When there is none, or the choice is ambiguous.
    """
    named = _by_variables()
    if named is not None:
        return named
    command = shutil.which("yarn")
    owner = _owner_of(command) if command is not None else None
    found = _by_yarn(dict(os.environ)) if command is not None and owner is None else None
    found = found or _by_home()
    if found is not None:
        return found
    if owner is not None:
        return local_environment(owner)
    clusters = {cluster.name: cluster for cluster in local_state.running_states()}
    if local_state.DEFAULT_NAME in clusters:
        return local_environment(clusters[local_state.DEFAULT_NAME])
    if len(clusters) == 1:
        return local_environment(next(iter(clusters.values())))
    if clusters:
        raise ClusterError(
            f"several local clusters run ({', '.join(clusters)}); "
            'next: eval "$(yarnkernel cluster env --name NAME)"'
        )
    raise NoClusterError(
        "no cluster: set HADOOP_CONF_DIR to the configuration of one, "
        "or start one on this machine with: yarnkernel cluster start"
    )
