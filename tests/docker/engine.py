"""A Docker of these tests' own, in a network of its own: nothing of this machine's changes."""

from __future__ import annotations

import contextlib
import ctypes
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from tests.conftest import wait_for
from tests.support.daemons import Daemons, daemons

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

NEEDED = ("debootstrap", "docker", "docker-compose", "dockerd", "slirp4netns", "unshare")
#: Of clone(2) and setns(2), which Python has since 3.12.
_CLONE_NEWNET = 0x40000000


@dataclass(frozen=True)
class Engine:
    """A running dockerd.

    Attributes
    ----------
    directory : pathlib.Path
        Where all is that it keeps.
    pid : int
        Its process; 1 in its own namespace, so that nothing outlives it.
    """

    directory: Path
    pid: int

    @property
    def environment(self) -> dict[str, str]:
        """With these variables docker's commands find it, and nothing of the user's."""
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.directory),
            "DOCKER_HOST": f"unix://{self.directory}/docker.sock",
        }

    def try_to(
        self, *command: str, timeout: float = 120, variables: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            env={**self.environment, **(variables or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def run(
        self, *command: str, timeout: float = 120, variables: Mapping[str, str] | None = None
    ) -> str:
        """Run a command that has to succeed; what it says, without an ending newline."""
        ended = self.try_to(*command, timeout=timeout, variables=variables)
        assert ended.returncode == 0, f"{command}\n{ended.stdout[-5000:]}\n{ended.stderr[-5000:]}"
        return ended.stdout.rstrip("\n")

    def docker(self, *arguments: str, timeout: float = 120) -> str:
        return self.run("docker", *arguments, timeout=timeout)


@contextlib.contextmanager
def running_engine() -> Iterator[Engine]:
    """Start a dockerd with the way out that its builds need; end it and all containers."""
    with daemons("docker") as started:
        group = started.directory.name
        try:
            pid = _start(started, group)
            with _inside(pid):
                yield Engine(started.directory, pid)
            with contextlib.suppress(psutil.NoSuchProcess):
                process = psutil.Process(pid)
                process.kill()
                process.wait(20)
        finally:
            _remove_groups(group)


def _start(started: Daemons, group: str) -> int:
    directory = started.directory
    new = ("--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
    command = (
        f"ip link set lo up && exec dockerd --data-root {directory}/data --pidfile {directory}/pid"
        f" --exec-root {directory}/exec --host unix://{directory}/docker.sock"
        f" --cgroup-parent /{group}"
    )
    unshare = started.start("unshare", *new, "sh", "-c", command, environment={})
    found = wait_for(lambda: psutil.Process(unshare.pid).children(), 10, "a process of unshare's")
    pid: int = found[0].pid
    started.start(
        "slirp4netns", "--configure", "--disable-host-loopback", str(pid), "tap0", environment={}
    )
    socket = directory / "docker.sock"
    wait_for(lambda: socket.exists() or unshare.poll() is not None, 60, "dockerd listens")
    if unshare.poll() is not None:
        log = (directory / "unshare.log").read_text().splitlines() or ["it says nothing"]
        pytest.skip(f"dockerd does not run here: {log[-1]}")
    return pid


@contextlib.contextmanager
def _inside(pid: int) -> Iterator[None]:
    """Be in a process' network: connections of this thread, and what it starts, are in there."""
    library = ctypes.CDLL(None, use_errno=True)

    def enter(descriptor: int) -> None:
        if library.setns(descriptor, _CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")

    with Path("/proc/thread-self/ns/net").open() as own, Path(f"/proc/{pid}/ns/net").open() as net:
        enter(net.fileno())
        try:
            yield
        finally:
            enter(own.fileno())


def _remove_groups(name: str) -> None:
    """Remove the control groups of containers that were killed with their dockerd."""
    root = Path("/sys/fs/cgroup")
    for top in (*root.glob(name), *root.glob(f"*/{name}")):
        inside = [path for path in top.rglob("*") if path.is_dir()]
        for path in (*sorted(inside, reverse=True), top):
            with contextlib.suppress(OSError):
                path.rmdir()
