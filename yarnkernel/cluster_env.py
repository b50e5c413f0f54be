"""Which cluster the client talks to: its configuration, its ``yarn`` command, its Java."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from yarnkernel.errors import ClusterError
from yarnkernel.hadoop.configuration import Configuration, load_configuration
from yarnkernel.local import state as local_state

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

#: Who the user is in Kerberos (UserGroupInformation).
KERBEROS_USER = ("KRB5KEYTAB", "KRB5PRINCIPAL", "KRB5CCNAME")
#: Seconds; Hadoop's own `yarn` is a shell script that takes a third of one.
CLASSPATH_TIMEOUT = 30.0


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
        The class path, where the configuration was found with it.
    """

    source: str
    variables: Mapping[str, str]
    conf_dir: Path
    found_classpath: str = ""

    @cached_property
    def configuration(self) -> Configuration:
        """The cluster's site files."""
        return load_configuration(self.conf_dir, self.variables)

    @cached_property
    def java(self) -> str:
        """The ``java`` command, looked for when a JVM is going to be started.

        Raises
        ------
        ClusterError
            When there is none.
        """
        return _find_java(self.variables)

    @cached_property
    def java_variables(self) -> Mapping[str, str]:
        """The environment for JVMs: Hadoop's scripts do not look for a java on ``PATH``."""
        if self.variables.get("JAVA_HOME"):
            return self.variables
        return {**self.variables, "JAVA_HOME": str(Path(self.java).resolve().parent.parent)}

    @cached_property
    def classpath(self) -> str:
        """Hadoop's configuration and jars as the JVM takes them, asked of the ``yarn`` command.

        Raises
        ------
        ClusterError
            When there is no such command, or it is not the cluster's.
        """
        return self.found_classpath or self._ask_classpath()

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
        classpath, said = _hadoop_classpath(self.java_variables)
        if classpath is None:
            if _is_javascripts(said):
                raise ClusterError(f"{self.source}: the `yarn` on PATH is not Hadoop's")
            raise ClusterError(f"{self.source}: `yarn classpath` fails: {said}")
        return classpath

    @property
    def is_local(self) -> bool:
        """Whether its nodes are this machine, as those of a local cluster."""
        conf_dir = self.variables.get("HADOOP_CONF_DIR", "")
        return any(str(state.conf_dir) == conf_dir for state in local_state.list_states())

    def run_yarn(
        self, arguments: Sequence[str], timeout: float
    ) -> subprocess.CompletedProcess[str]:
        """Run Hadoop's ``yarn`` command to its end.

        Parameters
        ----------
        arguments : sequence of str
            Without the command itself.
        timeout : float
            Seconds.

        Returns
        -------
        subprocess.CompletedProcess
            With its output as text.

        Raises
        ------
        ClusterError
            When it cannot be run or the time is over.
        """
        return _run_yarn(self.java_variables, arguments, timeout)


def _run_yarn(
    variables: Mapping[str, str], arguments: Sequence[str], timeout: float
) -> subprocess.CompletedProcess[str]:
    command = shutil.which("yarn", path=variables.get("PATH"))
    if command is None:
        raise ClusterError("there is no `yarn` command on PATH")
    try:
        return subprocess.run(
            [command, *arguments],
            env=dict(variables),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ClusterError(
            f"`yarn {' '.join(arguments)}` did not end within {timeout:.0f} s"
        ) from None
    except OSError as exc:
        raise ClusterError(f"`{command}` cannot be run: {exc.strerror}") from exc


def _hadoop_classpath(variables: Mapping[str, str]) -> tuple[str | None, str]:
    """Ask ``yarn`` for its class path; None, and the last line of what it says, without one."""
    # Without --glob: a JVM expands wildcards by itself, and no JVM has to start for the answer.
    answer = _run_yarn(variables, ["classpath"], CLASSPATH_TIMEOUT)
    lines = answer.stdout.strip().splitlines() or [""]
    if answer.returncode == 0 and os.pathsep in lines[-1] and "/" in lines[-1]:
        return lines[-1], ""
    said = (answer.stderr.strip() or answer.stdout.strip()).splitlines() or ["nothing"]
    return None, said[-1]


def _is_javascripts(said: str) -> bool:
    """Whether a ``yarn`` that has no class path is the package manager of JavaScript."""
    return bool(re.search(r"Command .classpath. not found|Usage Error|Couldn't find", said))


def _find_java(variables: Mapping[str, str]) -> str:
    """Find the ``java`` of ``JAVA_HOME``, of ``PATH`` or of Hadoop's own configuration."""
    home = variables.get("JAVA_HOME")
    if not home:
        on_path = shutil.which("java", path=variables.get("PATH"))
        if on_path is not None:
            return on_path
        # Hadoop 3 tells what its hadoop-env.sh sets.
        shown = _run_yarn(variables, ["envvars"], CLASSPATH_TIMEOUT).stdout
        found = re.search(r"^JAVA_HOME='(.+)'$", shown, re.MULTILINE)
        if found is None:
            raise ClusterError(
                "no Java: neither JAVA_HOME is set nor is there a `java` on PATH; "
                "set JAVA_HOME to the Java of your cluster"
            )
        home = found[1]
    java = Path(home) / "bin" / "java"
    if os.access(java, os.X_OK):
        return str(java)
    raise ClusterError(f"no Java: JAVA_HOME={home} has no bin/java")


def local_environment(cluster: local_state.ClusterState) -> ClusterEnvironment:
    """How to reach a local cluster.

    Raises
    ------
    ClusterError
        When a daemon has ended that it cannot do without.
    """
    missing = cluster.missing_daemons()
    if missing:
        raise ClusterError(
            f"local cluster {cluster.name} does not run any more ({', '.join(missing)} ended); "
            f"next: yarnkernel cluster start --name {cluster.name}"
        )
    own = cluster.environment()
    if "HADOOP_CONF_DIR" in os.environ and any(name in os.environ for name in KERBEROS_USER):
        # After `cluster env`, the user may be somebody else.
        own = {name: value for name, value in own.items() if name not in KERBEROS_USER}
    variables = {**os.environ, **own}
    return ClusterEnvironment(f"local cluster {cluster.name}", variables, cluster.conf_dir)


def _owner_of(command: str) -> local_state.ClusterState | None:
    """The local cluster that a ``yarn`` command belongs to, if any."""
    directory = Path(command).parent
    return next((c for c in local_state.list_states() if c.bin_dir == directory), None)


def _configured(conf_dir: str) -> ClusterEnvironment:
    source = f"HADOOP_CONF_DIR={conf_dir}"
    path = Path(conf_dir)
    for cluster in local_state.list_states():
        if cluster.conf_dir == path:
            return local_environment(cluster)
    if not (path / "yarn-site.xml").is_file():
        raise ClusterError(
            f"{source} has no yarn-site.xml in it; is the cluster's client installed?"
        )
    return ClusterEnvironment(source, dict(os.environ), path)


def _by_yarn(variables: Mapping[str, str]) -> ClusterEnvironment | None:
    """The cluster that ``yarn`` on ``PATH`` is configured for; None when it is not Hadoop's."""
    source = "`yarn` on PATH"
    classpath, said = _hadoop_classpath(variables)
    if classpath is None:
        if _is_javascripts(said):
            return None
        # It may want JAVA_HOME even for that.
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
        That of ``HADOOP_CONF_DIR``; else the one that ``yarn`` on ``PATH`` is
        configured for; else the running local cluster (``default``, or the
        only one there is).

    Raises
    ------
    ClusterError
        When there is none, or it cannot be told which.
    """
    conf_dir = os.environ.get("HADOOP_CONF_DIR")
    if conf_dir:
        return _configured(conf_dir)
    command = shutil.which("yarn")
    if command is not None:
        owner = _owner_of(command)
        if owner is not None:
            return local_environment(owner)
        found = _by_yarn(dict(os.environ))
        if found is not None:
            return found
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
    raise ClusterError(
        "no cluster: set HADOOP_CONF_DIR to the configuration of one, "
        "or start one on this machine with: yarnkernel cluster start"
    )
