"""Which cluster the client talks to: its configuration, its ``yarn`` command, its Java."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from yarnkernel.errors import ClusterError
from yarnkernel.local import state as local_state

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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
    classpath : str
        Hadoop's configuration and jars, as the JVM takes them.
    java : str
        The ``java`` command.
    """

    source: str
    variables: Mapping[str, str]
    classpath: str
    java: str

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
        return _run_yarn(self.variables, arguments, timeout)


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


def _environment(source: str, variables: Mapping[str, str]) -> ClusterEnvironment:
    java = _find_java(variables)
    if not variables.get("JAVA_HOME"):
        # Hadoop's scripts do not look for a java on PATH.
        variables = {**variables, "JAVA_HOME": str(Path(java).resolve().parent.parent)}
    classpath, said = _hadoop_classpath(variables)
    if classpath is None:
        if _is_javascripts(said):
            raise ClusterError(f"{source}: the `yarn` on PATH is not Hadoop's")
        raise ClusterError(f"{source}: `yarn classpath` fails: {said}")
    return ClusterEnvironment(source, variables, classpath, java)


def local_environment(cluster: local_state.ClusterState) -> ClusterEnvironment:
    """How to reach a local cluster.

    Raises
    ------
    ClusterError
        When one of its daemons has ended.
    """
    dead = cluster.dead_daemons()
    if dead:
        raise ClusterError(
            f"local cluster {cluster.name} does not run any more ({', '.join(dead)} ended); "
            f"next: yarnkernel cluster start --name {cluster.name}"
        )
    return _environment(f"local cluster {cluster.name}", {**os.environ, **cluster.environment()})


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
    command = shutil.which("yarn")
    if command is None:
        raise ClusterError(f"{source} is set, but there is no `yarn` command on PATH")
    owner = _owner_of(command)
    if owner is not None:
        raise ClusterError(
            f"{source} is not that of local cluster {owner.name}, but the `yarn` on PATH "
            "is; put the `yarn` of the other cluster first"
        )
    return _environment(source, dict(os.environ))


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
        source, variables = "`yarn` on PATH", dict(os.environ)
        classpath, said = _hadoop_classpath(variables)
        if classpath is not None:
            return ClusterEnvironment(source, variables, classpath, _find_java(variables))
        if not _is_javascripts(said):
            return _environment(source, variables)
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
