"""What a supervisor tells its kernel of the further containers that this has asked for.

Both sides use this module: the supervisor and, in the kernel, ``yarnkernel.containers``. They
talk by lines of JSON over a socket of the host, which may be of two versions of yarnkernel.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from typing import Any, get_type_hints

from yarnkernel.errors import UsageError, YarnKernelError
from yarnkernel.kinds import fits

#: Variable of a kernel with the name of that socket, abstract as unix(7) has it; each
#: supervisor has another one.
CONTAINERS_VARIABLE = "YARNKERNEL_CONTAINERS"
#: Variable of a further container with its number.
NUMBER_VARIABLE = "YARNKERNEL_CONTAINER"
#: In a command: the Python that the kernel's own script has chosen.
PYTHON = "{python}"
#: Bytes of the longest line of either side.
LONGEST_LINE = 4 << 20
#: Bytes that may travel to a container, with its command and variables.
MOST_THAT_TRAVELS = 1 << 20
#: States: asked for, granted, taken over by a NodeManager, ended.
WAITING, STARTING, RUNNING, ENDED = STATES = ("waiting", "starting", "running", "ended")


def check_size(launch: dict[str, Any]) -> None:
    """Make sure that what a container is asked for with can travel there.

    Raises
    ------
    UsageError
        When it is too much.
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
        Which one it is of this application, from 1 on.
    state : str
        ``"waiting"`` for YARN to grant it, ``"starting"``, ``"running"`` (which begins with the
        files that it is brought) or ``"ended"``.
    reason : str
        Why it waits; empty in the other states.
    container_id : str
        YARN's id; empty while it waits.
    host : str
        Where it is; empty while it waits.
    exit_code : int or None
        How it has ended: that of the command, or one of YARN's own, which are negative but for
        137 and 143 (``ContainerExitStatus`` of Hadoop 3.5.0). None before, and when it never
        began.
    diagnostics : str
        Why it has ended, in YARN's words, which have the end of its log when the command failed.
    """

    number: int
    state: str
    reason: str = ""
    container_id: str = ""
    host: str = ""
    exit_code: int | None = None
    diagnostics: str = ""

    def document(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return asdict(self)

    @classmethod
    def of(cls, document: Any) -> ContainerStatus:
        """Read it again; fields of a newer supervisor are left out.

        Raises
        ------
        YarnKernelError
            When it is none.
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
    """Further containers of a kernel cannot be had, or have ended too early."""


class ContainersTimeoutError(ContainersError, TimeoutError):
    """The deadline passed before further containers ran, or had ended."""

    exit_code = 3
