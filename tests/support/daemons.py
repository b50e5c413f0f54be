"""Daemons of batch systems and Docker, started by a session of tests for itself alone."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True)
class BatchSystem:
    """What there is of one.

    Attributes
    ----------
    environment : dict of str to str
        With these variables its commands know it.
    directory : Path
        Where its logs are.
    controller : subprocess.Popen
        The daemon that answers; it may be stopped and continued.
    """

    environment: dict[str, str]
    directory: Path
    controller: subprocess.Popen[bytes]

    def run(self, *command: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        return run(*command, environment=self.environment, stdin=stdin)


class Daemons:
    """A directory and daemons that are there until a session ends.

    The directory is not the session's: that is closed to all other users, and jobs may be theirs.
    """

    def __init__(self, name: str) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix=f"yarnkernel-{name}-", dir="/tmp"))
        self.directory.chmod(0o755)
        self._processes: list[subprocess.Popen[bytes]] = []

    def start(self, *command: str, environment: dict[str, str]) -> subprocess.Popen[bytes]:
        """Start a daemon in the foreground, which does not outlive this session.

        Its environment does not tell whose it is: the end of a session's cluster looks for
        processes that it has left behind.
        """
        with (self.directory / f"{Path(command[0]).name}.log").open("ab") as output:
            process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", *command],
                env={"PATH": os.environ["PATH"], "HOME": "/", **environment},
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self._processes.append(process)
        return process

    def stop(self) -> None:
        """End the daemons, frozen or not, and what they have started.

        In good order they would take seconds to save what is deleted here.
        """
        for process in reversed(self._processes):
            process.kill()
            process.wait(timeout=10)
        for job in self.jobs():
            with contextlib.suppress(psutil.Error):
                job.kill()
        shutil.rmtree(self.directory, ignore_errors=True)

    def jobs(self) -> list[psutil.Process]:
        """Processes that know of the directory: jobs, and what watches them; not this one.

        Slurm's overwrite their environment with their titles, but listen there.
        """
        inside = f"{self.directory}/"
        listening = {
            one.pid for one in psutil.net_connections("unix") if str(one.laddr).startswith(inside)
        }
        own = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):
                knows = any(value.startswith(inside) for value in process.environ().values())
                if process.pid not in own and (knows or process.pid in listening):
                    found.append(process)
        return found


@contextlib.contextmanager
def daemons(name: str) -> Iterator[Daemons]:
    """Daemons that are stopped, however it ends."""
    started = Daemons(name)
    try:
        yield started
    finally:
        started.stop()


def run(
    *command: str, environment: dict[str, str], stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run a command of a batch system."""
    return subprocess.run(
        command,
        input=stdin,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def free_ports(count: int) -> list[int]:
    """Ports that nobody has now."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("", 0))
        return [one.getsockname()[1] for one in sockets]


def short_host_name() -> str:
    return socket.gethostname().partition(".")[0]


def missing(*programs: str) -> str:
    """Why such daemons cannot be started here; empty when they can."""
    if os.getuid() != 0:
        return "only root can start its daemons"
    lacking = [name for name in programs if not shutil.which(name)]
    return f"not installed: {', '.join(lacking)} (scripts/setup-extras)" if lacking else ""
