"""Requests of a kernel for further containers, and their states."""

from __future__ import annotations

import base64
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yarnkernel.container_status import (
    ENDED,
    PYTHON,
    RUNNING,
    WAITING,
    ContainersError,
    ContainerStatus,
    ContainersTimeoutError,
    check_size,
)
from yarnkernel.containers.line import answer_of, own_line
from yarnkernel.deadline import Deadline
from yarnkernel.errors import UsageError
from yarnkernel.sizes import parse_memory

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from concurrent.futures import Future

    from typing_extensions import Self

    from yarnkernel.containers.line import Line

#: Seconds between two polls; YARN answers the ApplicationMaster once a second.
INTERVAL = 0.25


class About:
    """Facts about a kernel's further containers.

    Attributes
    ----------
    address : str
        Numeric address at which containers reach the kernel.
    queue : str
        The application's queue.
    most : int
        Most containers at a time (``--max-containers``).
    warning : str
        A warning to read before keys are given to them; usually empty.
    """

    def __init__(self, answer: dict[str, Any]) -> None:
        self.address = str(answer["address"])
        self.queue = str(answer["queue"])
        self.most = int(answer["most"])
        self.warning = str(answer["warning"])


def about() -> About:
    """Return facts about the kernel's further containers.

    Raises
    ------
    ContainersError
        When this is no kernel that can have some.
    """
    return About(own_line().ask(verb="about"))


def start(
    count: int,
    command: Sequence[str],
    *,
    memory: str = "1 GiB",
    vcores: int = 1,
    gpus: int = 0,
    env: Mapping[str, str] | None = None,
    files: Mapping[str, bytes | str | Path] | None = None,
) -> Containers:
    """Request containers from YARN, without waiting for them.

    Parameters
    ----------
    count : int
        How many; 0 only checks whether such a container is possible.
    command : sequence of str
        The command of each, run without a shell in the container's own directory. ``{python}`` and
        ``sys.executable`` stand for the kernel's Python, whose path differs between containers if
        the environment is shipped.
    memory : str, default "1 GiB"
        Memory of each; a plain number is in MiB. YARN kills a container that uses more.
    vcores, gpus : int, default 1 and 0
        Of each.
    env : mapping of str to str, optional
        Variables in addition to those of the kernel's container. They travel as ``files`` do.
    files : mapping of str to bytes or path, optional
        Files in addition to those of the kernel's container, by name: their content, or a path on
        this machine. They travel in the containers' credentials and only their owner can read them,
        so use them for keys. At most 700 KiB together.

    Returns
    -------
    Containers
        The containers; a context manager that releases them.

    Raises
    ------
    UsageError
        When that is impossible: larger than YARN allows in the queue, or more containers than
        ``--max-containers``.
    ContainersError
        When this is no kernel that can have some.
    """
    if isinstance(command, str):
        raise UsageError("command: a list of words, as no shell runs it: ['bash', '-c', '...']")
    launch = {
        "command": [PYTHON if part == sys.executable else part for part in command],
        "env": dict(env or {}),
        "files": {
            name: base64.b64encode(_content(name, file)).decode()
            for name, file in (files or {}).items()
        },
        "memory": parse_memory(memory, "memory"),
        "vcores": vcores,
        "gpus": gpus,
    }
    check_size(launch)
    line = own_line()
    asking = line.asking(verb="start", count=count, launch=launch)
    try:
        return Containers(line, answer_of(asking)["numbers"])
    except BaseException:
        asking.add_done_callback(lambda done: _give_back(line, done))  # nobody will use them
        raise


def _content(name: str, file: bytes | str | Path) -> bytes:
    if isinstance(file, bytes):
        return file
    try:
        return Path(file).read_bytes()
    except OSError as exc:
        raise UsageError(f"files: {name}: cannot read {file}: {exc.strerror}") from exc


def _give_back(line: Line, done: Future[dict[str, Any]]) -> None:
    if not done.cancelled() and done.exception(0) is None:
        line.asking(verb="release", numbers=done.result(0)["numbers"])


def statuses(numbers: Collection[int] | None = None) -> list[ContainerStatus]:
    """Return the states of the containers that this process has requested.

    Parameters
    ----------
    numbers : collection of int, optional
        Only these; by default all, except for those that ended a thousand ends ago.

    Raises
    ------
    ContainersError
        When the supervisor does not answer.
    """
    return _told(own_line(), numbers)


def _told(line: Line, numbers: Collection[int] | None) -> list[ContainerStatus]:
    chosen = {} if numbers is None else {"numbers": list(numbers)}
    return [ContainerStatus.of(one) for one in line.ask(verb="tell", **chosen)["containers"]]


class Containers:
    """Containers that were requested together; a context manager that releases them.

    Attributes
    ----------
    numbers : list of int
        Their numbers; each finds its own in the variable ``YARNKERNEL_CONTAINER``.
    """

    def __init__(self, line: Line, numbers: list[int]) -> None:
        self._line = line
        self._known: dict[int, ContainerStatus] = {}
        self.numbers = numbers

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def __repr__(self) -> str:
        states = [f"{one.number} {one.state}" for one in self.statuses()]
        return f"<Containers {', '.join(states) or 'none'}>"

    def statuses(self) -> list[ContainerStatus]:
        """Return the state of each.

        Raises
        ------
        ContainersError
            When the supervisor does not answer.
        """
        if living := [number for number in self.numbers if self._state(number) != ENDED]:
            self._known |= {one.number: one for one in _told(self._line, living)}
        # A container that is no longer listed ended long ago.
        lost = "it has ended, and its supervisor has forgotten how"
        return [
            self._known.get(number, ContainerStatus(number, ENDED, diagnostics=lost))
            for number in self.numbers
        ]

    def _state(self, number: int) -> str:
        return self._known[number].state if number in self._known else WAITING

    def release(self) -> None:
        """Release them without waiting for their end: YARN ends what runs in them.

        Raises
        ------
        ContainersError
            When the supervisor does not answer.
        """
        self._line.ask(verb="release", numbers=self.numbers)

    def wait_running(self, timeout: float = 300.0) -> None:
        """Wait until all of them run or have succeeded.

        Parameters
        ----------
        timeout : float, default 300.0
            Seconds.

        Raises
        ------
        ContainersTimeoutError
            When they do not in time; says why.
        ContainersError
            When one has failed.
        """
        for one in self._wait((RUNNING, ENDED), timeout):
            if one.state == ENDED and one.exit_code != 0:
                raise ContainersError(f"container {describe(one)}")

    def wait_ended(self, timeout: float) -> None:
        """Wait until all of them have ended; :meth:`statuses` has the exit codes.

        Parameters
        ----------
        timeout : float
            Seconds.

        Raises
        ------
        ContainersTimeoutError
            When they have not in time.
        """
        self._wait((ENDED,), timeout)

    def _wait(self, wanted: tuple[str, ...], timeout: float) -> list[ContainerStatus]:
        deadline = Deadline(timeout)
        while True:
            statuses = self.statuses()
            late = [one for one in statuses if one.state not in wanted]
            if not late:
                return statuses
            if deadline.passed:
                raise ContainersTimeoutError(
                    f"{len(late)} of {len(statuses)} containers are not {wanted[0]} after "
                    f"{timeout:.0f} s: {describe(late[0])}"
                )
            time.sleep(deadline.step(INTERVAL))


def describe(status: ContainerStatus) -> str:
    """Describe a container in a line, with the end of its log."""
    text = f"{status.number} ({status.container_id or 'without an id yet'}) is {status.state}"
    if status.exit_code is not None:
        text += f" with exit code {status.exit_code}"
    if status.reason or status.diagnostics:
        text += f": {status.reason or status.diagnostics}"
    if status.container_id:
        application = os.environ.get("SKEIN_APPLICATION_ID", "")
        text += f"\n  next: yarnkernel logs {application} --container {status.container_id}"
    return text
