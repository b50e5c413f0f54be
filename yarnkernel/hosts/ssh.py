"""A host at the other end of the user's own ssh."""

from __future__ import annotations

import hashlib
import json
import os
import select
import shlex
import socket
import stat
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from yarnkernel.deadline import Deadline
from yarnkernel.errors import HostError, HostRefusedError, HostTimeoutError, UsageError
from yarnkernel.file_lock import LockTimeoutError, locked
from yarnkernel.hosts.host import ANSWER_TIMEOUT, Host, result_of
from yarnkernel.hosts.keeper import CONTROL, SOCKET
from yarnkernel.hosts.line import CONNECT_TIMEOUT, OPTIONS
from yarnkernel.python_command import python_command

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Seconds for the keeper to listen.
KEEPER_TIMEOUT = 20.0
#: Seconds for its answer to arrive here.
GRACE = 1.0
#: Seconds between two checks that it listens.
POLL_INTERVAL = 0.02
#: The most bytes in the path of the directory of all lines: ``/`` and 8 digits follow, and ``/c``;
#: ssh binds that with 17 more bytes (mux.c), and unix(7) allows 107.
LONGEST_PARENT = 79


class _Held(NamedTuple):
    """A SOCKS server that the keeper keeps for this process."""

    connection: socket.socket
    port: int

    @property
    def lives(self) -> bool:
        """Whether the keeper is running: it sends nothing more until it ends."""
        try:
            return not select.select([self.connection], [], [], 0)[0]
        except (OSError, ValueError):
            return False


#: SOCKS servers by the directory of their line.
_held: dict[Path, _Held] = {}
_holding = threading.Lock()


class SshHost(Host):
    """See :class:`yarnkernel.hosts.host.Host`.

    Parameters
    ----------
    name : str
        The name in ssh's notation: one of its configuration, or ``user@host``.
    jump : sequence of str, optional
        Jump hosts, in addition to those in the configuration.
    python : str, optional
        The first Python to try there.

    Raises
    ------
    UsageError
        When it cannot be the name of a host.
    """

    _first_timeout = CONNECT_TIMEOUT + ANSWER_TIMEOUT

    def __init__(self, name: str, jump: Sequence[str] = (), python: str = "") -> None:
        for one in (name, *jump):
            if not one or one.startswith("-") or any(c.isspace() or c == "," for c in one):
                raise UsageError(f"{one!r} is no host: ssh could not take it")
        self.name = name
        self._jump = tuple(jump)
        self._python = python

    def forward(self, host: str, port: int, *, until: str, greets: bool = True) -> tuple[str, int]:
        """See :meth:`yarnkernel.hosts.host.Host.forward`."""
        wanted = {"host": host, "port": port, "until": until, "greets": greets}
        return "127.0.0.1", self._call("forward", ANSWER_TIMEOUT, **wanted)

    def release(self, until: str) -> None:
        """Cancel the forwards that end with a word; do not open a line for that."""
        opened = _connect(_directory(self.name, self._jump) / SOCKET, Deadline(ANSWER_TIMEOUT))
        if opened is not None:
            with opened:
                self._ask(opened, "release", ANSWER_TIMEOUT, {"until": until})

    def socks(self, timeout: float) -> tuple[str, int]:
        """Return the address of a SOCKS server that connects from there, while this process lives.

        Parameters
        ----------
        timeout : float
            Seconds.
        """
        directory = _directory(self.name, self._jump)
        with _holding:
            held = _held.get(directory)
            if held is None or not held.lives:
                patience = min(timeout, CONNECT_TIMEOUT + ANSWER_TIMEOUT)
                connection = self._connection(Deadline(patience))
                try:
                    # The keeper has time to say why there is none.
                    port = self._ask(connection, "socks", max(patience - GRACE, patience / 2), {})
                except BaseException:
                    connection.close()
                    raise
                held = _held[directory] = _Held(connection, port)
            return "127.0.0.1", held.port

    def session(self, script: str) -> list[str]:
        """Return a command for this machine that runs lines of sh there, over the line.

        For output that does not fit into a message. The caller has to keep the line open meanwhile.
        If the host does not allow another session, the command fails and does not log in again.
        """
        options = {"ControlMaster": "no", "ProxyCommand": "false"}
        pairs = {**OPTIONS, **options}.items()
        given = [part for key, value in pairs for part in ("-o", f"{key}={value}")]
        control = _directory(self.name, self._jump) / CONTROL
        run = f"exec /bin/sh -c {shlex.quote(script)}"
        return ["ssh", "-S", str(control), *given, "-T", "--", self.name, run]

    def _call(self, name: str, patience: float, /, **arguments: Any) -> Any:
        if self.deadline is not None:
            patience = self.deadline.step(patience)
        with self._connection(Deadline(patience + KEEPER_TIMEOUT)) as connection:
            return self._ask(connection, name, patience, arguments)

    def _ask(
        self, connection: socket.socket, name: str, patience: float, arguments: dict[str, Any]
    ) -> Any:
        request = {"call": name, "arguments": arguments, "patience": patience}
        try:
            connection.sendall(json.dumps(request).encode() + b"\n")
            with connection.makefile("rb") as stream:
                said = stream.readline()
        except OSError as exc:
            raise HostTimeoutError(f"{self}: no answer to {name}: {exc}") from exc
        if not said:
            raise HostError(f"{self}: the process that keeps its line has ended")
        answer = json.loads(said)
        if "refused" in answer:
            raise HostRefusedError(answer["refused"])
        if "unreached" in answer:
            raise HostError(answer["unreached"])
        if "late" in answer:
            raise HostTimeoutError(f"{answer['late']}, within {patience:.0f} s")
        return result_of(answer, self)

    def _connection(self, deadline: Deadline) -> socket.socket:
        """Connect to the keeper; start it if necessary."""
        directory = _directory(self.name, self._jump)
        opened = _connect(directory / SOCKET, deadline)
        if opened is not None:
            return opened
        try:
            with locked(directory / "lock", deadline.remaining, needed=True):
                return self._first_connection(directory, deadline)
        except LockTimeoutError as exc:
            raise HostTimeoutError(f"{exc} is held by another command") from None

    def _first_connection(self, directory: Path, deadline: Deadline) -> socket.socket:
        opened = _connect(directory / SOCKET, deadline)  # somebody else was first
        if opened is not None:
            return opened
        self._start_keeper(directory)
        started = Deadline(deadline.step(KEEPER_TIMEOUT))
        while not started.passed:
            opened = _connect(directory / SOCKET, deadline)
            if opened is not None:
                return opened
            time.sleep(POLL_INTERVAL)
        raise HostError(f"{self}: nobody keeps its line; next: see {directory / 'keeper.log'}")

    def _start_keeper(self, directory: Path) -> None:
        arguments = [str(directory), *(f"--jump={one}" for one in self._jump)]
        if self._python:
            arguments.append(f"--python={self._python}")
        command = python_command("yarnkernel.hosts.keeper", *arguments, "--", self.name)
        with (directory / "keeper.log").open("wb") as log:
            subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                start_new_session=True,
            )


def _connect(path: Path, deadline: Deadline) -> socket.socket | None:
    opened = socket.socket(socket.AF_UNIX)
    opened.settimeout(deadline.step(deadline.seconds))
    try:
        opened.connect(str(path))
    except (FileNotFoundError, ConnectionRefusedError):
        opened.close()
        return None
    except OSError as exc:
        opened.close()
        raise HostError(f"{path}: {exc}") from exc
    return opened


def _directory(name: str, jump: Sequence[str]) -> Path:
    """Return the directory of a line, which is private and has to have a short path."""
    mine = f"yarnkernel-{os.getuid()}"
    bases = (os.environ.get("XDG_RUNTIME_DIR"), tempfile.gettempdir(), "/tmp")  # noqa: S108  (checked below)
    parent = next(
        path
        for path in (Path(base, mine) for base in bases if base)
        if len(str(path)) < LONGEST_PARENT
    )
    digest = hashlib.sha256("\0".join((name, *jump)).encode()).hexdigest()[:8]
    for path in (parent, parent / digest):
        path.mkdir(0o700, exist_ok=True)
        found = path.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o77:
            raise HostError(f"{path} is not a directory of yours alone; next: remove it")
    return parent / digest
