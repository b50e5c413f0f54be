"""An edge node: this machine, with a cluster, as a laptop sees it that reaches its sshd alone."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from tests.conftest import BIN, Result, Shell
from tests.support.ssh_host import TIMEOUT, SshHost, missing, run

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


class EdgeHost(SshHost):
    """This machine, at one end of a cable; at the other end there is a network for a laptop."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory, {})
        self.name = "edge"
        number = os.getpid() % 10000
        self.namespace = f"yke{number}"
        self.cable = f"yke{number}c"
        network = f"10.{127 + number // 250}.{number % 250}"
        self.address = f"{network}.1"
        self._laptop_address = f"{network}.2"

    def set_up(self, more: str = "") -> None:
        """Make the network, the keys and the laptop's ssh, and start sshd."""
        inside = ("ip", "-n", self.namespace)
        run("ip", "netns", "add", self.namespace)
        run("ip", "link", "add", self.cable, "type", "veth", "peer", "name", "eth0", "netns",
            self.namespace)  # fmt: skip
        run("ip", "addr", "add", f"{self.address}/24", "dev", self.cable)
        run("ip", "link", "set", self.cable, "up")
        run(*inside, "addr", "add", f"{self._laptop_address}/24", "dev", "eth0")
        run(*inside, "link", "set", "lo", "up")
        run(*inside, "link", "set", "eth0", "up")
        super().set_up(more)

    def set_profile(self, variables: Mapping[str, str], bin_dir: Path) -> None:
        """Let login shells there know Hadoop."""
        lines = [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
        lines.append(f'export PATH={shlex.quote(str(bin_dir))}:"$PATH"')
        (self.home / ".profile").write_text("\n".join([*lines, "echo Welcome to the edge", ""]))

    def end_keepers(self) -> None:
        """Kill who keeps lines to it."""
        for process in psutil.process_iter(["cmdline"]):
            words = process.info["cmdline"] or []
            if "yarnkernel.hosts.keeper" in words and any(
                str(self.directory) in word for word in words
            ):
                process.kill()
                process.wait(TIMEOUT)

    def tear_down(self) -> None:
        """End all that runs on the laptop, and the network."""
        with contextlib.suppress(AssertionError):
            for pid in map(int, run("ip", "netns", "pids", self.namespace).split()):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        super().tear_down()
        for command in (("netns", "delete", self.namespace), ("link", "delete", self.cable)):
            with contextlib.suppress(AssertionError):
                run("ip", *command)


class Laptop:
    """Commands typed on the laptop."""

    def __init__(self, edge: EdgeHost, shell: Shell) -> None:
        self.edge = edge
        path = f"{edge.programs}:{shell.environment['PATH']}"
        self.shell = shell.using(**edge.environment, PATH=path)

    def inside(self, *command: str | Path) -> list[str | Path]:
        return ["ip", "netns", "exec", self.edge.namespace, *command]

    def run(self, *command: str | Path, **options: Any) -> Result:
        return self.shell.run(*self.inside(*command), **options)

    def yarnkernel(self, *arguments: str | Path, **options: Any) -> Result:
        return self.run(BIN / "yarnkernel", *arguments, **options)


@contextlib.contextmanager
def edge_host() -> Iterator[EdgeHost]:
    """Make an edge node for the body."""
    if why := missing():
        pytest.skip(why)
    with tempfile.TemporaryDirectory(prefix="yk", dir="/tmp") as directory:  # short, for sockets
        host = EdgeHost(Path(directory))
        try:
            host.set_up()
            yield host
        finally:
            host.tear_down()
