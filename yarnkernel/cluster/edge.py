"""A cluster that is reached through an edge node: this machine needs ssh, but no Hadoop or Java."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import subprocess
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yarnkernel.cluster.edge_sites import edge_sites
from yarnkernel.cluster.edge_tickets import edge_tickets
from yarnkernel.cluster.find import ClusterEnvironment
from yarnkernel.errors import (
    ClusterError,
    HostError,
    UnreachableError,
    UnreadableFileError,
    UsageError,
)
from yarnkernel.hadoop.files import FileStatus
from yarnkernel.hadoop.site_files import load_configuration
from yarnkernel.hosts.ssh import SshHost

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from yarnkernel.deadline import Deadline
    from yarnkernel.hadoop.configuration import Configuration
    from yarnkernel.hadoop.tickets import Tickets

#: Variables of this machine that refer to another cluster.
_OTHERS = ("HADOOP_CONF_DIR", "YARN_CONF_DIR", "HADOOP_HOME", "HADOOP_YARN_HOME")
#: Seconds for a connection that exists or has to be opened.
LINE_TIMEOUT = 60.0
#: Prints the status of a file or directory, and a directory's content, as JSON.
_LOOK = """\
import json, os, sys
path = sys.argv[1]
try:
    found = os.stat(path)
    names = os.listdir(path) if os.path.isdir(path) else []
    sizes = {name: os.stat(os.path.join(path, name)).st_size for name in names}
except FileNotFoundError:
    print("null")
else:
    print(json.dumps([found.st_size, found.st_mtime_ns // 1000000, sizes]))
"""


class EdgeFiles:
    """Directories that an edge node shares with the cluster's nodes.

    See :class:`yarnkernel.hadoop.files.FileSystem`.

    Parameters
    ----------
    host : SshHost
        The edge node.
    """

    def __init__(self, host: SshHost) -> None:
        self._host = host

    def _look(self, path: str, deadline: Deadline) -> tuple[int, int, dict[str, int]] | None:
        try:
            command = [self._host.info.python, "-c", _LOOK, path]
            done = self._host.run_command(command, timeout=deadline.step(deadline.seconds))
            if done.code:
                why = (done.err.strip().splitlines() or ["it does not say why"])[-1]
                raise UnreadableFileError(f"{self._host}: cannot look at {path}: {why}")
            found = json.loads(done.out)
        except HostError as exc:
            raise UnreadableFileError(str(exc)) from exc
        return None if found is None else (found[0], found[1], found[2])

    def status(self, path: str, deadline: Deadline) -> FileStatus | None:
        """See :class:`yarnkernel.hadoop.files.FileSystem`."""
        found = self._look(path, deadline)
        return None if found is None else FileStatus(found[0], found[1])

    def list_directory(self, path: str, deadline: Deadline) -> dict[str, int] | None:
        """See :class:`yarnkernel.hadoop.files.FileSystem`."""
        found = self._look(path, deadline)
        if found is None:
            return None
        return {name: size for name, size in found[2].items() if not name.endswith(".crc")}

    def read(self, path: str, offset: int, length: int, deadline: Deadline) -> bytes:  # noqa: ARG002
        """See :class:`yarnkernel.hadoop.files.FileSystem`."""
        try:
            content = self._host.read(path, offset, length)
        except HostError as exc:
            raise UnreadableFileError(str(exc)) from exc
        if content is None:
            raise UnreadableFileError(f"{self._host}: there is no {path}")
        return content

    def delete(self, path: str, deadline: Deadline) -> None:  # noqa: ARG002
        """See :class:`yarnkernel.hadoop.files.FileSystem`."""
        self._host.remove(path)


class EdgeNode:
    """See :class:`yarnkernel.hadoop.edge.Edge`.

    Parameters
    ----------
    host : SshHost
        The edge node.
    jump : tuple of str
        Hosts to jump through on the way there.
    there : mapping of str to str
        Variables of its login shell.
    """

    def __init__(self, host: SshHost, jump: tuple[str, ...], there: Mapping[str, str]) -> None:
        self._host = host
        self._jump = jump
        self._there = there
        self.files = EdgeFiles(host)

    @property
    def tickets(self) -> Tickets:
        """See :attr:`yarnkernel.hadoop.edge.Edge.tickets`."""
        known = [(k, v) for k, v in sorted(self._there.items()) if k.startswith("KRB5")]
        return edge_tickets(self._host.name, self._jump, tuple(known))

    def socks(self, deadline: Deadline) -> tuple[str, int]:
        """See :meth:`yarnkernel.hadoop.edge.Edge.socks`."""
        try:
            return self._host.socks(deadline.step(deadline.seconds))
        except HostError as exc:
            raise UnreachableError(str(exc)) from exc


@dataclass(frozen=True, kw_only=True)
class EdgeCluster(ClusterEnvironment):
    """See :class:`yarnkernel.cluster.find.ClusterEnvironment`.

    Attributes
    ----------
    host : SshHost
        The edge node.
    jump : tuple of str
        Hosts to jump through on the way there.
    there : dict of str to str
        Variables for Hadoop's commands there.
    """

    host: SshHost = field(compare=False)
    jump: tuple[str, ...] = ()
    there: Mapping[str, str]

    @cached_property
    def configuration(self) -> Configuration:
        """See :attr:`yarnkernel.cluster.find.ClusterEnvironment.configuration`."""
        edge = EdgeNode(self.host, self.jump, self.there)
        return load_configuration(self.conf_dir, environment=self.variables, edge=edge)

    @property
    def java(self) -> str:
        """See :attr:`yarnkernel.cluster.find.ClusterEnvironment.java`: there is none."""
        raise UsageError(
            f"{self.source}: skein's driver needs Java and Hadoop beside it, which only the edge "
            f"node has; next: --via direct, or the same command on {self.host}"
        )

    @property
    def classpath(self) -> str:
        """See :attr:`yarnkernel.cluster.find.ClusterEnvironment.classpath`: there is none."""
        return self.java

    @property
    def is_local(self) -> bool:
        """See :attr:`yarnkernel.cluster.find.ClusterEnvironment.is_local`."""
        return False

    def hadoop(self, arguments: Sequence[str]) -> list[str]:
        """See :meth:`yarnkernel.cluster.find.ClusterEnvironment.hadoop`: it runs there."""
        try:
            self.host.socks(LINE_TIMEOUT)  # keeps the connection until this process ends
            return self.host.session(self._script("hadoop", arguments))
        except HostError as exc:
            raise ClusterError(str(exc)) from exc

    def run_yarn(
        self, arguments: Sequence[str], timeout: float
    ) -> subprocess.CompletedProcess[str]:
        """See :meth:`yarnkernel.cluster.find.ClusterEnvironment.run_yarn`: it runs there."""
        try:
            done = self.host.run(self._script("yarn", arguments), timeout=timeout)
        except HostError as exc:
            raise ClusterError(str(exc)) from exc
        return subprocess.CompletedProcess(["yarn", *arguments], done.code, done.out, done.err)

    def _script(self, command: str, arguments: Sequence[str]) -> str:
        variables = [f"{name}={value}" for name, value in self.there.items()]
        return f"exec {shlex.join(['env', *variables, command, *arguments])}"

    @property
    def edge(self) -> tuple[str, ...]:
        """See :attr:`yarnkernel.cluster.find.ClusterEnvironment.edge`."""
        return (*self.jump, self.host.name)

    def forward(self, app_id: str, host: str, port: int, *, greets: bool) -> tuple[str, int]:
        """See :meth:`yarnkernel.cluster.find.ClusterEnvironment.forward`."""
        try:
            return self.host.forward(host, port, until=app_id, greets=greets)
        except HostError as exc:
            raise UnreachableError(str(exc)) from exc

    def release(self, app_id: str) -> None:
        """See :meth:`yarnkernel.cluster.find.ClusterEnvironment.release`."""
        with contextlib.suppress(HostError):
            self.host.release(app_id)


def find_edge(name: str, jump: Sequence[str] = ()) -> EdgeCluster:
    """Return the cluster of an edge node.

    Parameters
    ----------
    name : str
        The edge node, as ssh takes it.
    jump : sequence of str, optional
        Hosts to jump through on the way there.

    Raises
    ------
    ClusterError
        When it has no configuration of a cluster.
    HostError
        When it cannot be reached.
    """
    host = SshHost(name, jump)
    sites = edge_sites(host, jump)
    own: dict[str, Any] = {k: v for k, v in os.environ.items() if k not in _OTHERS}
    user = own.get("HADOOP_USER_NAME") or sites.variables.get("HADOOP_USER_NAME") or sites.user
    asked = {"HADOOP_USER_NAME": user}
    return EdgeCluster(
        source=f"YARN through {' and '.join([*jump, name])}",
        variables={**own, **asked},
        conf_dir=Path(sites.here),
        host=host,
        jump=tuple(jump),
        there={**sites.variables, "HADOOP_CONF_DIR": sites.there, **asked},
    )
