"""Hosts with a real sshd: one with a network of its own, and one that is this machine."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sysconfig
import tempfile
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from tests.support.daemons import free_ports

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

#: What a command of ip or ssh-keygen may take.
TIMEOUT = 20
_SSHD = """\
Port {port}
ListenAddress {address}
HostKey {directory}/host_key
PidFile none
AuthorizedKeysFile {directory}/authorized_keys
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
PrintMotd no
SetEnv HOME={home} XDG_CACHE_HOME={home}/.cache XDG_STATE_HOME={home}/.local/state {variables}
{more}
"""
_SSH = """\
Host {name}
  HostName {address}
Host *
  User root
  Port {port}
  IdentityFile {directory}/id
  IdentitiesOnly yes
  UserKnownHostsFile {directory}/known_hosts
  GlobalKnownHostsFile none
  StrictHostKeyChecking yes
"""


def missing() -> str:
    """Why there can be no such host here; empty when there can."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    programs = ("ip", "ssh", "ssh-keygen", "/usr/sbin/sshd")
    lacking = [program for program in programs if shutil.which(program) is None]
    return f"there is no {', '.join(lacking)}" if lacking else ""


def run(*command: str | Path) -> str:
    done = subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    assert done.returncode == 0, (command, done.stderr)
    return done.stdout


class SshHost:
    """A host, as the ssh of :attr:`programs` finds it.

    ``box`` is a network namespace, reached by one cable; ``login`` is this machine, with variables
    that its users get.
    """

    def __init__(self, directory: Path, variables: Mapping[str, str] | None = None) -> None:
        self.name = "box" if variables is None else "login"
        self.directory = directory
        self.home = directory / "home"
        self._variables = variables
        number = os.getpid() % 10000
        self.namespace = f"yk{number}"
        self.cable = f"yk{number}c"
        network = f"10.{77 + number // 250}.{number % 250}"
        self._own_address = f"{network}.1"
        self.address = f"{network}.2" if variables is None else "127.0.0.1"
        self.port = 2222 if variables is None else free_ports(1)[0]
        self._sshd: subprocess.Popen[bytes] | None = None
        self._boot: Path | None = None

    @property
    def environment(self) -> dict[str, str]:
        """Variables of who has this host in his ssh's configuration."""
        return {"XDG_RUNTIME_DIR": str(self.directory)}

    @property
    def programs(self) -> Path:
        """Directory with that user's ``ssh``, to be first on PATH."""
        return self.directory / "bin"

    def set_up(self, more: str = "") -> None:
        """Make the network and the keys, and start sshd."""
        self.home.mkdir()
        for name in ("host_key", "id"):
            run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.directory / name)
        shutil.copy(self.directory / "id.pub", self.directory / "authorized_keys")
        key = (self.directory / "host_key.pub").read_text()
        (self.directory / "known_hosts").write_text(f"[{self.address}]:{self.port} {key}")
        config = _SSH.format(
            name=self.name, address=self.address, port=self.port, directory=self.directory
        )
        (self.directory / "config").write_text(config)
        wrapper = self.directory / "bin" / "ssh"
        wrapper.parent.mkdir()
        wrapper.write_text(
            f'#!/bin/sh\nexec {shutil.which("ssh")} -F {self.directory}/config "$@"\n'
        )
        wrapper.chmod(0o755)
        if self._variables is None:
            self._set_up_network()
        self.start_sshd(more)

    def _set_up_network(self) -> None:
        run("ip", "netns", "add", self.namespace)
        run("ip", "link", "add", self.cable, "type", "veth", "peer", "name", "eth0", "netns",
            self.namespace)  # fmt: skip
        run("ip", "addr", "add", f"{self._own_address}/24", "dev", self.cable)
        run("ip", "link", "set", self.cable, "up")
        inside = ("ip", "-n", self.namespace)
        run(*inside, "addr", "add", f"{self.address}/24", "dev", "eth0")
        run(*inside, "link", "set", "lo", "up")
        run(*inside, "link", "set", "eth0", "up")

    def start_sshd(self, more: str = "", *, lets_in: bool = True) -> None:
        """Start sshd, with further lines of its configuration, and wait until it lets us in."""
        path = self.directory / "sshd_config"
        path.write_text(
            _SSHD.format(
                port=self.port,
                address=self.address,
                directory=self.directory,
                home=self.home,
                variables=" ".join(f"{k}={v}" for k, v in (self._variables or {}).items()),
                more=more,
            )
        )
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        self._sshd = subprocess.Popen(
            [*self._inside(), *self._booted(), "/usr/sbin/sshd", "-D", "-f", str(path),
             "-E", str(self.directory / "sshd.log")],
            stdin=subprocess.DEVNULL,
            env={**os.environ, **_marked(self.directory)},
        )  # fmt: skip
        end = time.monotonic() + TIMEOUT
        while lets_in and time.monotonic() < end:
            with contextlib.suppress(AssertionError):
                run(self.programs / "ssh", "-o", "BatchMode=yes", self.name, "true")
                return
            time.sleep(0.1)
        if lets_in:
            pytest.fail("sshd does not answer")

    def _inside(self) -> Sequence[str]:
        return ("ip", "netns", "exec", self.namespace) if self._variables is None else ()

    def _booted(self) -> Sequence[str | Path]:
        """Show another run of the system; `ip netns exec` has mounts of its own."""
        if self._boot is None:
            return ()
        mount = 'mount --bind "$0" /proc/sys/kernel/random/boot_id && exec "$@"'
        return ("sh", "-c", mount, self._boot)

    def reboot(self) -> None:
        """End all that runs there, and start sshd in another run of the system."""
        for pid in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if self._sshd is not None:
            self._sshd.wait(TIMEOUT)
        self._boot = self.directory / "boot_id"
        self._boot.write_text(f"{uuid.uuid4()}\n")
        self.start_sshd()

    def stop_sshd(self, number: int = signal.SIGTERM) -> None:
        """End sshd, and with it all its connections."""
        if self._sshd is None:
            return
        for process in self.processes("sshd"):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, number)
        self._sshd.wait(TIMEOUT)
        self._sshd = None

    def processes(self, name: str = "") -> list[int]:
        """The processes in its namespace, or those of a name."""
        found = []
        for pid in map(int, run("ip", "netns", "pids", self.namespace).split()):
            with contextlib.suppress(OSError):
                if name in Path(f"/proc/{pid}/comm").read_text():
                    found.append(pid)
        return found

    def cut(self) -> None:
        """Pull the cable."""
        run("ip", "link", "set", self.cable, "down")

    def plug_in(self) -> None:
        """Put it back."""
        run("ip", "link", "set", self.cable, "up")

    def tear_down(self) -> None:
        """End all that runs there, and the network."""
        for process in psutil.process_iter(["cmdline"]):  # who keeps lines
            if any(str(self.directory) in part for part in process.info["cmdline"] or ()):
                with contextlib.suppress(psutil.Error):
                    process.kill()
        for pid in self.processes() if self._variables is None else ():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if self._sshd is not None:
            self._sshd.kill()
            self._sshd.wait(TIMEOUT)
        if self._variables is not None:
            return
        run("ip", "netns", "delete", self.namespace)
        with contextlib.suppress(AssertionError):
            run("ip", "link", "delete", self.cable)


def _marked(directory: Path) -> Mapping[str, str]:
    """So that the session's clean-up finds what is left."""
    return {"YARNKERNEL_TEST": str(directory)}


@contextlib.contextmanager
def ssh_host(more: str = "", variables: Mapping[str, str] | None = None) -> Iterator[SshHost]:
    """Make a host for the body."""
    if why := missing():
        pytest.skip(why)
    # Paths of sockets are short.
    with tempfile.TemporaryDirectory(prefix="yk", dir="/tmp") as directory:
        host = SshHost(Path(directory), variables)
        try:
            host.set_up(more)
            yield host
        finally:
            host.tear_down()


def bare_environment(directory: Path) -> Path:
    """Make an environment that has ipykernel and all that belongs to it, and nothing of ours."""
    python = directory / "bin" / "python"
    subprocess.run(
        ["python3", "-m", "venv", "--without-pip", "--symlinks", directory],
        timeout=TIMEOUT,
        check=True,
    )
    own = Path(sysconfig.get_path("purelib"))
    (target,) = directory.glob("lib/python*/site-packages")
    for path in own.iterdir():
        if "yarnkernel" not in path.name and path.suffix != ".pth":
            (target / path.name).symlink_to(path)
    return python
