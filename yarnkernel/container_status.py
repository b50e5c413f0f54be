"""The states of further containers, as a supervisor reports them to its kernel.

Both sides use this module: the supervisor and, in the kernel, ``yarnkernel.containers``. They
exchange lines of JSON over a Unix socket and may be of different versions.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from typing import Any, get_type_hints

from yarnkernel.errors import UsageError, YarnKernelError
from yarnkernel.kinds import fits

#: Variable of a kernel with the name of that abstract socket (unix(7)), which differs for each
#: supervisor.
CONTAINERS_VARIABLE = "YARNKERNEL_CONTAINERS"
#: Variable of a further container with its number.
NUMBER_VARIABLE = "YARNKERNEL_CONTAINER"
#: Placeholder in a command for the Python that the kernel's script has chosen.
PYTHON = "{python}"
#: Longest line in bytes.
LONGEST_LINE = 4 << 20
#: Most bytes of a container's command, variables and files together.
MOST_THAT_TRAVELS = 1 << 20
#: States: requested, granted, accepted by a NodeManager, ended.
WAITING, STARTING, RUNNING, ENDED = STATES = ("waiting", "starting", "running", "ended")


def check_size(launch: dict[str, Any]) -> None:
    """Check that a container's command, variables and files are not too large.

    Raises
    ------
    UsageError
        When they are.
    """
    if len(json.dumps(launch)) > MOST_THAT_TRAVELS:
        raise UsageError(
            f"files, env and command are more than the {MOST_THAT_TRAVELS >> 10} KiB that travel "
            "to a container; next: yarnkernel start --file"
        )


@dataclass(frozen=True)
class ContainerStatus:
    """A further container as the supervisor knows it.

    Attributes
    ----------
    number : int
        Its number within the application, from 1.
    state : str
        ``"waiting"`` for YARN to grant it, ``"starting"``, ``"running"`` (includes the download of
        its files) or ``"ended"``.
    reason : str
        Why it waits; empty in the other states.
    container_id : str
        YARN's id; empty while it waits.
    host : str
        The node; empty while it waits.
    exit_code : int or None
        The command's exit code, or one of YARN's own, which are negative except for 137 and 143
        (``ContainerExitStatus`` of Hadoop 3.5.0). None before the end and if it never started.
    diagnostics : str
        Why it has ended, in YARN's words; with the end of its log if the command failed.
    """

    number: int
    state: str
    reason: str = ""
    container_id: str = ""
    host: str = ""
    exit_code: int | None = None
    diagnostics: str = ""

    def document(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return asdict(self)

    @classmethod
    def of(cls, document: Any) -> ContainerStatus:
        """Read it from JSON; fields of a newer supervisor are ignored.

        Raises
        ------
        YarnKernelError
            When it is not a status.
        """
        try:
            known = {f.name: document[f.name] for f in fields(cls) if f.name in document}
            status = cls(**known)
        except TypeError as exc:
            raise YarnKernelError(f"a container's status cannot be read: {exc}") from None
        for name, kind in get_type_hints(cls).items():
            if not fits(getattr(status, name), kind):
                raise YarnKernelError(f"a container's status has a {name} that is none")
        if status.state not in STATES:
            raise YarnKernelError(f"a container's state is {status.state!r}, which is none")
        return status


class ContainersError(YarnKernelError):
    """Further containers are not available, or have ended too early."""


class ContainersTimeoutError(ContainersError, TimeoutError):
    """The deadline passed before further containers ran, or had ended."""

    exit_code = 3
