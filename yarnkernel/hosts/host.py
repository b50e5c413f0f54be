"""A host: somewhere to run commands, keep files and reach ports. It knows nothing of kernels."""

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

#: Seconds for what takes no time on a host that answers.
ANSWER_TIMEOUT = 15.0
#: Seconds by which a command that has a deadline of its own may answer later.
GRACE = 10.0


@dataclass(frozen=True)
class HostInfo:
    """What a host tells of itself.

    Attributes
    ----------
    node : str
        Its own name: of several that share a name for logins, which one.
    user : str
        Who we are there.
    uid : int
        The same as a number.
    home, cache, state : str
        Directories: the user's home, and those for caches and for what is kept.
    python : str
        A Python that is there.
    boot : str
        Tells this run of its system from others; empty where that cannot be told.
    system : str
        Kind of system and of processor, as uname(1) has them.
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
    """See the module; its methods raise HostError when the host cannot be asked, or not in time.

    Attributes
    ----------
    name : str
        As the user names it; empty here.
    deadline : Deadline or None
        Of all that is asked of it now; each call has one of its own besides.
    """

    name: str = ""
    deadline: Deadline | None = None
    #: Seconds for the first answer, which has a line to be opened before.
    _first_timeout = ANSWER_TIMEOUT

    @abstractmethod
    def _call(self, name: str, patience: float, /, **arguments: Any) -> Any:
        """Call a function of :mod:`yarnkernel.hosts.helper` on the host."""

    @abstractmethod
    def forward(self, host: str, port: int, *, until: str, greets: bool = True) -> tuple[str, int]:
        """Return where here a port is reached that the host reaches.

        Parameters
        ----------
        host : str
            Whose port.
        port : int
            The port.
        until : str
            A file on the host: it stays for as long as that is there. Or a word, which is no
            absolute path: it stays until the host is told that, or nobody listens there any more.
        greets : bool, default True
            Whether who listens there speaks first, so that it is seen whether he is reached.
        """

    @cached_property
    def info(self) -> HostInfo:
        """What it tells of itself."""
        return HostInfo(**self._call("info", self._first_timeout))

    def run(self, script: str, *, data: bytes = b"", timeout: float = 60.0) -> Completed:
        """Run lines of sh.

        Parameters
        ----------
        script : str
            The lines.
        data : bytes, optional
            Its standard input.
        timeout : float, default 60.0
            Seconds after which it is ended.

        Raises
        ------
        HostTimeoutError
            When it was.
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
        """Write files by their absolute paths, for their owner alone."""
        given = {path: base64.b64encode(data).decode() for path, data in files.items()}
        self._call("write", ANSWER_TIMEOUT, files=given)

    def read(self, path: str, offset: int = 0, most: int = 1 << 20) -> bytes | None:
        """Read a part of a file, from its end where the offset is negative; None without one."""
        found = self._call("read", ANSWER_TIMEOUT, path=path, offset=offset, most=most)
        return None if found is None else base64.b64decode(found)

    def await_file(self, paths: Sequence[str], timeout: float) -> dict[str, bytes]:
        """Return those of some files that are there, as soon as one is."""
        found = self._call("await_file", timeout + GRACE, paths=list(paths), timeout=timeout)
        return {path: base64.b64decode(content) for path, content in found.items()}

    def unpack(self, archive: bytes, directory: str) -> None:
        """Unpack a zip archive into a new directory."""
        given = base64.b64encode(archive).decode()
        self._call("unpack", ANSWER_TIMEOUT * 4, archive=given, directory=directory)

    def exists(self, path: str) -> bool:
        """Whether there is a file or a directory."""
        return bool(self._call("exists", ANSWER_TIMEOUT, path=path))

    def remove(self, path: str) -> None:
        """Remove a directory with all that is in it."""
        self._call("remove", ANSWER_TIMEOUT, path=path)

    def spawn(self, arguments: Sequence[str], log: str, directory: str) -> tuple[int, str]:
        """Start a process that outlives us; return its id, and when it began in its system's words.

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
        """Tell when a process began; empty when there is none."""
        return str(self._call("created", ANSWER_TIMEOUT, pid=pid))

    def kill(self, pid: int, began: str, *, force: bool) -> bool:
        """Ask a process to end, or end it with all that it has started; False when it has ended."""
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
        """Take a step of a stream: a function of :mod:`yarnkernel.hosts.streams`, by its name."""
        return self._call(step, timeout, **arguments)

    def __str__(self) -> str:
        """Name it in a message."""
        return self.name or "this host"


def result_of(answer: dict[str, Any], host: Host) -> Any:
    """Return what a function of the helper has returned.

    Raises
    ------
    HostError
        When it has failed.
    """
    if "error" in answer:
        raise HostError(f"{host}: {answer['error']}")
    return answer["result"]
