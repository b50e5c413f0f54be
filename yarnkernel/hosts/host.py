"""A host, to run commands, keep files and reach ports. It knows nothing of kernels."""

from __future__ import annotations

import base64
import shlex
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from yarnkernel.completed import Completed
from yarnkernel.errors import HostError, HostTimeoutError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from yarnkernel.deadline import Deadline

#: Seconds for what is immediate on a host that answers.
ANSWER_TIMEOUT = 15.0
#: Seconds after its own deadline by which a command's answer has to come.
GRACE = 10.0


@dataclass(frozen=True)
class HostInfo:
    """Facts about a host.

    Attributes
    ----------
    node : str
        Its own name, which distinguishes hosts that share one for logins.
    user : str
        The user there.
    uid : int
        The user's id.
    home, cache, state : str
        Directories: the user's home, and those for caches and for state.
    python : str
        A Python there.
    boot : str
        Identifies the current boot of its system; empty if unknown.
    system : str
        Type of system and processor, as uname(1) reports them.
    """

    node: str
    user: str
    uid: int
    home: str
    cache: str
    state: str
    python: str
    boot: str
    system: str


class Host(ABC):
    """See the module; methods raise HostError when the host cannot be reached or is too slow.

    Attributes
    ----------
    name : str
        Its name for the user; empty for this machine.
    deadline : Deadline or None
        The deadline of all present calls, in addition to that of each.
    """

    name: str = ""
    deadline: Deadline | None = None
    #: Seconds for the first answer, for which a line may have to be opened.
    _first_timeout = ANSWER_TIMEOUT

    @abstractmethod
    def _call(self, name: str, patience: float, /, **arguments: Any) -> Any:
        """Call a function of :mod:`yarnkernel.hosts.helper` on the host."""

    @abstractmethod
    def forward(self, host: str, port: int, *, until: str, greets: bool = True) -> tuple[str, int]:
        """Return the address on this machine of a port that the host can reach.

        Parameters
        ----------
        host : str
            The port's host.
        port : int
            The port.
        until : str
            A file on the host: the forward stays as long as that exists. Or a word, which is not an
            absolute path: the forward stays until it is released by that, or nobody listens there
            any more.
        greets : bool, default True
            Whether the listener there speaks first, so that the forward can be tested.
        """

    @cached_property
    def info(self) -> HostInfo:
        """Facts about it."""
        return HostInfo(**self._call("info", self._first_timeout))

    def run(self, script: str, *, data: bytes = b"", timeout: float = 60.0) -> Completed:
        """Run lines of sh.

        Parameters
        ----------
        script : str
            The lines.
        data : bytes, optional
            Their standard input.
        timeout : float, default 60.0
            Seconds after which they are killed.

        Raises
        ------
        HostTimeoutError
            When they were killed.
        """
        given = base64.b64encode(data).decode()
        found = self._call("run", timeout + GRACE, script=script, data=given, timeout=timeout)
        if found.pop("late"):
            first = script.strip().partition("\n")[0]
            raise HostTimeoutError(f"{self}: {first!r} did not end within {timeout:.0f} s")
        return Completed(**found)

    def run_command(
        self, command: Sequence[str], *, data: bytes = b"", timeout: float = 60.0
    ) -> Completed:
        """Run a command; see :meth:`run`."""
        return self.run(f"exec {shlex.join(command)}", data=data, timeout=timeout)

    def write(self, files: Mapping[str, bytes]) -> None:
        """Write files by their absolute paths; only their owner can read them."""
        given = {path: base64.b64encode(data).decode() for path, data in files.items()}
        self._call("write", ANSWER_TIMEOUT, files=given)

    def read(self, path: str, offset: int = 0, most: int = 1 << 20) -> bytes | None:
        """Read a part of a file, from its end if the offset is negative; None if it is missing."""
        found = self._call("read", ANSWER_TIMEOUT, path=path, offset=offset, most=most)
        return None if found is None else base64.b64decode(found)

    def await_file(self, paths: Sequence[str], timeout: float) -> dict[str, bytes]:
        """Return those of some files that exist, as soon as one does."""
        found = self._call("await_file", timeout + GRACE, paths=list(paths), timeout=timeout)
        return {path: base64.b64decode(content) for path, content in found.items()}

    def unpack(self, archive: bytes, directory: str) -> None:
        """Unpack a zip archive into a new directory."""
        given = base64.b64encode(archive).decode()
        self._call("unpack", ANSWER_TIMEOUT * 4, archive=given, directory=directory)

    def exists(self, path: str) -> bool:
        """Return whether there is a file or directory."""
        return bool(self._call("exists", ANSWER_TIMEOUT, path=path))

    def remove(self, path: str) -> None:
        """Remove a directory and its content."""
        self._call("remove", ANSWER_TIMEOUT, path=path)

    def spawn(self, arguments: Sequence[str], log: str, directory: str) -> tuple[int, str]:
        """Start a process that outlives this one; return its id and start, in the system's format.

        Parameters
        ----------
        arguments : sequence of str
            Its command.
        log : str
            Absolute path of the file for its output.
        directory : str
            Its working directory.
        """
        found = self._call(
            "spawn", ANSWER_TIMEOUT, arguments=list(arguments), log=log, directory=directory
        )
        return found["pid"], found["created"]

    def created(self, pid: int) -> str:
        """Return when a process began; empty if there is none."""
        return str(self._call("created", ANSWER_TIMEOUT, pid=pid))

    def kill(self, pid: int, began: str, *, force: bool) -> bool:
        """Ask a process to end, or kill it and its descendants; return False if it has ended."""
        return bool(self._call("kill", ANSWER_TIMEOUT, pid=pid, began=began, force=force))

    def scan(
        self, directory: str, known: Mapping[str, list[Any]], timeout: float
    ) -> dict[str, list[Any]] | None:
        """See :func:`yarnkernel.hosts.tree.scan`."""
        found: dict[str, list[Any]] | None = self._call(
            "scan", timeout, directory=directory, known=dict(known)
        )
        return found

    def discard(self, directory: str, paths: Sequence[str]) -> None:
        """See :func:`yarnkernel.hosts.tree.discard`."""
        self._call("discard", ANSWER_TIMEOUT * 4, directory=directory, paths=list(paths))

    def directories(self, path: str) -> list[tuple[str, int, float]]:
        """See :func:`yarnkernel.hosts.tree.directories`."""
        found = self._call("directories", ANSWER_TIMEOUT * 4, path=path)
        return [(name, size, moment) for name, size, moment in found]

    def touch(self, path: str) -> bool:
        """See :func:`yarnkernel.hosts.tree.touch`."""
        return bool(self._call("touch", ANSWER_TIMEOUT, path=path))

    def stream(self, step: str, timeout: float, **arguments: Any) -> Any:
        """Carry out a step of a stream: a function of :mod:`yarnkernel.hosts.streams`, by name."""
        return self._call(step, timeout, **arguments)

    def __str__(self) -> str:
        """Return its name for messages."""
        return self.name or "this host"


def result_of(answer: dict[str, Any], host: Host) -> Any:
    """Return a helper function's result.

    Raises
    ------
    HostError
        When it has failed.
    """
    if "error" in answer:
        raise HostError(f"{host}: {answer['error']}")
    return answer["result"]
